"""Each example has the shape of its answer, and each event its JSON Schema."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.ledger.events import EVENT_TYPES
from schemas.served.examples import EXAMPLES
from schemas.served.proofs import ConsistencyProof, InclusionProof, LogAbout, Logs
from schemas.served.reference import event_schemas


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda model: model.__name__)
def test_an_example_has_the_shape_of_its_answer(model: type[Any]) -> None:
    assert model.model_validate(EXAMPLES[model]).model_dump(mode="json", exclude_unset=True) == EXAMPLES[model]


def test_the_schemas_are_those_of_all_events_of_the_envelope_and_of_the_receipt() -> None:
    schemas = event_schemas()
    assert set(schemas) == {"$schema", "event", "envelope", "receipt"}
    assert set(schemas["event"]["discriminator"]["mapping"]) == set(EVENT_TYPES)


def test_answers_about_logs_refuse_fields_that_are_not_theirs() -> None:
    for model in (LogAbout, Logs, InclusionProof, ConsistencyProof):
        assert model.model_config["extra"] == "forbid"
