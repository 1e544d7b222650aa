-- The count once more, over sets: what the server folds record by record follows here from all records at once.
-- Statements are separated by lines of the form "-- name"; recount.py runs them. DESIGN 3, DOMAIN 1.2 and 1.3.
--
-- The records of one station are all in one log, or refused (E6). So a few logs are judged at a time, and their rows are then
-- appended to the tables of all logs: memory is bounded by the largest log, not by the election. `record` is a view of the
-- records of the logs that are judged.

-- macros
CREATE MACRO people(r) AS coalesce(r.J, r.L + r.P);
CREATE MACRO differs(a, b, tolerance) AS coalesce(abs(a - b) > tolerance, false);
CREATE MACRO exceeds(a, most, tolerance) AS coalesce(a > most + tolerance, false);

-- electorates
-- Which contests are held where: in all stations of an area, or in single stations of an electoral district.
CREATE TABLE held_in_area AS
SELECT DISTINCT lineage.area, electorate.contest FROM lineage JOIN electorate ON electorate.code = lineage.above;
CREATE TABLE held_in_station AS
SELECT DISTINCT station.code AS station, electorate.contest FROM station JOIN electorate USING (code);

-- denominators
-- For each contest and area: the stations where it is held, their voters, and how many stations have no number of voters.
CREATE TABLE denominator AS
SELECT
    contest, lineage.above AS area, sum(stations)::BIGINT AS stations,
    coalesce(sum(registered), 0)::BIGINT AS registered, sum(not_stated)::BIGINT AS not_stated
FROM (
    SELECT contest, area, count(*) AS stations, sum(station.registered) AS registered,
        count(*) - count(station.registered) AS not_stated
    FROM held_in_area JOIN station USING (area) GROUP BY contest, area
    UNION ALL
    SELECT contest, area, count(*), sum(station.registered), count(*) - count(station.registered)
    FROM held_in_station JOIN station ON station.code = held_in_station.station
    ANTI JOIN held_in_area ON held_in_area.area = station.area AND held_in_area.contest = held_in_station.contest
    GROUP BY contest, area
) JOIN lineage USING (area)
GROUP BY contest, lineage.above;

-- refused
-- Which records must not count, and why: the first of these that holds. The order is that of the gateway's checks.
CREATE OR REPLACE TEMP TABLE log_judged AS
SELECT
    record.partition, record."offset", record.event, type, problem, record.key, definition, record.station, record.contest,
    version, seq, prev, reviewed, decision, through_version, withdrawn,
    station.area,
    station.registered,
    CASE
        WHEN type = 'unreadable' THEN 'M0'
        WHEN election <> $election THEN 'E1'
        WHEN mode <> $mode THEN 'E2'
        WHEN definition <> $definition THEN 'E3'
        WHEN type NOT IN (
            'election.opened', 'result.reported', 'result.reviewed', 'result.annulled', 'annulment.withdrawn', 'finance.reported'
        ) THEN 'E4'
        WHEN key.key_id IS NULL THEN 'K1'
        WHEN NOT list_contains(may_submit.roles, key.role) THEN 'K3'
        WHEN NOT signed THEN 'K2'
        WHEN type = 'election.opened' THEN CASE
            WHEN partitions <> $partitions THEN 'E5'
            WHEN key.scope <> $root THEN 'K4'
            WHEN "offset" > 0 THEN 'E7'
        END
        WHEN type = 'finance.reported' THEN CASE
            WHEN NOT $has_finance THEN 'E8'
            WHEN finance_area.code IS NULL THEN 'S3'
            WHEN record.party IS NOT NULL AND party.id IS NULL THEN 'S3'
            WHEN record.party IS NULL AND candidate.area IS DISTINCT FROM record.area THEN 'S3'
            WHEN finance_scope.area IS NULL THEN 'K4'
            WHEN finance_area.partition <> record.partition THEN 'E6'
        END
        WHEN station.code IS NULL THEN 'S1'
        WHEN held_in_area.contest IS NULL AND held_in_station.contest IS NULL THEN 'S2'
        WHEN key.scope <> record.station AND scope.area IS NULL THEN 'K4'
        WHEN station.partition <> record.partition THEN 'E6'
    END AS refusal
