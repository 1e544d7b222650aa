"""A search finds names by the beginnings of their words, and looks at a bounded number of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from projections.definition.compiled import Definition
from projections.shown import name_search
from projections.shown.name_search import NameFound, NameIndex, words_of
from projections.tables.result_rows import stations_by_rank
from schemas.definition.package import ElectionPackage
from tests.support.small_election import small_package

PARTIES = {"P1": ["Partai Démokrasi", "PD"], "P2": ["Party 2"], "P3": ["Partai Menteng"]}


def _package() -> ElectionPackage:
    package = small_package()
    names = {"1": "Jāwa Barat", "1.1": "Kota Bogor", "1.1.1": "MENTENG", "1.1.2": "Menteng Dalam", "2.1": "Bogor"}
    areas = tuple(row.model_copy(update={"name": names.get(row.code, row.name)}) for row in package.areas)
    stations = tuple(
        row.model_copy(update={"name": None if row.code == "2.2.2-2" else f"TPS 00{row.code[-1]}"})
        for row in package.stations
    )
    choices = tuple(
        row.model_copy(update={"name": {"01": "ANIES – MUHAIMIN", "02": "Budi Menteng"}.get(row.id, row.name)})
        for row in package.choices
    )
    return replace(package, areas=areas, stations=stations, choices=choices)


def _index_of(package: ElectionPackage) -> NameIndex:
    definition = Definition.of(package)
    return NameIndex(definition, stations_by_rank(definition), PARTIES)


def _index() -> NameIndex:
    return _index_of(_package())


def _index_of_areas(names: dict[str, str]) -> NameIndex:
    """An index in which these areas have these names, and the others, their parties and candidates have none like them."""
    package = small_package()
    areas = tuple(row.model_copy(update={"name": names.get(row.code, "Other")}) for row in package.areas)
    return _index_of(replace(package, areas=areas))


def _found(text: str, limit: int = 20, kind: str | None = None) -> tuple[list[tuple[str, str]], bool]:
    names = _index().search(text, limit, kind=kind)
    return [(each.kind, each.code) for each in names.found], names.is_complete


def _areas(index: NameIndex, text: str) -> tuple[list[str], bool]:
    names = index.search(text, 20, kind="area")
    return [each.code for each in names.found], names.is_complete


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bogor", [("area", "1.1"), ("area", "2.1")]),
        ("JAWA bar", [("area", "1")]),
        ("demo", [("party", "P1")]),
        ("pd", [("party", "P1")]),
        ("muhaimin anies", [("candidate", "president/01")]),
        ("p1 1", [("candidate", f"council-{each}/P1-1") for each in "abc"]),
        ("p1 0", []),
        (
            "menteng",
            [("area", "1.1.1"), ("area", "1.1.2"), ("party", "P3"), ("candidate", "president/02")],
        ),
        ("menteng tps 1", [("station", "1.1.1-1"), ("station", "1.1.2-1")]),
        ("tps 002 menteng dalam", [("station", "1.1.2-2")]),
        ("bogor menteng 2", [("station", "1.1.1-2"), ("station", "1.1.2-2")]),
        ("menteng tps 11", []),
        ("menteng tps", [("station", f"1.1.{village}-{number}") for village in (1, 2) for number in (1, 2)]),
        ("nowhere", []),
        ("…", []),
    ],
)
def test_names_are_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert _found(text) == (expected, True)


def test_what_is_found_is_shown_with_what_it_lies_in() -> None:
    (station,) = _index().search("tps 2 menteng dalam", 5).found
    assert station == (
        "station",
        "1.1.2-2",
        "TPS 002",
        ["Menteng Dalam", "Kota Bogor", "Jāwa Barat", "Nation"],
        "/v1/stations/1.1.2-2",
    )
    (area,) = _index().search("menteng dalam", 5).found[:1]
    assert area == ("area", "1.1.2", "Menteng Dalam", ["Kota Bogor", "Jāwa Barat", "Nation"], "/v1/areas/1.1.2")
    (party,) = _index().search("demokrasi", 5).found
    assert party == ("party", "P1", "Partai Démokrasi", [], "/v1/parties/P1")
    (pair,) = _index().search("anies", 5).found
    assert pair == ("candidate", "president/01", "ANIES – MUHAIMIN", ["president"], "/v1/candidates/president/01")


def test_a_list_that_is_cut_is_marked_as_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(_found("village", 3)[0]) == 3
    assert not _found("village", 3)[1]
    monkeypatch.setattr(name_search, "LOOKED_AT_MAX", 2)
    monkeypatch.setattr(name_search, "AREA_COST", 0)
    found, is_complete = _found("village")
    assert len(found) == 2
    assert not is_complete
    found, is_complete = _found("menteng 2")
    assert found == [("station", "1.1.1-2")]
    assert not is_complete
    assert not _found("bogor tps 1", 1)[1]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("kind", [None, "area", "station", "party", "candidate"])
def test_the_pages_of_a_search_are_all_that_it_finds_each_once(limit: int, kind: str | None) -> None:
    for text in ("menteng", "tps bogor", "village", "menteng dalam bogor tps 1"):
        every = [each for each in _index().search(text, 100).found if kind in (None, each.kind)]
        found: list[NameFound] = []
        while True:
            page = _index().search(text, limit, kind=kind, skip=len(found))
            found += page.found
            if not page.has_more:
                break
            assert len(page.found) == limit
        assert found == every, text


def test_a_number_has_no_leading_zeros() -> None:
    assert words_of("TPS 005-00 É 007a") == ["tps", "5", "0", "e", "007a"]


def test_a_number_is_found_whole_and_the_beginning_of_a_word_too() -> None:
    index = _index_of_areas({"1": "Blok 1", "2": "Blok 12", "1.1": "Blok 12b", "1.2": "Blok 1 Timur"})
    assert _areas(index, "1") == _areas(index, "blok 1") == _areas(index, "blo 01") == (["1", "1.2"], True)
    assert _areas(index, "12") == (["2"], True)
    assert _areas(index, "12b") == (["1.1"], True)
    assert _areas(index, "2") == (["2"], True), "by its code"
    assert _areas(index, "11") == _areas(index, "3") == ([], True)


def test_a_code_comes_first_also_where_its_name_has_other_words() -> None:
    assert _found("1.1.2", 1) == ([("area", "1.1.2")], False)
    assert _found("2.1", 1, "area")[0] == [("area", "2.1")]
    assert _found("1.1.2-2", 1)[0] == [("station", "1.1.2-2")]


def test_a_list_as_long_as_asked_for_is_whole() -> None:
    for limit, skip, expected in ((2, 0, (2, False, True)), (1, 1, (1, False, True)), (1, 0, (1, True, False))):
        names = _index().search("bogor", limit, skip=skip)
        assert (len(names.found), names.has_more, names.is_complete) == expected


def test_what_is_compared_is_bounded_whatever_the_words_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words that all areas have, so that no station is looked at, and the same word again and again."""
    index, levels = _index(), len(small_package().election.levels)
    compared = 0

    def counted(text: str) -> list[str]:
        nonlocal compared
        compared += 1
        return words_of(text)

    def looks(text: str) -> int:
        nonlocal compared
        compared = 0
        index.search(text, 20)
        return compared

    monkeypatch.setattr(name_search, "words_of", counted)
    assert looks("village village village village village") == looks("village")
    monkeypatch.setattr(name_search, "LOOKED_AT_MAX", 10)
    entries, areas = 10, 10 // name_search.AREA_COST
    assert looks("village villag villa v") <= 1 + entries + areas * levels


