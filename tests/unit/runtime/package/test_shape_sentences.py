"""A value that does not have its shape is explained by the shape that it should have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from runtime.package.shape_sentences import PATTERN_SENTENCES, first_sentence
from schemas.definition.package import TABLES, Election
from schemas.definition.profiles import PROFILE_TABLES
from schemas.ledger.envelope import ENVELOPE
from schemas.ledger.events import LEDGER_EVENT


def _patterns(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(pattern := schema.get("pattern"), str):
            yield pattern
        for each in schema.values():
            yield from _patterns(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _patterns(each)


def test_each_pattern_of_packages_envelopes_and_events_has_a_sentence() -> None:
    models: list[type[BaseModel]] = [Election, *TABLES.values(), *PROFILE_TABLES.values()]
    schemas = [each.model_json_schema() for each in models]
    schemas += [ENVELOPE.json_schema(), LEDGER_EVENT.json_schema()]
    assert set(_patterns(schemas)) <= set(PATTERN_SENTENCES)


def test_a_payload_of_another_type_is_named_as_that() -> None:
    with pytest.raises(ValidationError) as error:
        ENVELOPE.validate_python({"payload": "e30=", "payloadType": "text/plain", "signatures": []})
    assert first_sentence(error.value) == (
        "payloadType: 'text/plain' is not the type of our events, application/vnd.rekap.event+json"
    )