FROM record
LEFT JOIN key ON key.key_id = record.key
LEFT JOIN may_submit USING (type)
LEFT JOIN station ON station.code = record.station
LEFT JOIN held_in_area ON held_in_area.area = station.area AND held_in_area.contest = record.contest
LEFT JOIN held_in_station ON held_in_station.station = record.station AND held_in_station.contest = record.contest
LEFT JOIN lineage AS scope ON scope.area = station.area AND scope.above = key.scope
LEFT JOIN finance_area ON finance_area.code = record.area
LEFT JOIN party ON party.id = record.party
LEFT JOIN candidate ON candidate.contest = record.contest AND candidate.choice = record.choice
LEFT JOIN lineage AS finance_scope ON finance_scope.area = record.area AND finance_scope.above = key.scope;

-- sequences
-- Events whose number their key has used before in this partition (Q1), or whose prev is not the event before (Q2), as far as
-- both are among the $kept numbers up to the highest before them. The genesis is in every partition, and is not numbered in any.
CREATE OR REPLACE TEMP TABLE log_out_of_sequence AS
WITH signed_event AS (
    SELECT partition, key, event, seq, prev, min("offset") AS "offset"
    FROM log_judged
    WHERE type <> 'election.opened' AND (refusal IS NULL OR refusal IN ('S1', 'S2', 'S3', 'K4', 'E6', 'E8'))
    GROUP BY partition, key, event, seq, prev
),
numbered AS (
    SELECT
        *,
        max(seq) OVER (
            PARTITION BY partition, key ORDER BY "offset" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS highest,
        row_number() OVER (PARTITION BY partition, key, seq ORDER BY "offset") AS use
    FROM signed_event
    WHERE seq > 0 OR prev IS NULL
),
first_use AS (SELECT partition, key, event, seq, prev, "offset" FROM numbered WHERE use = 1)
SELECT partition, key, event FROM signed_event WHERE seq = 0 AND prev IS NOT NULL
UNION
SELECT numbered.partition, numbered.key, numbered.event
FROM numbered
LEFT JOIN first_use AS below ON below.partition = numbered.partition AND below.key = numbered.key
    AND below.seq = numbered.seq - 1 AND below."offset" < numbered."offset"
    AND below.seq > numbered.highest - $kept
LEFT JOIN first_use AS above ON above.partition = numbered.partition AND above.key = numbered.key
    AND above.seq = numbered.seq + 1 AND above."offset" < numbered."offset"
WHERE (numbered.highest IS NULL OR numbered.seq > numbered.highest - $kept) AND (
    use > 1
    OR (below.event IS NOT NULL AND below.event IS DISTINCT FROM numbered.prev)
    OR (above.event IS NOT NULL AND above.prev IS DISTINCT FROM numbered.event)
);

-- crowded
-- A key has at most $events_per_key events about one station in one contest, in the order of the log; later ones must not count (L1).
UPDATE log_judged SET refusal = 'L1'
FROM (
    SELECT station, contest, key, event
    FROM log_judged
    SEMI JOIN (
        SELECT station, contest, key FROM log_judged WHERE refusal IS NULL AND station IS NOT NULL
        GROUP BY station, contest, key HAVING count(*) > $events_per_key
    ) USING (station, contest, key)
    WHERE refusal IS NULL
    GROUP BY station, contest, key, event
    QUALIFY row_number() OVER (PARTITION BY station, contest, key ORDER BY min("offset")) > $events_per_key
) AS late
WHERE refusal IS NULL AND log_judged.station = late.station AND log_judged.contest = late.contest
    AND log_judged.key = late.key AND log_judged.event = late.event;

-- repeats
-- Events that are in these logs again: only the first record of each counts. Finance reports count nothing, and no statement
-- below reads them. Hashes come first because the names of all events do
-- not fit into memory at once, and hardly any of them is repeated.
CREATE OR REPLACE TEMP TABLE repeated AS
WITH suspect AS (
    SELECT hash(event) AS of_event FROM log_judged
    WHERE refusal IS NULL AND type <> 'election.opened'
    GROUP BY of_event HAVING count(*) > 1
)
SELECT partition, "offset" FROM log_judged
WHERE refusal IS NULL AND type <> 'election.opened' AND hash(event) IN (SELECT of_event FROM suspect)
QUALIFY row_number() OVER (PARTITION BY station, contest, event ORDER BY "offset") > 1;

-- tables
CREATE TABLE form (
    station VARCHAR, contest VARCHAR, partition INTEGER, "offset" BIGINT, event VARCHAR, key VARCHAR, version BIGINT,
    supersedes VARCHAR, form_hash VARCHAR, area VARCHAR, registered BIGINT,
    A STRUCT(L BIGINT, P BIGINT, J BIGINT), B1 STRUCT(L BIGINT, P BIGINT, J BIGINT), B2 STRUCT(L BIGINT, P BIGINT, J BIGINT),
    B3 STRUCT(L BIGINT, P BIGINT, J BIGINT), B4 STRUCT(L BIGINT, P BIGINT, J BIGINT), stated_total BIGINT,
    votes BIGINT[],
    register BIGINT, voters BIGINT, valid BIGINT, valid_ballots BIGINT, invalid BIGINT, blank BIGINT, total BIGINT,
    broken STRUCT(rule VARCHAR, severity VARCHAR)[], hard BOOLEAN, not_clean BOOLEAN
);

-- forms
-- Each reported form once, from its first record, with the rules that it breaks and the numbers that it adds.
-- {rules} is a list of (rule, severity) made by rules.py. The forms go to the table of all logs at once, because with votes for
-- each candidate they would fill the memory twice.
INSERT INTO form
SELECT
    station, contest, partition, "offset", event, key, version, supersedes, form_hash, area, registered,
    A, B1, B2, B3, B4, VC AS stated_total,
    votes,
    coalesce(registered, people(A)) AS register,
    people(B4) AS voters,
    coalesce(VA, list_sum(votes)::BIGINT, 0) AS valid,
    if(marks = 1, valid, VS) AS valid_ballots,
    VB AS invalid,
    if(counts_blank, VK, 0) AS blank,
    coalesce(VC, valid_ballots + invalid + blank) AS total,
    broken,
    list_bool_or(list_transform(broken, lambda each: each.severity = 'hard')) IS TRUE AS hard,
    list_bool_or(list_transform(broken, lambda each: each.severity <> 'info')) IS TRUE OR is_out_of_sequence AS not_clean
FROM (
    SELECT
        record.*,
        log_judged.area,
        log_judged.registered,
        office,
        marks,
        counts_blank,
        list_filter([{rules}], lambda each: each IS NOT NULL) AS broken,
        log_out_of_sequence.event IS NOT NULL AS is_out_of_sequence
    FROM record
    JOIN log_judged USING (partition, "offset")
    ANTI JOIN repeated ON repeated.partition = record.partition AND repeated."offset" = record."offset"
    LEFT JOIN log_out_of_sequence
        ON log_out_of_sequence.partition = record.partition AND log_out_of_sequence.key = record.key
        AND log_out_of_sequence.event = record.event
    LEFT JOIN (SELECT id, office, marks, counts_blank FROM contest) AS contest ON contest.id = record.contest
    WHERE log_judged.type = 'result.reported' AND log_judged.refusal IS NULL
);

-- reviews
-- A review of what is not in the ledger decides nothing (R3), also when the form comes later.
UPDATE log_judged SET refusal = 'R3'
WHERE type = 'result.reviewed' AND refusal IS NULL AND NOT EXISTS (
    SELECT 1 FROM log_form WHERE log_form.station = log_judged.station AND log_form.contest = log_judged.contest
        AND log_form.event = log_judged.reviewed AND log_form."offset" < log_judged."offset"
);
-- A review that is repeated decides as it first did: it must not undo another that came between.
CREATE OR REPLACE TEMP TABLE log_review AS
SELECT station, contest, partition, "offset", reviewed, decision
FROM log_judged WHERE type = 'result.reviewed' AND refusal IS NULL
QUALIFY row_number() OVER (PARTITION BY station, contest, event ORDER BY "offset") = 1;

-- annulments
-- An annulment names a form that is in the ledger, or at most the highest version there is, without those that wait far
-- above it (N2).
CREATE OR REPLACE TEMP TABLE in_reach AS
SELECT log_judged.partition, log_judged."offset"
FROM log_judged JOIN log_form USING (station, contest)
WHERE log_judged.type = 'result.annulled' AND log_judged.refusal IS NULL AND log_form."offset" < log_judged."offset"
GROUP BY log_judged.partition, log_judged."offset", log_judged.through_version, log_judged.reviewed
HAVING coalesce(bool_or(log_form.event = log_judged.reviewed), false) OR coalesce(log_judged.through_version <= list_reduce(
    list_prepend(0, list_sort(list_distinct(list(log_form.version)))),
    lambda reached, version: CASE WHEN version <= reached + $step THEN version ELSE reached END
), false);
UPDATE log_judged SET refusal = 'N2'
WHERE type = 'result.annulled' AND refusal IS NULL AND NOT EXISTS (
    SELECT 1 FROM in_reach WHERE in_reach.partition = log_judged.partition AND in_reach."offset" = log_judged."offset"
);
CREATE OR REPLACE TEMP TABLE log_annulment AS
SELECT station, contest, partition, "offset", event, through_version, reviewed AS form, role
FROM log_judged JOIN key ON key.key_id = log_judged.key
WHERE type = 'result.annulled' AND refusal IS NULL
QUALIFY row_number() OVER (PARTITION BY station, contest, event ORDER BY "offset") = 1;
-- An annulment is withdrawn once, by its own role (N3).
CREATE OR REPLACE TEMP TABLE log_withdrawal AS
SELECT log_judged.station, log_judged.contest, log_judged.partition, log_judged."offset", log_judged.event, log_judged.withdrawn
FROM log_judged JOIN key ON key.key_id = log_judged.key
JOIN log_annulment AS annulment ON annulment.station = log_judged.station AND annulment.contest = log_judged.contest
    AND annulment.event = log_judged.withdrawn AND annulment."offset" < log_judged."offset" AND annulment.role = key.role
WHERE type = 'annulment.withdrawn' AND refusal IS NULL
QUALIFY row_number() OVER (
    PARTITION BY log_judged.station, log_judged.contest, log_judged.withdrawn ORDER BY log_judged."offset"
) = 1;
UPDATE log_judged SET refusal = 'N3'
WHERE type = 'annulment.withdrawn' AND refusal IS NULL AND NOT EXISTS (
    SELECT 1 FROM log_withdrawal WHERE log_withdrawal.station = log_judged.station
        AND log_withdrawal.contest = log_judged.contest AND log_withdrawal.event = log_judged.event
);

-- keep
-- The logs are judged: their rows are appended to those of all logs.
CREATE TABLE IF NOT EXISTS judged AS FROM log_judged WHERE false;
INSERT INTO judged FROM log_judged;
CREATE TABLE IF NOT EXISTS out_of_sequence AS FROM log_out_of_sequence WHERE false;
INSERT INTO out_of_sequence FROM log_out_of_sequence;
CREATE TABLE IF NOT EXISTS review AS FROM log_review WHERE false;
INSERT INTO review FROM log_review;
CREATE TABLE IF NOT EXISTS annulment AS FROM log_annulment WHERE false;
INSERT INTO annulment FROM log_annulment;
CREATE TABLE IF NOT EXISTS withdrawal AS FROM log_withdrawal WHERE false;
INSERT INTO withdrawal FROM log_withdrawal;

-- findings
CREATE OR REPLACE TABLE irregular (
    kind VARCHAR, key VARCHAR, first BIGINT, last BIGINT, uses BIGINT,
    events STRUCT(event VARCHAR, partition INTEGER, "offset" BIGINT)[], names VARCHAR
);
CREATE OR REPLACE TABLE numbered_key (key VARCHAR, events BIGINT, lowest BIGINT, highest BIGINT);

-- numbering
-- What each key's numbers show in all logs together, for the keys of one bucket: the names of all events do not fit into
-- memory at once. An event with several records is one event. Those that the key has not signed, or not for this election, or
-- of a kind that its role may not submit, are not among its numbers. `record` is where the event's first record is.
CREATE OR REPLACE TEMP TABLE numbered AS
SELECT key, seq, event, any_value(prev) AS prev, min({partition: partition, "offset": "offset"}) AS record
FROM judged
WHERE hash(key) % $buckets = $bucket AND seq IS NOT NULL
    AND (refusal IS NULL OR refusal NOT IN ('M0', 'E1', 'E2', 'E3', 'E4', 'K1', 'K2', 'K3'))
GROUP BY key, seq, event;
-- Events above an unused number, with the event that they name as the one before; `named` is the number of that event.
CREATE OR REPLACE TEMP TABLE above_gap AS
SELECT gap.key, gap.below, gap.seq, event.event, event.prev, event.record, named.seq AS named
FROM (
    SELECT key, seq, lag(seq) OVER (PARTITION BY key ORDER BY seq) AS below
    FROM (SELECT DISTINCT key, seq FROM numbered)
    QUALIFY seq > coalesce(below, -1) + 1
) AS gap
JOIN numbered AS event ON event.key = gap.key AND event.seq = gap.seq
LEFT JOIN numbered AS named ON named.key = gap.key AND named.event = event.prev;
CREATE OR REPLACE TEMP TABLE used_twice AS
SELECT key, seq, count(*) AS uses FROM numbered GROUP BY key, seq HAVING count(*) > 1;
INSERT INTO irregular
-- A gap is a hole unless its key states that nothing is missing: it begins anew, or continues from the event below.
SELECT
    min(CASE WHEN prev IS NULL THEN 'restart' WHEN named = below THEN 'skip' ELSE 'hole' END) AS kind,
    key, coalesce(below, -1) + 1 AS first, seq - 1 AS last, 1 AS uses,
    [arg_min({event: event, partition: record.partition, "offset": record."offset"}, record)] AS events,
    arg_min(prev, record) AS names
FROM above_gap GROUP BY key, below, seq
UNION ALL
SELECT
    'used_twice', key, seq, seq, any_value(uses),
    list({event: event, partition: record.partition, "offset": record."offset"} ORDER BY record, event), NULL
FROM (
    SELECT numbered.*, uses FROM numbered JOIN used_twice USING (key, seq)
    QUALIFY row_number() OVER (PARTITION BY key, seq ORDER BY record, event) <= $shown
)
GROUP BY key, seq
UNION ALL
SELECT
    'wrong_prev', key, seq, seq, 1, [{event: event, partition: record.partition, "offset": record."offset"}], prev
FROM (
    SELECT key, seq, event, prev, record FROM numbered WHERE seq = 0 AND prev IS NOT NULL
    UNION ALL
    SELECT key, seq, event, prev, record FROM above_gap WHERE seq > 0 AND named IS NOT NULL AND named IS DISTINCT FROM below
    UNION ALL
    SELECT key, seq, event, prev, record FROM numbered
    WHERE EXISTS (FROM numbered AS before WHERE before.key = numbered.key AND before.seq = numbered.seq - 1)
        AND NOT EXISTS (
            FROM numbered AS before
            WHERE before.key = numbered.key AND before.seq = numbered.seq - 1 AND before.event = numbered.prev
        )
);
INSERT INTO numbered_key
SELECT key, count(*) AS events, min(seq) AS lowest, max(seq) AS highest FROM numbered GROUP BY key;

-- corrections
-- Forms that do not name, as what they correct, a lower version of the same station and contest that is in the ledger (V6).
INSERT INTO irregular
SELECT kind, key, NULL, NULL, 1, [{event: event, partition: partition, "offset": "offset"}], supersedes
FROM (
    SELECT
        form.*,
        CASE
            WHEN form.version = 1 THEN if(form.supersedes IS NULL, NULL, 'first_corrects')
            WHEN form.supersedes IS NULL THEN 'corrects_none'
            WHEN named.event IS NULL THEN 'corrects_unknown'
            WHEN named.station <> form.station OR named.contest <> form.contest THEN 'corrects_elsewhere'
            WHEN named.version >= form.version THEN 'corrects_not_lower'
        END AS kind
    FROM (FROM form WHERE version > 1 OR supersedes IS NOT NULL) AS form
    LEFT JOIN form AS named ON named.event = form.supersedes
)
WHERE kind IS NOT NULL;

-- standing
-- Which form counts for each wanted station in each wanted contest, after the records up to `cut`. DESIGN 3: the highest valid
-- version wins; of one version, the form that is first in the ledger; a form that breaks a hard rule waits for a review.
CREATE OR REPLACE TEMP TABLE log_standing AS
WITH
reported AS (
    SELECT station, contest, partition, "offset", event, version, supersedes, form_hash, hard, not_clean
    FROM form JOIN cut USING (partition) SEMI JOIN wanted_station USING (station)
    SEMI JOIN wanted_contest USING (contest) WHERE "offset" <= cut.through
),
in_force AS (
    SELECT annulment.* FROM annulment JOIN cut USING (partition) SEMI JOIN wanted_station USING (station)
    SEMI JOIN wanted_contest USING (contest)
    WHERE annulment."offset" <= cut.through AND NOT EXISTS (
        SELECT 1 FROM withdrawal WHERE withdrawal.station = annulment.station AND withdrawal.contest = annulment.contest
            AND withdrawal.withdrawn = annulment.event AND withdrawal."offset" <= cut.through
    )
),
annulled AS (
    SELECT station, contest, coalesce(max(through_version), 0) AS through_version FROM in_force GROUP BY station, contest
),
last_review AS (
    SELECT station, contest, reviewed, arg_max(decision, review."offset") AS decision
    FROM review JOIN cut USING (partition) SEMI JOIN wanted_station USING (station)
    SEMI JOIN wanted_contest USING (contest) WHERE review."offset" <= cut.through GROUP BY station, contest, reviewed
),
mentioned AS (SELECT DISTINCT station, contest FROM reported),
-- How far versions go from 0 without a step of more than $step; where none is above $step, all are within it.
reach AS (
    SELECT station, contest, list_reduce(
        list_prepend(0, list_sort(list_distinct(list(version)))),
        lambda reached, version: CASE WHEN version <= reached + $step THEN version ELSE reached END
    ) AS reached
    FROM reported GROUP BY station, contest HAVING max(version) > $step
),
-- Of forms with one version with the same numbers, the first represents all (V3).
distinct_form AS (
    SELECT
        reported.* EXCLUDE (hard),
        reported.hard OR coalesce(version > reached, false) AS hard,
        coalesce(decision = 'accepted', false) AS is_accepted,
        coalesce(decision = 'rejected', false) AS is_rejected
    FROM reported
    LEFT JOIN annulled USING (station, contest)
    LEFT JOIN reach USING (station, contest)
    ANTI JOIN in_force ON in_force.station = reported.station AND in_force.contest = reported.contest AND in_force.form = reported.event
    LEFT JOIN last_review ON last_review.station = reported.station AND last_review.contest = reported.contest
        AND last_review.reviewed = reported.event
    WHERE version > coalesce(through_version, 0)
    QUALIFY row_number() OVER (PARTITION BY reported.station, reported.contest, version, form_hash ORDER BY reported."offset") = 1
),
-- A review decides only where there is something to decide: a hard rule, or two forms that disagree (V1).
disputed AS (
    SELECT *, hard OR count(*) OVER (PARTITION BY station, contest, version) > 1 AS is_open FROM distinct_form
),
candidate AS (
    SELECT
        * EXCLUDE (is_accepted),
        is_accepted AND is_open AS is_accepted,
        NOT hard OR is_accepted AS is_eligible,
        count(*) OVER (PARTITION BY station, contest, version) > 1 AS is_conflict
    FROM disputed WHERE NOT (is_rejected AND is_open)
),
ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY station, contest, version ORDER BY is_accepted DESC, is_eligible DESC, "offset"
        ) = 1 AND (is_accepted OR is_eligible) AS is_winner
    FROM candidate
),
effective AS (
    SELECT * FROM ranked WHERE is_winner
    QUALIFY row_number() OVER (PARTITION BY station, contest ORDER BY version DESC) = 1
),
-- Beside a winner of its own version a loser changes nothing; above the effective version, or alone, it waits (V2).
held AS (
    SELECT * FROM ranked WHERE NOT is_winner
    QUALIFY row_number() OVER (PARTITION BY station, contest ORDER BY version DESC, "offset") = 1
),
-- The form that counts must follow the version before it (V5), and name a lower one (V6).
out_of_line AS (
    SELECT station, contest FROM effective
    WHERE (version > 1 OR supersedes IS NOT NULL) AND (
        (version > 1 AND NOT EXISTS (
            SELECT 1 FROM reported WHERE reported.station = effective.station AND reported.contest = effective.contest
                AND reported.version = effective.version - 1
        ))
        OR NOT EXISTS (
            SELECT 1 FROM reported WHERE reported.station = effective.station AND reported.contest = effective.contest
                AND reported.event = effective.supersedes AND reported.version < effective.version
        )
    )
)
SELECT
    mentioned.station,
    mentioned.contest,
    CASE
        WHEN effective.event IS NOT NULL THEN CASE
            WHEN effective.not_clean OR effective.is_accepted OR effective.is_conflict
                OR coalesce(held.version > effective.version, false) OR out_of_line.station IS NOT NULL THEN 'flagged'
            ELSE 'counted' END
        WHEN held.event IS NOT NULL THEN 'held'
        WHEN annulled.through_version IS NOT NULL THEN 'annulled'
        ELSE 'waiting'
    END AS state,
    coalesce(effective.event, held.event) AS event,
    coalesce(effective.partition, held.partition) AS partition,
    coalesce(effective."offset", held."offset") AS "offset"
