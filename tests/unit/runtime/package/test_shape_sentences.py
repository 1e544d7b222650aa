"""A value that does not have its shape is explained by the shape that it should have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError

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


class _Left(BaseModel):
    side: Literal["left"]


class _Right(BaseModel):
    side: Literal["right"]


def _refuse(value: int) -> int:
    if value == 1:
        raise ValueError("one is not enough")
    return value


class _Shape(BaseModel):
    flag: bool
    time: AwareDatetime
    day: date
    kind: Annotated[_Left | _Right, Field(discriminator="side")]
    own: Annotated[int, AfterValidator(_refuse)]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("flag", "perhaps", "flag: expected true or false, got 'perhaps'"),
        ("time", "tomorrow", "time: expected a time such as 2029-02-14T13:05:00+07:00, got 'tomorrow'"),
        (
            "time",
            "2029-02-14T13:05:00",
            "time: expected a time such as 2029-02-14T13:05:00+07:00, got '2029-02-14T13:05:00'",
        ),
        ("day", "tomorrow", "day: expected a date such as 2029-02-14, got 'tomorrow'"),
        ("kind", {"side": "up"}, "kind: 'up' is not one of left, right"),
        ("kind", {}, "kind: has no field 'side'"),
        ("own", 1, "own: one is not enough"),
    ],
)
def test_the_field_what_was_expected_and_what_came_are_named(field: str, value: Any, sentence: str) -> None:
    good = {"flag": True, "time": "2029-02-14T13:05:00Z", "day": "2029-02-14", "kind": {"side": "left"}, "own": 2}
    with pytest.raises(ValidationError) as error:
        _Shape.model_validate({**good, field: value})
    assert first_sentence(error.value) == sentence


def test_what_is_not_json_and_what_has_no_words_yet_are_no_sentence_of_the_library() -> None:
    with pytest.raises(ValidationError) as error:
        ENVELOPE.validate_json(b"nonsense")
    assert first_sentence(error.value) == "expected JSON, got b'nonsense'"
    with pytest.raises(ValidationError) as error:
        TypeAdapter(complex).validate_python("x")
    assert "Input" not in first_sentence(error.value)
    assert first_sentence(error.value).startswith("'x' does not fit here (complex")
