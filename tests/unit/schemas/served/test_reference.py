"""The JSON Schemas that are published: which there are, and of which version of JSON Schema."""

from __future__ import annotations

from schemas.ledger.events import EVENT_TYPES
from schemas.served.reference import event_schemas


def test_the_schemas_of_events_envelope_and_receipt_name_their_version_of_json_schema() -> None:
    schemas = event_schemas()
    assert schemas.keys() == {"$schema", "event", "envelope", "receipt"}
    assert schemas["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schemas["event"]["discriminator"]["mapping"].keys() == set(EVENT_TYPES)
    assert schemas["envelope"]["required"] == ["payload", "payloadType", "signatures"]
    assert "leaf_hash" in schemas["receipt"]["required"]