FROM mentioned
LEFT JOIN effective USING (station, contest)
LEFT JOIN held USING (station, contest)
LEFT JOIN out_of_line USING (station, contest)
LEFT JOIN annulled USING (station, contest);

-- cross
-- Rules that compare the forms that count in the contests of one station: they can only flag what would be clean. {rule} is one
-- expression of rules.py.
UPDATE log_standing SET state = 'flagged'
WHERE state = 'counted' AND EXISTS (
    SELECT 1
    FROM (
        SELECT station, contest, event, A, B1, B2, B3, B4, stated_total AS VC, office
        FROM form JOIN contest ON contest.id = form.contest
        SEMI JOIN cut USING (partition)
    ) AS mine
    LEFT JOIN log_standing AS elsewhere ON elsewhere.station = mine.station AND elsewhere.contest <> mine.contest
    LEFT JOIN (
        SELECT station, contest, event, A, B1, B2, B3, B4, office
        FROM form JOIN contest ON contest.id = form.contest
        SEMI JOIN cut USING (partition)
    ) AS other
        ON other.event = elsewhere.event AND other.station = elsewhere.station AND other.contest = elsewhere.contest
    WHERE mine.event = log_standing.event AND mine.station = log_standing.station AND mine.contest = log_standing.contest
        AND list_contains($offices, mine.office) AND ({rule})
);

