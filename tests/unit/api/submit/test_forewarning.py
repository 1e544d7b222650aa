"""What a gateway warns of: only what it has seen itself."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from api.submit import forewarning
from api.submit.forewarning import Forewarning
from schemas.ledger.events import LEDGER_EVENT, ResultReported
from schemas.ledger.reports import LedgerEvent, report_from
from tests.support.ledger import CREATED_AT
from tests.support.small_election import reported, reviewed
from tests.support.small_finance import finance_report

KEY = "ab" * 8
FRAME = {"election": "small", "mode": "rehearsal", "definition": "0" * 64, "created_at": CREATED_AT}


def _id(number: int) -> str:
    return f"{number:02x}" * 32


def _event(seq: int, *, prev: int | None = None, version: int = 1, corrects: int | None = None) -> LedgerEvent:
    body: dict[str, Any] = FRAME | reported("1.1.1-1", version=version) | {"seq": seq}
    body |= {"prev": None if prev is None else _id(prev), "supersedes": None if corrects is None else _id(corrects)}
    event = LEDGER_EVENT.validate_python(body)
    assert isinstance(event, ResultReported)
    return report_from(event)


def _rules(gateway: Forewarning, event_id: int, event: LedgerEvent) -> list[str]:
    return [finding.rule for finding in gateway.taken(KEY, event, _id(event_id))]


def test_an_event_in_order_is_taken_without_a_word() -> None:
    gateway = Forewarning()
    assert _rules(gateway, 10, _event(0)) == []
    assert _rules(gateway, 11, _event(1, prev=10, version=2, corrects=10)) == []


def test_what_the_count_will_flag_is_forewarned() -> None:
    gateway = Forewarning()
    assert _rules(gateway, 10, _event(0)) == []
    assert _rules(gateway, 11, _event(0)) == ["Q1"]
    assert _rules(gateway, 12, _event(1, prev=11, version=2, corrects=10)) == ["Q2"]
    assert _rules(gateway, 13, _event(2, prev=12, version=3)) == ["V6"]
    assert _rules(gateway, 14, _event(3, prev=13, version=9, corrects=13)) == ["V5"]
    assert _rules(gateway, 15, _event(4, prev=14, version=3, corrects=14)) == ["V6"]


def test_what_may_have_come_through_another_gateway_is_not_forewarned() -> None:
    assert _rules(Forewarning(), 20, _event(7, prev=3, version=2, corrects=19)) == []


def test_a_key_that_has_used_up_its_events_is_refused_at_once() -> None:
    gateway = Forewarning()
    with patch.object(forewarning, "EVENTS_PER_KEY_MAX", 2):
        for number in range(2):
            assert gateway.one_too_many(KEY, _event(number)) is None
            _rules(gateway, number, _event(number))
        refused = gateway.one_too_many(KEY, _event(2))
        assert refused is not None
        assert refused.rule == "L1"
        assert gateway.one_too_many("cd" * 8, _event(2)) is None


def test_an_event_about_no_contest_at_a_station_is_neither_numbered_nor_bounded() -> None:
    gateway = Forewarning()
    event = LEDGER_EVENT.validate_python(FRAME | finance_report() | {"seq": 0, "prev": None})
    with patch.object(forewarning, "EVENTS_PER_KEY_MAX", 0):
        assert _rules(gateway, 10, event) == []
        assert gateway.one_too_many(KEY, event) is None


def test_a_review_counts_as_an_event_and_not_as_a_form() -> None:
    gateway = Forewarning()
    review = LEDGER_EVENT.validate_python(FRAME | reviewed("1.1.1-1", _id(9), "accepted") | {"seq": 0, "prev": None})
    with patch.object(forewarning, "EVENTS_PER_KEY_MAX", 1):
        assert _rules(gateway, 10, review) == []
        assert gateway.one_too_many(KEY, _event(1)) is not None
    assert _rules(gateway, 11, _event(1, prev=10, version=3, corrects=9)) == [], "no form of the station is known"


def test_forms_beyond_the_events_that_a_key_may_have_are_not_remembered() -> None:
    gateway = Forewarning()
    with patch.object(forewarning, "EVENTS_PER_KEY_MAX", 1):
        assert _rules(gateway, 10, _event(0)) == []
        assert _rules(gateway, 11, _event(1, prev=10, version=2, corrects=10)) == []
    assert _rules(gateway, 12, _event(2, prev=11, version=3, corrects=11)) == ["V5"], "version 2 is not remembered"


def test_what_was_used_longest_ago_is_forgotten_first() -> None:
    gateway = Forewarning()
    with patch.multiple(forewarning, CONTESTS_AT_STATIONS_MAX=1, KEYS_MAX=1, EVENTS_PER_KEY_MAX=1):
        gateway.taken(KEY, _event(0), _id(10))
        assert gateway.one_too_many(KEY, _event(1)) is not None
        gateway.taken("cd" * 8, _event(0), _id(11))
        assert gateway.one_too_many(KEY, _event(1)) is None, "its count was forgotten"
        assert gateway.taken(KEY, _event(0), _id(12)) == [], "and so were its numbers"
