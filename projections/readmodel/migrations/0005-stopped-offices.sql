-- Offices that the recorder has stopped storing, and why. Other offices are still stored, so `topic_position` moves on. `next_offset` is
-- the first offset in each partition that is not stored of this office. A recorder that is started tries again from it.
CREATE TABLE office_stop (
    office text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (office, topic, partition)
);
