"""Sentences on irregular numbers (`seq`, `prev`) of a key's events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def irregular_sentence(row: Mapping[str, Any]) -> str:
    events = " and ".join(
        f"event {event} (record {record})" for event, record in zip(row["events"], row["records"], strict=True)
    )
    numbers = f"number {row['first']}" if row["first"] == row["last"] else f"numbers {row['first']} to {row['last']}"
    what = {
        "used twice": f"on {events}",
        "wrong prev": f"{events} names {row['names'] or 'none'} as the one before it",
        "hole": f"not in the ledger; {events} above names {row['names']} as the one before it",
        "new start": f"not used; {events} above names none before it, as where an outbox was lost",
        "declared gap": f"not used; {events} above names the event below as the one before it",
    }
    return f"{row['kind']}: key {row['key']}, {numbers}: {what[row['kind']]}"
