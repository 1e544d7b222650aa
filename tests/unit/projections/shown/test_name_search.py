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

PARTIES = {"P1": ["Partai Démokrasi", "PD"], "P2": ["Party 2"]}


def _package() -> ElectionPackage:
    package = small_package()
    names = {"1": "Jāwa Barat", "1.1": "Kota Bogor", "1.1.1": "MENTENG", "1.1.2": "Menteng Dalam", "2.1": "Bogor"}
    areas = tuple(row.model_copy(update={"name": names.get(row.code, row.name)}) for row in package.areas)
    stations = tuple(
        row.model_copy(update={"name": None if row.code == "2.2.2-2" else f"TPS 00{row.code[-1]}"})
        for row in package.stations
    )
    choices = tuple(
        row.model_copy(update={"name": "ANIES – MUHAIMIN"}) if row.id == "01" else row for row in package.choices
    )
    return replace(package, areas=areas, stations=stations, choices=choices)


DEFINITION = Definition.of(_package())
INDEX = NameIndex(DEFINITION, stations_by_rank(DEFINITION), PARTIES)


def _found(text: str, limit: int = 20) -> tuple[list[tuple[str, str]], bool]:
    names = INDEX.search(text, limit)
    return [(each.kind, each.code) for each in names.found], names.is_complete


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bogor", [("area", "1.1"), ("area", "2.1")]),
        ("JAWA bar", [("area", "1")]),
        ("demo", [("party", "P1")]),
        ("pd", [("party", "P1")]),
        ("muhaimin anies", [("candidate", "president/01")]),
        ("menteng tps 1", [("station", "1.1.1-1"), ("station", "1.1.2-1")]),
        ("tps 002 menteng dalam", [("station", "1.1.2-2")]),
        ("bogor menteng 2", [("station", "1.1.1-2"), ("station", "1.1.2-2")]),
        ("1.1.1-1", [("station", "1.1.1-1")]),
        ("2.2", [("area", "2.2")]),
        ("menteng tps 11", []),
        ("nowhere", []),
        ("…", []),
    ],
)
def test_names_are_found(text: str, expected: list[tuple[str, str]]) -> None:
    found, is_complete = _found(text)
    assert [each for each in found if each in expected] == expected
    if expected and text not in ("1.1.1-1", "2.2"):
        assert found == expected
    assert is_complete


def test_what_is_found_is_shown_with_what_it_lies_in() -> None:
    (station,) = INDEX.search("tps 2 menteng dalam", 5).found
    assert station == (
        "station",
        "1.1.2-2",
        "TPS 002",
        ["Menteng Dalam", "Kota Bogor", "Jāwa Barat", "Nation"],
        "/v1/stations/1.1.2-2",
    )
    (area,) = INDEX.search("menteng dalam", 5).found[:1]
    assert area == ("area", "1.1.2", "Menteng Dalam", ["Kota Bogor", "Jāwa Barat", "Nation"], "/v1/areas/1.1.2")
    (party,) = INDEX.search("demokrasi", 5).found
    assert party == ("party", "P1", "Partai Démokrasi", [], "/v1/parties/P1")
    (pair,) = INDEX.search("anies", 5).found
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
        every = [each for each in INDEX.search(text, 100).found if kind in (None, each.kind)]
        found: list[NameFound] = []
        while True:
            page = INDEX.search(text, limit, kind=kind, skip=len(found))
            found += page.found
            if not page.has_more:
                break
            assert len(page.found) == limit
        assert found == every, text


def test_a_number_has_no_leading_zeros() -> None:
    assert words_of("TPS 005-00 É") == ["tps", "5", "0", "e"]


def test_what_is_compared_is_bounded_whatever_the_words_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words that all areas have, so that no station is looked at, and the same word again and again."""
    compared = 0

    def counted(text: str) -> list[str]:
        nonlocal compared
        compared += 1
        return words_of(text)

    def looks(text: str) -> int:
        nonlocal compared
        compared = 0
        INDEX.search(text, 20)
        return compared

    monkeypatch.setattr(name_search, "words_of", counted)
    assert looks("village village village village village") == looks("village")
    monkeypatch.setattr(name_search, "LOOKED_AT_MAX", 10)
    entries, areas = 10, 10 // name_search.AREA_COST
    assert looks("village villag villa v") <= 1 + entries + areas * len(DEFINITION.tree.level_ids)


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
    codes = [each.code for each in INDEX.search("village", 20, kind="area").found]
    assert len(codes) == 6, "two have other names"
    for bound, complete in ((6, True), (5, False), (1, False)):
        monkeypatch.setattr(name_search, "LOOKED_AT_MAX", bound)
        names = INDEX.search("village", 20, kind="area")
        assert ([each.code for each in names.found], names.is_complete) == (codes[:bound], complete)


@pytest.mark.parametrize(("kind", "code"), [("area", "2.2"), ("station", "1.1.1-1")])
def test_a_code_is_found_among_its_kind_alone(kind: str, code: str) -> None:
    for asked in ("area", "station", "party", "candidate"):
        found = [each for each in INDEX.search(f" {code} ", 20, kind=asked).found if each.code == code]
        assert [each.kind for each in found] == ([kind] if asked == kind else [])


def test_a_station_without_a_name_is_found_by_its_code_alone() -> None:
    assert [each.name for each in INDEX.search("2.2.2-2", 1).found] == [None]
    found = INDEX.search("village 2.2.2 tps", 20, kind="station").found
    assert "2.2.2-2" not in [each.code for each in found]
