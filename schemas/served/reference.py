"""JSON Schema of every event and of the envelope: what docs/reference/events.schema.json holds and the API serves."""

from __future__ import annotations

from typing import Any

from schemas.ledger.envelope import ENVELOPE, Receipt
from schemas.ledger.events import LEDGER_EVENT


def event_schemas() -> dict[str, Any]:
    """`{"$schema", "event", "envelope", "receipt"}`, JSON Schema 2020-12 each."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "event": LEDGER_EVENT.json_schema(),
        "envelope": ENVELOPE.json_schema(),
        "receipt": Receipt.model_json_schema(),
    }
