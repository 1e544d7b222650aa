"""Tallies as readers get them: every number of every tally, by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.shown.tallies import published_contribution, published_office, published_tally
from tests.support.made_tallies import numbers, tally
from tests.support.small_election import elsewhere, small_package

DEFINITION, ELSEWHERE = Definition.of(small_package()), Definition.of(elsewhere(small_package()))
COUNCIL = DEFINITION.ballots.offices[1]


def contest(code: str, definition: Definition = DEFINITION) -> ContestEntry:
    return definition.ballots.contest(code)


def test_a_tally_is_published_by_name_with_its_tiers_and_its_lead() -> None:
    clean, flagged, held = numbers(1, 10, 20, 30, registered=201), numbers(1, 1, 2, 3), numbers(0, 0, 0, 0)
    area = DEFINITION.tree.number["1.1"]
    found = published_tally(contest("president"), area, tally(clean, flagged, held, annulled=1), DEFINITION)
    assert {name: value for name, value in found.items() if name not in {"tiers", "counted"}} == {
        "contest": "president",
        "area": "1.1",
        "results_status": "unofficial-partial",
        "count_item_status": "in-process",
        "stations": {
            "expected": 4,
            "reported": 2,
            "counted": 2,
            "clean": 1,
            "flagged": 1,
            "held": 0,
            "annulled": 1,
            "waiting": 1,
        },
        "registered_voters_expected": 201 + 202 + 201 + 202,
        "registered_voters_not_stated": 0,
        "leaders": ["03"],
        "tied": [],
        "runner_up": "02",
        "margin": 11,
    }
    assert found["counted"] == {
        "registered_voters": 201,
        "voters": 40,
        "valid": 66,
        "valid_ballots": 66,
        "invalid": 6,
        "blank": None,
        "total": 72,
        "not_stated": {},
        "votes": {"01": 11, "02": 22, "03": 33},
    }
    assert list(found["tiers"]) == ["clean", "flagged", "held"]
    assert [tier["stations"] for tier in found["tiers"].values()] == [1, 1, 0]
    assert found["tiers"]["flagged"]["votes"] == {"01": 1, "02": 2, "03": 3}


def test_a_number_that_no_station_stated_is_null_and_one_that_some_did_not_is_counted() -> None:
    none = numbers(2, 1, 2, 3, not_stated=(2, 1, 0, 0, 0, 0))
    shown = published_contribution(contest("president"), none)
    assert (shown["registered_voters"], shown["voters"]) == (None, 20)
    assert shown["not_stated"] == {"registered_voters": 2, "voters": 1}
    empty = published_contribution(contest("president"), numbers(0, 0, 0, 0))
    assert (empty["registered_voters"], empty["not_stated"]) == (0, {}), "where nothing was counted nothing is missing"


def test_blank_ballots_are_published_where_they_are_counted_apart() -> None:
    assert published_contribution(contest("president"), numbers(1, 1, 2, 3))["blank"] is None
    assert published_contribution(contest("president", ELSEWHERE), numbers(1, 1, 2, 3))["blank"] == 4


def test_a_register_that_no_station_of_the_area_has_is_null() -> None:
    empty = tally(*[numbers(0, 0, 0, 0)] * 3)

    def expected(area: str) -> tuple[Any, Any]:
        found = published_tally(contest("president", ELSEWHERE), ELSEWHERE.tree.number[area], empty, ELSEWHERE)
        return found["registered_voters_expected"], found["registered_voters_not_stated"]

    assert expected("2.2") == (None, 4)
    assert expected("2.1") == (2 * 202, 2)
    nowhere = published_tally(
        contest("council-a"), DEFINITION.tree.number["2"], tally(*[numbers(0, 0, 0, 0, 0)] * 3), DEFINITION
    )
    assert (nowhere["stations"]["expected"], nowhere["registered_voters_expected"]) == (0, 0)


def test_the_tally_of_an_office_is_by_party_and_expects_each_contests_stations() -> None:
    clean = numbers(1, 5, 9)
    area = DEFINITION.tree.number["2.1"]
    found = published_office(COUNCIL, area, tally(clean, *[numbers(0, 0, 0)] * 2), DEFINITION)
    assert (found["office"], found["area"]) == ("council", "2.1")
    assert found["counted"]["votes"] == {"P1": 5, "P2": 9}
    assert (found["leaders"], found["margin"], found["stations"]["expected"]) == (["P2"], 4, 4)


def test_votes_without_a_party_are_shown_and_do_not_lead() -> None:
    council = ELSEWHERE.ballots.offices[1]
    found = published_office(
        council, ELSEWHERE.tree.root, tally(numbers(1, 5, 9, 99), *[numbers(0, 0, 0, 0)] * 2), ELSEWHERE
    )
    assert found["counted"]["votes"] == {"P1": 5, "P2": 9, "-": 99}
    assert found["leaders"] == ["P2"]


def test_a_number_that_the_only_station_did_not_state_is_null() -> None:
    alone = published_contribution(contest("president"), numbers(1, 1, 2, 3, not_stated=(1, 0, 0, 0, 0, 0)))
    assert (alone["registered_voters"], alone["not_stated"]) == (None, {"registered_voters": 1})


@pytest.mark.parametrize(
    ("registers", "expected", "not_stated"),
    [([None], None, 1), ([None, None], None, 2), ([None, 202], 202, 1), ([201, 202], 403, 0), ([], 0, 0)],
)
def test_registered_voters_are_expected_where_some_register_is_known(
    registers: list[int | None], expected: int | None, not_stated: int
) -> None:
    package = small_package()
    others = tuple(station for station in package.stations if station.area != "1.1.1")
    own = (
        station.model_copy(update={"registered_voters": voters})
        for station, voters in zip(package.stations, registers, strict=False)
    )
    definition = Definition.of(replace(package, stations=(*others, *own)))
    area, of = definition.tree.number["1.1.1"], contest("president", definition)
    found = published_tally(of, area, tally(*[numbers(0, 0, 0, 0)] * 3), definition)
    assert (found["registered_voters_expected"], found["registered_voters_not_stated"]) == (expected, not_stated)
