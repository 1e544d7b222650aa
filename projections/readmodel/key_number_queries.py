"""The SQL that reads the numbers (`seq`, `prev`) of keys: the newest number of a key, and numbers that are irregular."""

from __future__ import annotations

KEY_RECORDS_MAX = 1_000
"""The newest records of a key among which its highest number is looked up, because the records of a batch may be in any
order."""
NEWEST_OF_KEY = """
SELECT encode(event, 'hex') AS event, (payload::json ->> 'seq')::bigint AS seq
FROM (
    SELECT event, payload FROM record
    WHERE key = $1 AND payload IS NOT NULL AND findings !~ '"rule": *"(E[1-4]|K[1-3])"'
    ORDER BY received_us DESC, partition DESC, "offset" DESC LIMIT $2
) AS newest
ORDER BY seq DESC LIMIT 1
"""
"""Takes a key and KEY_RECORDS_MAX. Reads only events that the key itself has signed, because a record that was written past
the gateways can name the key too, and is refused."""

EVENTS_OF_NUMBER_MAX = 10
"""Events of one number of a key that are shown; two prove that it was used twice."""
NUMBERS_OF_KEYS = f"""
WITH numbered AS MATERIALIZED (
    SELECT key, (payload::json ->> 'seq')::bigint AS seq, event, decode(payload::json ->> 'prev', 'hex') AS prev,
           min(ARRAY[partition, "offset"]) AS record_at
    FROM record
    WHERE payload IS NOT NULL AND findings !~ '"rule": *"(M0|E[1-4]|K[1-3])"'
    GROUP BY 1, 2, 3, 4
),
gap AS (
    SELECT key, below, seq
    FROM (
        SELECT key, seq, lag(seq) OVER (PARTITION BY key ORDER BY seq) AS below
        FROM (SELECT DISTINCT key, seq FROM numbered) AS used
    ) AS steps
    WHERE seq > coalesce(below, -1) + 1
),
above_gap AS MATERIALIZED (
    SELECT gap.*, numbered.event, numbered.prev, numbered.record_at, named.seq AS named
    FROM gap JOIN numbered USING (key, seq)
    LEFT JOIN numbered AS named ON named.key = gap.key AND named.event = numbered.prev
),
used_twice AS (SELECT key, seq, count(*) AS uses FROM numbered GROUP BY key, seq HAVING count(*) > 1),
wrong AS (
    SELECT key, seq, event, prev, record_at FROM numbered WHERE seq = 0 AND prev IS NOT NULL
    UNION ALL
    SELECT key, seq, event, prev, record_at FROM above_gap WHERE named IS NOT NULL AND named IS DISTINCT FROM below AND seq > 0
    UNION ALL
    SELECT key, seq, event, prev, record_at FROM numbered
    WHERE EXISTS (SELECT FROM numbered AS before WHERE before.key = numbered.key AND before.seq = numbered.seq - 1)
        AND NOT EXISTS (
            SELECT FROM numbered AS before
            WHERE before.key = numbered.key AND before.seq = numbered.seq - 1 AND before.event = numbered.prev
        )
),
found AS (
    SELECT 'used twice' AS kind, key, seq AS first, seq AS last,
           array_agg(encode(event, 'hex') ORDER BY record_at, event) AS events,
           array_agg(record_at[1] || '/' || record_at[2] ORDER BY record_at, event) AS records, NULL AS names
    FROM (
        SELECT numbered.*, row_number() OVER (PARTITION BY key, seq ORDER BY record_at, event) AS use
        FROM numbered JOIN used_twice USING (key, seq)
    ) AS uses
    WHERE use <= {EVENTS_OF_NUMBER_MAX}
    GROUP BY key, seq
    UNION ALL
    SELECT 'wrong prev', key, seq, seq, ARRAY[encode(event, 'hex')], ARRAY[record_at[1] || '/' || record_at[2]],
           encode(prev, 'hex')
    FROM wrong
    UNION ALL
    SELECT * FROM (
        SELECT DISTINCT ON (key, seq)
            CASE WHEN prev IS NULL THEN 'new start' WHEN named = below THEN 'declared gap' ELSE 'hole' END AS kind,
            key, coalesce(below, -1) + 1, seq - 1, ARRAY[encode(event, 'hex')], ARRAY[record_at[1] || '/' || record_at[2]],
            encode(prev, 'hex')
        FROM above_gap
        -- Where several events have the number, one that names what is missing comes first.
        ORDER BY key, seq, prev IS NULL, named IS NOT DISTINCT FROM below, record_at
    ) AS gaps
)
SELECT kind, key, first, last, events, records, names, total
FROM (
    SELECT *, count(*) OVER (PARTITION BY kind) AS total, row_number() OVER (PARTITION BY kind ORDER BY key, first) AS number
    FROM found
) AS counted
WHERE number <= $1
ORDER BY array_position(ARRAY['used twice', 'wrong prev', 'hole', 'new start', 'declared gap'], kind), number
"""  # noqa: S608  # our own number
"""The numbers of keys' events (`seq`, `prev`) that are not one after another, over all partitions. Takes how many of each kind
are listed; each row has the total of its kind. As in NEWEST_OF_KEY, only events that the key itself has signed are read. A new
start has no `prev`, which happens if an outbox was lost. In a declared gap, `prev` is the event with the next lower number that
exists."""
