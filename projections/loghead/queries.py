"""The SQL of the logs' heads: one row for each log, by which two notaries agree on one history."""

from __future__ import annotations

from schemas.definition.package import Election


def schema_of(election: Election) -> str:
    return f"log_{election.mode.value}_{election.id}"[:63]


HEADS = "SELECT partition, size, root FROM log_head"

HEAD = "SELECT size, root FROM log_head WHERE partition = $1"

ADVANCE = """
INSERT INTO log_head (partition, size, root) VALUES ($1, $2, $3)
ON CONFLICT (partition) DO UPDATE SET size = excluded.size, root = excluded.root
    WHERE log_head.size = $4 AND log_head.root = $5
RETURNING size
"""
"""Compare and set, from the head (size, root) in $4 and $5. Returns a row where the head was moved."""
