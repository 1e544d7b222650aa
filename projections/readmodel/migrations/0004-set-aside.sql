-- Messages of the topics that the recorder read and did not believe (runtime/kafka/set_aside.py): a row for each partition and reason.
CREATE TABLE set_aside (
    topic text NOT NULL,
    partition integer NOT NULL,
    reason text NOT NULL,
    messages bigint NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    newest_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, reason)
);
