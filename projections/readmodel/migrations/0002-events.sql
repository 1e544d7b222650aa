-- The log is listed in the order of receipt: by all, area, author, contest, type.

-- `leaf` is the RFC 6962 leaf hash, null in rows from before this migration. `received_us` is the gateway's time in
-- microseconds since 1970, 0 where the record has none. `area` is the area that the record is about; `shard` the area at
-- the shard level that holds it, or `area` itself where that lies above.
ALTER TABLE record
    ADD COLUMN leaf bytea,
    ADD COLUMN received_us bigint NOT NULL DEFAULT 0,
    ADD COLUMN area text,
    ADD COLUMN shard text;

CREATE INDEX record_received ON record (received_us, partition, "offset");
CREATE INDEX record_shard ON record (shard, received_us, partition, "offset") WHERE shard IS NOT NULL;
CREATE INDEX record_key ON record (key, received_us, partition, "offset");
CREATE INDEX record_contest ON record (contest, received_us, partition, "offset") WHERE contest IS NOT NULL;
-- Nearly all records are reports: those are found in record_received.
CREATE INDEX record_type ON record (type, received_us, partition, "offset") WHERE type <> 'result.reported';
