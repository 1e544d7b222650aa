-- The read model: what the API serves. All of it can be dropped and built again from the topics (invariant 1).

-- How far the recorder is in each topic it reads. Moved in the transaction that writes the rows, by comparing first:
-- a second recorder that wakes up late moves nothing.
CREATE TABLE topic_position (
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
);

-- For each office and ledger partition the offset of the last event stored: the cut of stations and of areas below the
-- shard level.
CREATE TABLE block_watermark (
    office text NOT NULL,
    partition integer NOT NULL,
    through bigint NOT NULL,
    PRIMARY KEY (office, partition)
);

-- The cut of areas from the shard level up, an offset for each ledger partition.
CREATE TABLE result_watermark (
    office text PRIMARY KEY,
    as_of bigint[] NOT NULL
);

-- Every ledger record, stored once. `payload` is the event as it was signed; null where it could not be read.
CREATE TABLE record (
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    event text NOT NULL,
    office text NOT NULL,
    type text NOT NULL,
    key text NOT NULL,
    station text,
    contest text,
    version integer,
    payload text,
    PRIMARY KEY (partition, "offset")
);
CREATE INDEX record_event ON record (event);
CREATE INDEX record_station ON record (station) WHERE station IS NOT NULL;

-- What became of each record; `findings` is a JSON array of rule, severity and sentences.
CREATE TABLE record_state (
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    state text NOT NULL,
    findings text NOT NULL,
    PRIMARY KEY (partition, "offset")
);

-- Result of each station in each contest. `area` and `partition` are the station's, from the package.
CREATE TABLE station_result (
    station text NOT NULL,
    contest text NOT NULL,
    office text NOT NULL,
    area text NOT NULL,
    partition integer NOT NULL,
    state text NOT NULL,
    "offset" bigint,
    event text,
    version integer,
    contribution bigint[],
    through bigint NOT NULL,
    PRIMARY KEY (station, contest)
);
CREATE INDEX station_result_area ON station_result (area, contest, station);
CREATE INDEX station_result_attention ON station_result (contest, state, station) WHERE state <> 'counted';

-- Tallies as in projections/area/tally.py. Blocks have the areas below the shard level, results the others.
CREATE TABLE area_tally (
    contest text NOT NULL,
    area text NOT NULL,
    office text NOT NULL,
    tally bigint[] NOT NULL,
    PRIMARY KEY (area, contest)
) WITH (fillfactor = 70);

-- Sums by party over all contests of an office, from the shard level up.
CREATE TABLE office_tally (
    office text NOT NULL,
    area text NOT NULL,
    tally bigint[] NOT NULL,
    PRIMARY KEY (area, office)
) WITH (fillfactor = 70);
