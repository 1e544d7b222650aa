"""An annulment names one thing, and each type of event is known by its name."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.ledger.events import ACCEPTED_TYPES, EVENT_TYPES, LEDGER_EVENT, FinanceReported, ResultAnnulled
from tests.support.small_finance import finance_report

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
FINANCE = {
    **{name: ANNULMENT[name] for name in ("election", "mode", "definition", "seq", "created_at")},
    **finance_report(),
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
    assert len(EVENT_TYPES) == len(set(EVENT_TYPES)) == 12


ACCOUNTS = {"party": "P1", "contest": "president", "choice": "01"}


@pytest.mark.parametrize("named", [("party",), ("contest", "choice")])
def test_a_finance_report_names_a_party_or_a_candidate(named: tuple[str, ...]) -> None:
    body = {**FINANCE, **dict.fromkeys(ACCOUNTS), **{name: ACCOUNTS[name] for name in named}}
    assert isinstance(LEDGER_EVENT.validate_python(body), FinanceReported)


@pytest.mark.parametrize("named", [(), ("contest",), ("choice",), ("party", "choice"), ("party", "contest", "choice")])
def test_a_finance_report_of_no_account_or_of_two_is_refused(named: tuple[str, ...]) -> None:
    body = {**FINANCE, **dict.fromkeys(ACCOUNTS), **{name: ACCOUNTS[name] for name in named}}
    with pytest.raises(ValidationError, match="a finance report names either `party`, or `contest` and `choice`"):
        LEDGER_EVENT.validate_python(body)


@pytest.mark.parametrize("amount", [1.0, "1", True, -1, 10**14 + 1])
def test_an_amount_is_a_whole_number_of_the_minor_unit(amount: object) -> None:
    with pytest.raises(ValidationError, match="spending"):
        LEDGER_EVENT.validate_python({**FINANCE, "spending": [{"kind": "meetings", "amount": amount}]})


@pytest.mark.parametrize("day", ["2029-02-29", "2029-2-1", "2029-02-14T00:00:00Z", ""])
def test_a_day_is_one_of_the_calendar(day: str) -> None:
    with pytest.raises(ValidationError, match="submitted"):
        LEDGER_EVENT.validate_python({**FINANCE, "submitted": day})