-- counted
-- The count is empty before the first logs are counted. `counted` has the form that counts, or waits, for each station.
CREATE OR REPLACE TABLE counted (
    contest VARCHAR, station VARCHAR, rank INTEGER, area VARCHAR, state VARCHAR, event VARCHAR, partition INTEGER,
    "offset" BIGINT, version BIGINT, valid BIGINT, register BIGINT, voters BIGINT, valid_ballots BIGINT, invalid BIGINT,
    blank BIGINT, total BIGINT, votes BIGINT[]
);
CREATE OR REPLACE TABLE lowest (
    contest VARCHAR, area VARCHAR, state VARCHAR, stations BIGINT, valid BIGINT, {stated_columns}, votes BIGINT[]
);

-- lowest
-- What the areas that have stations themselves have in each contest: a row for each tier. {stated} is, for each number that a
-- form may leave out, its sum and how many stations do not state it. Stations are stored by rank, because they are
-- fetched in ranges of it.
CREATE OR REPLACE TEMP TABLE log_counted AS
SELECT
    log_standing.contest, log_standing.station, station.rank, station.area, log_standing.state, log_standing.event,
    log_standing.partition, log_standing."offset", version, valid, register, voters, valid_ballots, invalid, blank, total, votes
FROM log_standing
JOIN station ON station.code = log_standing.station
LEFT JOIN (
    SELECT partition, "offset", version, valid, register, voters, valid_ballots, invalid, blank, total, votes
    FROM form SEMI JOIN cut USING (partition)
) AS form ON form.partition = log_standing.partition AND form."offset" = log_standing."offset"
WHERE log_standing.contest IN (SELECT id FROM contest WHERE office = $office);
INSERT INTO counted FROM log_counted ORDER BY contest, rank;
INSERT INTO lowest
WITH tiered AS (
    FROM log_counted WHERE state IN ('counted', 'flagged', 'held', 'annulled')
),
summed AS (
    SELECT contest, area, state, count(*) AS stations, sum(valid)::BIGINT AS valid, {stated} FROM tiered
    GROUP BY contest, area, state
),
count_of_choice AS (
    SELECT contest, area, state, choice, sum(count)::BIGINT AS count
    FROM (
        SELECT contest, area, state, unnest(votes) AS count, generate_subscripts(votes, 1) AS choice
        FROM tiered WHERE state <> 'annulled'
    )
    GROUP BY contest, area, state, choice
),
votes_of_area AS (
    SELECT contest, area, state, list(count ORDER BY choice) AS votes FROM count_of_choice GROUP BY contest, area, state
)
SELECT summed.contest, summed.area, summed.state, stations, valid, {stated_names}, votes
FROM summed LEFT JOIN votes_of_area USING (contest, area, state);

-- sums
-- The same of the wanted areas. {stated_above} adds up {stated}.
CREATE OR REPLACE TEMP TABLE area_sum AS
SELECT
    contest, above AS area, state, sum(stations)::BIGINT AS stations, sum(valid)::BIGINT AS valid,
    {stated_above}
FROM lowest JOIN (FROM lineage SEMI JOIN wanted_area ON wanted_area.area = lineage.above) AS lineage USING (area)
GROUP BY contest, above, state;

CREATE OR REPLACE TEMP TABLE area_votes AS
SELECT contest, above AS area, state, choice, sum(count)::BIGINT AS count
FROM (
    SELECT contest, above, state, unnest(votes) AS count, generate_subscripts(votes, 1) AS choice
    FROM lowest JOIN (FROM lineage SEMI JOIN wanted_area ON wanted_area.area = lineage.above) AS lineage USING (area)
)
GROUP BY contest, above, state, choice;
