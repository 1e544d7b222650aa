-- How far each log has been published, and with which root. Not part of the read model: each row was promised to readers,
-- so it is only moved forward, and never made again.
CREATE TABLE log_head (
    partition integer PRIMARY KEY,
    size bigint NOT NULL,
    root text NOT NULL
);
