-- Offices that the recorder has stopped storing, and why. Other offices go on, so `topic_position` does too: `next_offset` says
-- where in each partition what is not stored of this office begins, and a recorder that is started tries again from there.
CREATE TABLE office_stop (
    office text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (office, topic, partition)
);
