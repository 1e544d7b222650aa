"""JSON Schema of all events, of the envelope and of the receipt, for docs/reference/events.schema.json and the API."""

from __future__ import annotations

from typing import Any

from schemas.ledger.envelope import ENVELOPE, Receipt
from schemas.ledger.events import LEDGER_EVENT


def event_schemas() -> dict[str, Any]:
    """`{"$schema", "event", "envelope", "receipt"}`, each a JSON Schema 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "event": LEDGER_EVENT.json_schema(),
        "envelope": ENVELOPE.json_schema(),
        "receipt": Receipt.model_json_schema(),
    }
