"""Lists have the columns that were asked for, in the order that was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from projections.definition.compiled import Definition
from projections.tables.list_rows import (
    InOrder,
    Selection,
    UnknownColumnError,
    column_to_sort,
    listed_station,
    rules_of,
    sorted_areas,
)
from schemas.served.cursors import cursor_text, cursor_values
from schemas.tables.lists import AREA_LIST, STATION_LIST
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())
PRESIDENT = DEFINITION.ballots.contest("president")
ROW = {
    "station": "1.1.1-1",
    "contest": "president",
    "rank": 0,
    "state": "flagged",
    "partition": 2,
    "offset": 7,
    "contribution": "[1,201,0,6,6,1,0,7,0,1,0,0,0,0,1,2,3]",
    "through": 9,
    "event": "00ff",
    "version": 1,
    "received_us": 1_865_000_000_000_000,
    "findings": '[{"rule":"F4"},{"rule":"P1"},{"rule":"F4"}]',
    "changed_us": 1_865_000_060_000_000,
}


def test_columns_come_in_the_order_of_the_request() -> None:
    chosen = Selection.of(STATION_LIST, "rules,station,changed_at,valid,voters")
    row = listed_station(DEFINITION, PRESIDENT, 0, ROW)
    assert chosen.named(row) == {
        "rules": "F4 P1",
        "station": "1.1.1-1",
        "changed_at": "2029-02-05T15:34:20.000Z",
        "valid": 6,
        "voters": None,
    }
    assert Selection.of(STATION_LIST, None).row(row) == row


def test_a_station_without_a_record_waits() -> None:
    named = Selection.of(STATION_LIST, None).named(listed_station(DEFINITION, PRESIDENT, 3, None))
    assert (named["station"], named["state"], named["rules"], named["changed_at"]) == ("1.1.2-2", "waiting", None, None)


def test_an_annulled_station_has_neither_form_nor_rules() -> None:
    nothing = dict.fromkeys(("offset", "contribution", "event", "version", "received_us", "findings"))
    named = Selection.of(STATION_LIST, None).named(
        listed_station(DEFINITION, PRESIDENT, 0, {**ROW, **nothing, "state": "annulled"})
    )
    assert (named["state"], named["valid"], named["partition"], named["rules"]) == ("annulled", None, None, None)
    assert named["changed_at"] == "2029-02-05T15:34:20.000Z"
    assert rules_of({"findings": "[]"}) == []


@pytest.mark.parametrize("changed_us", [None, 0])
def test_a_change_at_no_valid_time_has_none(changed_us: int | None) -> None:
    row = listed_station(DEFINITION, PRESIDENT, 0, {**ROW, "changed_us": changed_us})
    assert Selection.of(STATION_LIST, "changed_at").named(row) == {"changed_at": None}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [("votes", "no column 'votes'; there are: office"), ("", "no column ''"), ("valid,valid", "named twice")],
)
def test_a_column_that_is_not_there_is_named(fields: str, sentence: str) -> None:
    with pytest.raises(UnknownColumnError, match=sentence):
        Selection.of(AREA_LIST, fields)


def test_areas_are_sorted_by_a_number_and_ties_by_code() -> None:
    column = column_to_sort("valid")
    rows = []
    for code, valid in (("b", 5), ("a", 5), ("c", None), ("d", 9)):
        row: list[Any] = [None] * len(AREA_LIST.columns)
        row[3], row[column] = code, valid
        rows.append(tuple(row))
    assert [row[3] for _, row in sorted_areas(rows, column, largest_first=True)] == ["d", "a", "b", "c"]
    assert [row[3] for _, row in sorted_areas(rows, column, largest_first=False)] == ["a", "b", "d", "c"]
    last, _ = sorted_areas(rows, column, largest_first=True)[-1]
    assert cursor_values(cursor_text(list(last))) == list(last), "a page can end at a number that is not stated"
    with pytest.raises(UnknownColumnError, match="not sorted by 'area_name'"):
        column_to_sort("area_name")


def test_the_areas_of_a_level_in_an_area_are_those_that_vote() -> None:
    in_order, tree = InOrder(DEFINITION), DEFINITION.tree
    council = DEFINITION.ballots.contest("council-b")

    def codes(within: str, level: int, contest: object) -> list[str]:
        return [tree.codes[area] for area in in_order.areas(tree.number[within], level, contest)]  # type: ignore[arg-type]

    assert codes("N", 2, PRESIDENT) == ["1.1", "1.2", "2.1", "2.2"]
    assert codes("2", 3, PRESIDENT) == ["2.1.1", "2.1.2", "2.2.1", "2.2.2"]
    assert codes("N", 2, council) == ["1.2", "2.1"]
    assert [in_order.by_rank[rank] for rank in DEFINITION.stations.order.rank] == list(range(16))


def test_areas_of_a_level_are_those_in_an_area_in_which_a_contest_is_voted_on_in_order() -> None:
    in_order = InOrder(DEFINITION)
    tree, electorates = DEFINITION.tree, DEFINITION.electorates
    for contest in DEFINITION.ballots.contests:
        for within in range(len(tree.codes)):
            for level in range(len(tree.level_ids) - 1):
                found = in_order.areas(within, level, contest)
                assert [tree.codes[area] for area in found] == sorted(
                    tree.codes[area]
                    for area in range(len(tree.codes))
                    if tree.level[area] == level
                    and within in tree.lineage[area]
                    and (contest.number, area) in electorates.denominators
                )
                for index, area in enumerate(found):
                    assert in_order.index_after(found, area) == index + 1
                assert in_order.areas(within, level, contest) is found


def test_areas_are_in_the_order_of_their_stations_whatever_that_of_the_package() -> None:
    package = small_package()
    definition = Definition.of(replace(package, areas=package.areas[::-1]))
    tree, contest = definition.tree, definition.ballots.contest("president")
    in_order = InOrder(definition)
    villages = in_order.areas(tree.number["1"], 3, contest)
    assert [tree.codes[area] for area in villages] == ["1.1.1", "1.1.2", "1.2.1", "1.2.2"]
    assert [in_order.index_after(villages, area) for area in villages] == [1, 2, 3, 4]


def test_the_newest_sixteen_lists_of_areas_are_kept() -> None:
    in_order = InOrder(DEFINITION)
    asked = [(area, 3) for area in range(len(DEFINITION.tree.codes))] + [(0, 2)]
    assert len(asked) == 16
    lists = [in_order.areas(area, level, PRESIDENT) for area, level in asked]
    assert all(in_order.areas(*each, PRESIDENT) is kept for each, kept in zip(asked, lists, strict=True))
    in_order.areas(0, 1, PRESIDENT)
    assert in_order.areas(*asked[1], PRESIDENT) is lists[1]
    assert in_order.areas(*asked[0], PRESIDENT) is not lists[0]


def test_the_list_of_a_contest_is_kept_once_for_all_areas_above_it() -> None:
    in_order, tree = InOrder(DEFINITION), DEFINITION.tree
    council = DEFINITION.ballots.contest("council-a")
    assert tree.codes[council.root_area] == "1.1"
    for level, found in ((2, ["1.1"]), (3, ["1.1.1", "1.1.2"])):
        kept = in_order.areas(tree.number["1.1"], level, council)
        assert [tree.codes[area] for area in kept] == found
        assert in_order.areas(tree.number["N"], level, council) is kept
        assert in_order.areas(tree.number["1"], level, council) is kept
    assert [tree.codes[area] for area in in_order.areas(tree.number["N"], 1, council)] == ["1"]
