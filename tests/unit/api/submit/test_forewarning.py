"""What a gateway warns of: only what it has seen itself."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from api.submit import forewarning
from api.submit.forewarning import Forewarning
from schemas.ledger.events import LEDGER_EVENT, AnyEvent, ResultReported
from schemas.ledger.reports import LedgerEvent, report_from
from tests.support.ledger import CREATED_AT
from tests.support.small_election import annulled, reported, reviewed
from tests.support.small_finance import finance_report

KEY = "ab" * 8
OTHER = "cd" * 8
FRAME = {"election": "small", "mode": "rehearsal", "definition": "0" * 64, "created_at": CREATED_AT}
HERE, THERE, ELSEWHERE = "1.1.1-1", "1.1.1-2", "1.1.2-1"


def _id(number: int) -> str:
    return f"{number:02x}" * 32


def _signed(body: dict[str, Any], seq: int, prev: int | None = None) -> AnyEvent:
    return LEDGER_EVENT.validate_python(FRAME | body | {"seq": seq, "prev": None if prev is None else _id(prev)})


def _event(
    seq: int, *, prev: int | None = None, version: int = 1, corrects: int | None = None, station: str = HERE
) -> LedgerEvent:
    body = reported(station, version=version) | {"supersedes": None if corrects is None else _id(corrects)}
    event = _signed(body, seq, prev)
    assert isinstance(event, ResultReported)
    return report_from(event)


def _rules(gateway: Forewarning, event_id: int, event: LedgerEvent, key: str = KEY) -> list[str]:
    return [finding.rule for finding in gateway.taken(key, event, _id(event_id))]


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


def test_a_version_is_missing_from_one_form_on_that_is_known() -> None:
    gateway = Forewarning()
    assert _rules(gateway, 10, _event(0, version=5, corrects=9)) == [], "no form of the station is known"
    assert _rules(gateway, 11, _event(1, prev=10, version=2, corrects=8)) == ["V5"], "version 1 may be in no ledger"
    assert _rules(gateway, 12, _event(2, prev=11, version=6, corrects=10)) == []


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
        assert gateway.one_too_many(OTHER, _event(2)) is None
        assert gateway.one_too_many(KEY, _event(2, station=THERE)) is None


def test_a_first_version_corrects_nothing_and_a_correction_only_a_lower_version() -> None:
    gateway = Forewarning()
    assert _rules(gateway, 10, _event(0, corrects=9)) == ["V6"]
    assert _rules(gateway, 11, _event(1, prev=10, version=2, corrects=10)) == []
    assert _rules(gateway, 12, _event(2, prev=11, version=2, corrects=11)) == ["V6"], "a form of the same version"


def test_reviews_and_orders_are_numbered_and_counted_and_have_no_version() -> None:
    gateway = Forewarning()
    with patch.object(forewarning, "EVENTS_PER_KEY_MAX", 2):
        assert _rules(gateway, 10, _signed(reviewed(HERE, _id(1), "accepted"), 0)) == []
        order = _signed(annulled(HERE, 1), 0)
        assert gateway.one_too_many(KEY, order) is None
        assert _rules(gateway, 11, order) == ["Q1"]
        assert gateway.one_too_many(KEY, order) is not None
    assert _rules(gateway, 12, _event(1, prev=10, version=3, corrects=9)) == [], "no form of the station is known"


def test_an_event_about_no_station_is_not_noted() -> None:
    """Reports of finance are counted apart, and the genesis is of no station."""
    gateway = Forewarning()
    opened = _signed({"type": "election.opened", "partitions": 3}, 0)
    of_party, of_candidate = (_signed(finance_report(party, version=7, supersedes=_id(1)), 0) for party in ("P1", None))
    with patch.object(forewarning, "EVENTS_PER_KEY_MAX", 0):
        assert gateway.one_too_many(KEY, _event(0)) is not None
        for event in (opened, of_party, of_candidate):
            assert gateway.one_too_many(KEY, event) is None
            assert _rules(gateway, 10, event) == []
    assert _rules(gateway, 11, _event(0)) == [], "the first number that was noted"


def test_of_too_many_keys_the_one_unused_for_longest_is_forgotten() -> None:
    gateway = Forewarning()
    with patch.object(forewarning, "KEYS_MAX", 2):
        for event_id, (key, station) in enumerate([("01", HERE), ("02", THERE), ("01", HERE), ("03", ELSEWHERE)]):
            _rules(gateway, event_id, _event(event_id, station=station), key * 8)
        assert _rules(gateway, 20, _event(1, station=THERE), "02" * 8) == [], "its number 1 was another event's"
        assert _rules(gateway, 21, _event(3, station=ELSEWHERE), "03" * 8) == ["Q1"]


def test_of_too_many_stations_the_one_unused_for_longest_is_forgotten() -> None:
    gateway = Forewarning()
    with patch.object(forewarning, "CONTESTS_AT_STATIONS_MAX", 2):
        for event_id, station in enumerate((HERE, THERE, HERE, ELSEWHERE)):
            _rules(gateway, event_id, _event(event_id, prev=event_id - 1 if event_id else None, station=station))
        with patch.object(forewarning, "EVENTS_PER_KEY_MAX", 1):
            has_room = [gateway.one_too_many(KEY, _event(9, station=each)) is None for each in (HERE, THERE, ELSEWHERE)]
        assert has_room == [False, True, False]
        assert _rules(gateway, 30, _event(10, version=3, corrects=9, station=HERE)) == ["V5"]
        assert _rules(gateway, 31, _event(20, version=3, corrects=9, station=THERE)) == [], "its forms are forgotten"


def test_a_form_beyond_those_remembered_of_a_station_lets_no_later_version_seem_missing() -> None:
    gateway = Forewarning()
    with patch.object(forewarning, "EVENTS_PER_KEY_MAX", 2):
        for version, key in enumerate((KEY, KEY, OTHER, OTHER), start=1):
            event = _event(version, prev=version - 1, version=version, corrects=version - 1 or None)
            assert _rules(gateway, version, event, key) == []
        assert [len(forms) for forms in gateway._forms.values()] == [2]
