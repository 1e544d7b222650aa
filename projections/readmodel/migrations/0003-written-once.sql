-- What is always written together is one row, and nothing is written twice: a result takes two rows and two index entries
-- where it took three rows and ten, before the indexes of lists (recording.LIST_INDEXES), which the recorder makes.
-- Numbers are JSON, as in the topics, because an array of bigint took three times the bytes, and most of the time.

-- Every ledger record, stored once, with its state. `event` and `leaf` are hashes. `payload` is the event as it was
-- signed; null where it could not be read. `received_us` is the gateway's time in microseconds since 1970, 0 where the record
-- has none. `area` is the area that the record is about; `shard` the area at the shard level that holds it, or `area` itself
-- where that lies above. `findings` is a JSON array of rule, severity and sentences.
CREATE TABLE new_record (
    partition integer NOT NULL,
    version integer,
    "offset" bigint NOT NULL,
    received_us bigint NOT NULL,
    event bytea NOT NULL,
    leaf bytea,
    office text NOT NULL,
    type text NOT NULL,
    key text NOT NULL,
    station text,
    contest text,
    area text,
    shard text,
    state text NOT NULL,
    findings text NOT NULL,
    payload text
);
INSERT INTO new_record
SELECT partition, version, "offset", received_us, decode(event, 'hex'), leaf, office, type, key, station, contest, area, shard,
       state, findings, payload
FROM record JOIN record_state USING (partition, "offset")
ORDER BY partition, "offset";
DROP TABLE record, record_state;
ALTER TABLE new_record RENAME TO record;
ALTER TABLE record ADD PRIMARY KEY (partition, "offset");

-- Result of each station in each contest, by the form at `offset`: event and version are in its record. `area` and
-- `partition` are the station's, from the package. `contribution` is a JSON array.
CREATE TABLE standing (
    partition integer NOT NULL,
    "offset" bigint,
    through bigint NOT NULL,
    area text NOT NULL,
    contest text NOT NULL,
    station text NOT NULL,
    state text NOT NULL,
    contribution text
);
INSERT INTO standing
SELECT partition, "offset", through, area, contest, station, state, array_to_json(contribution)::text FROM station_result
ORDER BY area, contest, station;
DROP TABLE station_result;
ALTER TABLE standing RENAME TO station_result;
ALTER TABLE station_result ADD PRIMARY KEY (area, contest, station);

-- Tallies as in projections/area/tally.py, JSON arrays. The office is the contest's.
ALTER TABLE area_tally DROP COLUMN office, ALTER COLUMN tally TYPE text USING array_to_json(tally)::text;
ALTER TABLE office_tally ALTER COLUMN tally TYPE text USING array_to_json(tally)::text;