def test_areas_are_found_from_the_largest_and_by_code_whatever_the_order_of_the_package() -> None:
    package = small_package()
    named = tuple(row.model_copy(update={"name": "Same"}) for row in package.areas[::-1])
    definition = Definition.of(replace(package, areas=named))
    index = NameIndex(definition, stations_by_rank(definition), PARTIES)
    found = [each.code for each in index.search("same", 7, kind="area").found]
    assert found == ["N", "1", "2", "1.1", "1.2", "2.1", "2.2"]


def test_a_search_is_complete_where_all_entries_of_its_rarest_word_were_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes = [each.code for each in _index().search("village", 20, kind="area").found]
    assert len(codes) == 6, "two have other names"
    for bound, complete in ((6, True), (5, False), (1, False)):
        monkeypatch.setattr(name_search, "LOOKED_AT_MAX", bound)
        names = _index().search("village", 20, kind="area")
        assert ([each.code for each in names.found], names.is_complete) == (codes[:bound], complete)


def test_where_too_many_fit_the_entries_of_the_rarest_word_are_compared_from_the_largest_area(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named = {"1": "Kota Besar", "1.1.2": "Kota Barat", "2.2.2": "Kota Bogor", "2.2": "Bogor"}
    index = _index_of_areas(named)
    for bound, text, expected in (
        (1, "kota barat", (["1.1.2"], True)),
        (1, "barat kota", (["1.1.2"], True)),
        (2, "kota", (["1", "1.1.2"], False)),
        (3, "kota", (["1", "1.1.2", "2.2.2"], True)),
        (3, "b", (["1", "2.2", "1.1.2"], False)),
        (4, "b", (["1", "2.2", "1.1.2", "2.2.2"], True)),
    ):
        monkeypatch.setattr(name_search, "LOOKED_AT_MAX", bound)
        assert _areas(index, text) == expected, (bound, text)
    index = _index_of_areas({"1": "Blok 70", "2": "Blok 701", "1.1": "Blok 702"})
    monkeypatch.setattr(name_search, "LOOKED_AT_MAX", 1)
    assert _areas(index, "70") == (["1"], True), "numbers that begin with 70 are other words"


@pytest.mark.parametrize(
    ("text", "bound", "found", "is_complete"),
    [
        ("bogor tps", 9, 4, False),
        ("bogor tps", 10, 4, False),
        ("bogor tps", 13, 7, False),
        ("bogor tps", 14, 8, True),
        ("bogor tps", 3, 0, False),
        ("bogor tps", 4, 1, False),
        ("bogor", 3, 0, False),
        ("bogor", 4, 0, True),
    ],
)
def test_an_area_costs_as_much_as_some_stations_and_what_is_left_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch, text: str, bound: int, found: int, is_complete: bool
) -> None:
    """Two areas of four stations each."""
    index = _index()
    monkeypatch.setattr(name_search, "AREA_COST", 3)
    monkeypatch.setattr(name_search, "LOOKED_AT_MAX", bound)
    names = index.search(text, 20, kind="station")
    every = [f"{village}-{number}" for village in ("1.1.1", "1.1.2", "2.1.1", "2.1.2") for number in (1, 2)]
    assert ([each.code for each in names.found], names.is_complete) == (every[:found], is_complete)


def test_a_question_has_eight_words_and_a_bounded_cost() -> None:
    index = _index_of_areas({"1": "a b c d e f g h"})
    assert _areas(index, "a b c d e f g h nowhere") == (["1"], True), "the ninth word is ignored"
    assert _areas(index, "a b c d e f g nowhere") == ([], True)
    assert (name_search.LOOKED_AT_MAX, name_search.AREA_COST) == (5_000, 5)


@pytest.mark.parametrize(("kind", "code"), [("area", "2.2"), ("station", "1.1.1-1")])
def test_a_code_is_found_among_its_kind_alone(kind: str, code: str) -> None:
    for asked in ("area", "station", "party", "candidate"):
        found = [each for each in _index().search(f" {code} ", 20, kind=asked).found if each.code == code]
        assert [each.kind for each in found] == ([kind] if asked == kind else [])


def test_a_station_without_a_name_is_found_by_its_code_alone() -> None:
    assert [each.name for each in _index().search("2.2.2-2", 1).found] == [None]
    found = _index().search("village 2.2.2 tps", 20, kind="station").found
    assert "2.2.2-2" not in [each.code for each in found]
