-- How far each log has been published, and with which root. Not a read model: what stands here was promised to readers,
-- so it is moved forward only, and never built again.
CREATE TABLE log_head (
    partition integer PRIMARY KEY,
    size bigint NOT NULL,
    root text NOT NULL
);
