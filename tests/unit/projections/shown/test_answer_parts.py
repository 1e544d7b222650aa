"""Answers in parts: each is bounded, and together they hold each tally once, in the order of the whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from projections.area.tally import STATIONS, TIERS, empty_tally
from projections.definition.compiled import Definition
from projections.shown import answer_parts
from projections.shown.answer_parts import Part, part_of_area, part_of_office
from projections.shown.published import Moment, area_answer, office_answer
from schemas.codes import COUNT_MAX
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())


class _AllCounted(dict[tuple[str, str], list[int]]):
    """Each number is as long as it can be."""

    def get(self, key: tuple[str, str], default: Any = None) -> Any:
        contest = DEFINITION.ballots.contest(key[0])
        tier = [COUNT_MAX] * (len(empty_tally(len(contest.choices))) // len(TIERS))
        tier[STATIONS] = 0
        return [*tier * len(TIERS), 0]


MOMENT = Moment({}, {}, _AllCounted(), {})


def _all(answer: Callable[[int], tuple[Part, dict[str, Any]]]) -> list[dict[str, Any]]:
    part, first = answer(1)
    answers = [first, *(answer(number)[1] for number in range(2, part.of + 1))]
    assert [(each["part"], each["parts"]) for each in answers] == [(n, part.of) for n in range(1, part.of + 1)]
    return answers


def _area(code: str) -> Callable[[int], tuple[Part, dict[str, Any]]]:
    number = DEFINITION.tree.number[code]

    def answer(wanted: int) -> tuple[Part, dict[str, Any]]:
        part = part_of_area(DEFINITION, number, DEFINITION.ballots.offices, wanted)
        return part, area_answer(DEFINITION, number, DEFINITION.ballots.offices, MOMENT, part)

    return answer


def _tallies(answers: list[dict[str, Any]], of: str) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for answer in answers:
        for office in answer["offices"]:
            found.setdefault(office["office"], []).extend((each["area"], each["contest"]) for each in office[of])
    return found


@pytest.mark.parametrize("area", ["N", "1", "1.2", "2.1.1"])
@pytest.mark.parametrize("bytes_max", [1, 5_000, 12_000])
def test_the_parts_of_an_area_are_the_whole(area: str, bytes_max: int, monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = _all(_area(area))
    monkeypatch.setattr(answer_parts, "PART_BYTES_MAX", bytes_max)
    cut = _all(_area(area))
    assert len(cut) > 1 or (area == "2.1.1" and bytes_max > 1)
    for of in ("contests", "children"):
        assert _tallies(cut, of) == _tallies([whole], of)
    assert [each for answer in cut for each in answer["children"]] == whole["children"]
    assert {name: cut[0][name] for name in ("area", "lineage")} == {name: whole[name] for name in ("area", "lineage")}


def test_the_parts_of_an_office_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    council = DEFINITION.ballots.office("council")

    def answer(wanted: int) -> tuple[Part, dict[str, Any]]:
        part = part_of_office(DEFINITION, council, wanted)
        return part, office_answer(DEFINITION, council, MOMENT, part)

    (whole,) = _all(answer)
    monkeypatch.setattr(answer_parts, "PART_BYTES_MAX", 1)
    cut = _all(answer)
    assert len(cut) == 3
    assert [each for one in cut for each in one["contests"]] == whole["contests"]


def test_a_part_has_no_more_bytes_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_parts, "PART_BYTES_MAX", 12_000)
    for answer in _all(_area("N")):
        tallies = [tally for office in answer["offices"] for tally in (*office["contests"], *office["children"])]
        assert len(orjson.dumps(tallies)) + len(orjson.dumps(answer["children"])) <= 12_000


@pytest.mark.parametrize("number", [0, 2, -1])
def test_there_is_no_other_part(number: int) -> None:
    with pytest.raises(LookupError, match="this answer has 1"):
        part_of_area(DEFINITION, DEFINITION.tree.root, DEFINITION.ballots.offices, number)


def test_a_part_is_full_when_the_next_line_would_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The three contests of the council, of one size each."""
    council = DEFINITION.ballots.office("council")
    size = DEFINITION.ballots.tally_bytes[council.contests[0]]

    def lines(bytes_max: int) -> list[int]:
        monkeypatch.setattr(answer_parts, "PART_BYTES_MAX", bytes_max)
        first = part_of_office(DEFINITION, council, 1)
        return [len(part_of_office(DEFINITION, council, number + 1).lines) for number in range(first.of)]

    assert lines(3 * size) == [3]
    assert lines(3 * size - 1) == lines(2 * size) == [2, 1]
    assert lines(2 * size - 1) == lines(1) == [1, 1, 1]


def test_each_part_is_filled_from_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    council = DEFINITION.ballots.office("council")
    twice = replace(council, contests=council.contests * 2)
    size = DEFINITION.ballots.tally_bytes[council.contests[0]]
    monkeypatch.setattr(answer_parts, "PART_BYTES_MAX", 3 * size)
    assert [len(part_of_office(DEFINITION, twice, number).lines) for number in (1, 2)] == [3, 3]


def test_a_part_and_a_page_are_bounded() -> None:
    assert (answer_parts.PART_BYTES_MAX, answer_parts.HISTORY_BYTES_MAX) == (4_194_304, 4_194_304)
    assert (answer_parts.HISTORY_RECORDS, answer_parts.HISTORY_RECORDS_MAX) == (100, 500)


def test_a_name_counts_as_three_hundred_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of two provinces, without tallies."""
    for bytes_max, parts in ((600, 1), (599, 2)):
        monkeypatch.setattr(answer_parts, "PART_BYTES_MAX", bytes_max)
        assert part_of_area(DEFINITION, DEFINITION.tree.root, [], 1).of == parts


def test_an_area_has_the_tallies_of_the_offices_that_are_asked_for() -> None:
    council = DEFINITION.ballots.office("council")
    number = DEFINITION.tree.number
    assert part_of_area(DEFINITION, number["1.1"], [council], 1).lines == [
        (number["1.1.1"], None),
        (number["1.1.2"], None),
        *((number[code], council.contests[0]) for code in ("1.1", "1.1.1", "1.1.2")),
    ]
