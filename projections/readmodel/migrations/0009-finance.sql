-- Campaign finance reports that were admitted, in the order of the list: by account, kind of report and version. What a report
-- states, and what became of it, is in its record. The columns are its account's, for filters.
CREATE TABLE finance_report (
    account text COLLATE "C" NOT NULL,
    report text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    area text NOT NULL,
    party text,
    contest text,
    PRIMARY KEY (account, report, version, partition, "offset")
);
CREATE INDEX finance_report_area ON finance_report (area, account, report, version, partition, "offset");
CREATE INDEX finance_report_party ON finance_report (party, account, report, version, partition, "offset") WHERE party IS NOT NULL;
CREATE INDEX finance_report_contest ON finance_report (contest, account, report, version, partition, "offset")
    WHERE contest IS NOT NULL;
