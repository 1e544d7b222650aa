-- The stations of any area are neighbours in an index: `place` is the rank in projections/definition/stations.py: StationOrder,
-- which SQL cannot make. So all tables are emptied, and the recorder stores their rows again from the topics.
DROP TABLE station_result;
TRUNCATE record, area_tally, office_tally, block_watermark, result_watermark, topic_position, office_stop;

-- Result of each station in each contest, by the form at `offset`: event and version are in its record. `partition` is
-- the station's, from the package. `contribution` is a JSON array.
CREATE TABLE station_result (
    place integer NOT NULL,
    partition integer NOT NULL,
    "offset" bigint,
    through bigint NOT NULL,
    contest text NOT NULL,
    station text NOT NULL,
    state text NOT NULL,
    contribution text,
    PRIMARY KEY (contest, place)
);

-- Lists read these in their order, a page at a time, whatever is looked for (recording.LIST_INDEXES makes the new ones).
DROP INDEX IF EXISTS record_event, record_station;
