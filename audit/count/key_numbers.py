"""What the keys' numbers show, as recount.sql finds it in the records of all logs, for numbering.py's sentences."""

from __future__ import annotations

from collections.abc import Callable

from audit.count.database import Database
from audit.count.numbering import (
    EVENTS_OF_NUMBER_MAX,
    FINDINGS_OF_KEY_MAX,
    FINDINGS_OF_KIND_MAX,
    KEYS_MAX,
    NUMBERS_MAX,
    SENTENCES,
    EventRecord,
    Irregular,
    KeyCounts,
    Numbering,
)

EVENTS_OF_BUCKET = 500_000
"""Events whose numbers are compared at once, about 250 bytes each. At double, a bucket leaves MEMORY for the disk."""


def read_numbering(database: Database, progress: Callable[[int, int], None]) -> Numbering:
    db = database.connection
    database.run("findings")
    (records,) = db.execute("SELECT count(*) FROM judged").fetchall()[0]
    buckets = 1 + records // EVENTS_OF_BUCKET
    for bucket in range(buckets):
        database.run("numbering", bucket=bucket, buckets=buckets, shown=EVENTS_OF_NUMBER_MAX)
        progress(bucket + 1, buckets)
    database.run("corrections")
    counts = dict.fromkeys(SENTENCES, 0) | dict(
        db.execute("SELECT kind, count(*) FROM irregular GROUP BY kind").fetchall()
    )
    keys, events = db.execute("SELECT count(*), coalesce(sum(events), 0)::BIGINT FROM numbered_key").fetchall()[0]
    (missing,) = db.execute(
        "SELECT coalesce(sum(last - first + 1), 0)::HUGEINT FROM irregular WHERE kind = 'hole'"
    ).fetchall()[0]
    first_keys = db.execute(
        """
        SELECT
            key, any_value(events), any_value(lowest), any_value(highest),
            count(*) FILTER (kind = 'used_twice') AS used_twice,
            count(*) FILTER (kind = 'wrong_prev') AS wrong_prev,
            count(*) FILTER (kind = 'hole') AS holes,
            coalesce(sum(last - first + 1) FILTER (kind = 'hole'), 0)::HUGEINT,
            count(*) FILTER (kind = 'restart'), count(*) FILTER (kind = 'skip'),
            count(*) FILTER (contains(kind, 'corrects')) AS corrections
        FROM (SELECT key, kind, first, last FROM irregular) JOIN numbered_key USING (key)
        GROUP BY key ORDER BY used_twice DESC, wrong_prev DESC, holes DESC, corrections DESC, key LIMIT $1
        """,
        [KEYS_MAX],
    ).fetchall()
    first = db.execute(
        """
        SELECT kind, key, first, last, uses, events, names
        FROM (
            FROM irregular
            QUALIFY row_number() OVER (PARTITION BY kind, key ORDER BY first, events) <= $of_key
        )
        QUALIFY row_number() OVER (PARTITION BY kind ORDER BY key, first, events) <= $of_kind
        ORDER BY list_position($kinds, kind), key, first, events
        """,
        {"of_key": FINDINGS_OF_KEY_MAX, "of_kind": FINDINGS_OF_KIND_MAX, "kinds": list(SENTENCES)},
    ).fetchall()
    return Numbering(
        keys,
        events,
        counts,
        min(missing, NUMBERS_MAX),
        [KeyCounts(*row) for row in first_keys],
        [
            Irregular(kind, key, begin, end, uses, tuple(EventRecord(**event) for event in events), names)
            for kind, key, begin, end, uses, events, names in first
        ],
    )
