"""An annulment names one thing, and each type of event is known by its name."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.ledger.events import ACCEPTED_TYPES, EVENT_TYPES, LEDGER_EVENT, ResultAnnulled

ANNULMENT = {
    "type": "result.annulled",
    "election": "small",
    "mode": "rehearsal",
    "definition": "0" * 64,
    "seq": 1,
    "created_at": "2029-02-14T13:00:00Z",
    "station": "1.1.1-1",
    "contest": "president",
    "reason": "PSU",
}


@pytest.mark.parametrize("named", [{"through_version": 2}, {"event": "1" * 64}])
def test_an_annulment_names_versions_or_one_form(named: dict[str, Any]) -> None:
    assert isinstance(LEDGER_EVENT.validate_python(ANNULMENT | named), ResultAnnulled)


@pytest.mark.parametrize("named", [{}, {"through_version": 2, "event": "1" * 64}])
def test_an_annulment_of_neither_or_of_both_is_refused(named: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="an annulment names either `through_version` or `event`"):
        LEDGER_EVENT.validate_python(ANNULMENT | named)


def test_accepted_types_are_types() -> None:
    assert set(EVENT_TYPES) > ACCEPTED_TYPES
    assert len(EVENT_TYPES) == len(set(EVENT_TYPES)) == 11
