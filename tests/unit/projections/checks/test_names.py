"""Names that look alike, and rows that are sums: projections/checks/names.py, and the texts that a package may hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit.sources.package import read_package as audit_package
from projections.checks.package_checks import problems
from runtime.package.errors import PackageError
from runtime.package.reading import load_package
from runtime.package.writing import write_package
from schemas.definition.package import ElectionPackage, Station
from schemas.definition.problems import Problem
from tests.support.small_election import small_package

Change = Callable[[ElectionPackage], ElectionPackage]
COMPOSED, DECOMPOSED = "K\u00e2", "Ka\u0302"


def found(package: ElectionPackage) -> list[Problem]:
    return problems(package)


def renamed(table: str, *names: str) -> ElectionPackage:
    """The first rows of a table with other names."""
    package = small_package()
    rows: list[Any] = list(getattr(package, table))
    for row, name in enumerate(names):
        rows[row] = rows[row].model_copy(update={"name": name})
    given: dict[str, Any] = {table: tuple(rows)}
    return replace(package, **given)


@pytest.mark.parametrize("table", ["choices", "parties"])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (COMPOSED, DECOMPOSED),
        ("Ana Maria", "Ana  Maria"),
        ("Ana Maria", " Ana Maria"),
        ("Ana Maria", "Ana\u00a0Maria"),
        ("Ana Maria", "Ana\tMaria"),
        ("Ana  Maria", "Ana   Maria"),
        (" Ana Maria", "Ana Maria "),
        ("Ana\tMaria", "Ana\t\tMaria"),
        ("Ana", "A\u200bna"),
        ("Ana", "An\u00ada"),
        ("Ana", "Ana\ufe0f"),
    ],
)
def test_two_spellings_of_one_name_are_found(table: str, one: str, other: str) -> None:
    for first, second in ((one, other), (other, one)):
        (problem,) = found(renamed(table, first, second))
        assert (problem.table, problem.row, problem.column) == (table, 1, "name")
        assert "was written in another spelling in a row before" in problem.sentence


@pytest.mark.parametrize("table", ["areas", "stations", "districts", "parties", "choices"])
def test_a_name_in_two_spellings_is_found_in_the_table_that_has_it(table: str) -> None:
    """In the small election the last two areas and the last two stations lie in one area each."""
    package = small_package()
    rows: list[Any] = list(getattr(package, table))
    rows[-2:] = [
        row.model_copy(update={"name": name}) for row, name in zip(rows[-2:], ("Ana B", "Ana\u00a0B"), strict=True)
    ]
    given: dict[str, Any] = {table: tuple(rows)}
    sentence = (
        "'Ana B' was written in another spelling in a row before (A n a U+0020 B, but A n a U+00A0 B here); write both "
        "alike, or tell them apart"
    )
    assert Problem(table, len(rows) - 1, "name", sentence) in found(replace(package, **given))


def test_the_first_twelve_characters_of_a_name_are_spelled() -> None:
    (problem,) = found(renamed("parties", "Abcdefghijklmn o", "Abcdefghijklmn\u00a0o"))
    assert "(A b c d e f g h i j k l, but A b c d e f g h i j k l here)" in problem.sentence


def test_one_name_written_alike_may_stand_twice() -> None:
    assert found(renamed("choices", COMPOSED, COMPOSED)) == []


def test_a_name_without_a_visible_character_is_reported() -> None:
    assert found(renamed("parties", "\u200b")) == [Problem("parties", 0, "name", "has no visible character")]


def test_names_in_different_groups_are_not_compared() -> None:
    package = small_package()
    villages = [row for row, area in enumerate(package.areas) if area.level == "village"]
    areas = list(package.areas)
    areas[villages[0]] = areas[villages[0]].model_copy(update={"name": COMPOSED})
    areas[villages[-1]] = areas[villages[-1]].model_copy(update={"name": DECOMPOSED})
    assert found(replace(package, areas=tuple(areas))) == []


def with_station(**facts: Any) -> ElectionPackage:
    package = small_package()
    station = package.stations[0].model_copy(update={"code": "extra", **facts})
    return replace(package, stations=(*package.stations, station))


@pytest.mark.parametrize(
    "facts",
    [
        {"name": "TOTAL"},
        {"name": "Jumlah"},
        {"name": "Grand total:"},
        {"name": "** Jumlah Keseluruhan **"},
        {"code": "Total"},
        {"registered_voters": sum(station.registered_voters or 0 for station in small_package().stations)},
    ],
)
def test_a_total_row_among_the_stations_is_found(facts: dict[str, Any]) -> None:
    (problem,) = found(with_station(**facts))
    assert (problem.table, problem.row) == ("stations", len(small_package().stations))


def test_a_total_row_of_one_area_is_found() -> None:
    package = small_package()
    area = package.stations[0].area
    more = [Station(code=f"s{n}", name=f"S{n}", area=area, registered_voters=100 + n) for n in range(6)]
    own = sum(each.registered_voters or 0 for each in (*package.stations, *more) if each.area == area)
    total = Station(code="t", name="Desa", area=area, registered_voters=own)
    (problem,) = found(replace(package, stations=(*package.stations, *more, total)))
    assert problem.sentence.startswith(f"is {own}, the sum of all other stations")


def registered(*rows: tuple[str, int | None]) -> list[Problem]:
    """Problems of an election with stations in these areas and of these registers."""
    stations = (
        Station(code=f"s{number}", name=f"S{number}", area=area, registered_voters=voters)
        for number, (area, voters) in enumerate(rows)
    )
    package = replace(small_package(), stations=tuple(stations))
    return [problem for problem in found(package) if problem.table == "stations"]


def sum_row(row: int, voters: int) -> Problem:
    sentence = f"is {voters}, the sum of all other stations: is the row a total? If so, leave it out"
    return Problem("stations", row, "registered_voters", sentence)


HERE, THERE = "1.1.1", "2.2.2"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(HERE, 10), (HERE, 20), (HERE, 30), (THERE, 40), (THERE, 50), (THERE, 150)], [sum_row(5, 150)]),
        ([(HERE, 10), (HERE, 20), (HERE, 30), (THERE, 40), (THERE, 100)], []),  # of four others
        ([(HERE, 10), (HERE, 20), (HERE, 30), (THERE, 40), (THERE, 50), (THERE, 151)], []),
        ([(HERE, None), (HERE, 20), (HERE, 30), (THERE, 40), (THERE, 50), (THERE, 140)], [sum_row(5, 140)]),
        ([(HERE, 1), (HERE, 0), (HERE, 0), (THERE, 0), (THERE, 0), (THERE, 1)], [sum_row(0, 1), sum_row(5, 1)]),
        ([(HERE, None)] * 6, []),
        ([(HERE, 0)] * 6, []),
    ],
)
def test_a_row_is_a_total_where_it_is_the_sum_of_five_others(
    rows: list[tuple[str, int | None]], expected: list[Problem]
) -> None:
    assert registered(*rows) == expected


@pytest.mark.parametrize(
    ("in_area", "expected"),
    [
        ([10, 20, 30, 40, 50, 150], [sum_row(6, 150)]),
        ([10, 20, 30, 40, 100], []),  # of four others
        ([10, 20, 30, 40, 50, 151], []),
        ([0, 0, 0, 0, 0, 0], []),
    ],
)
def test_a_row_is_a_total_of_its_area_where_it_is_the_sum_of_five_others_there(
    in_area: list[int], expected: list[Problem]
) -> None:
    assert registered((THERE, 7), *((HERE, voters) for voters in in_area)) == expected


def test_a_row_that_is_named_a_sum_is_to_be_left_out() -> None:
    row = len(small_package().stations)
    for facts in ({"name": "Jumlah"}, {"name": "Jumlah", "code": "Total"}):
        sentence = "'Jumlah' is the name of a sum and not of a station; leave the row out"
        assert found(with_station(**facts)) == [Problem("stations", row, "name", sentence)]


def test_a_station_that_is_large_is_no_total() -> None:
    assert found(with_station(name="Totalän", registered_voters=5_000)) == []


@pytest.mark.parametrize(
    "character", ["\x00", "\x1b", "\x7f", "\x85", "\u202e", "\u2066", "\u200f", "\u2028", "\ufeff"]
)
@pytest.mark.parametrize("file", ["choices.csv", "election.json"])
def test_a_text_with_a_hidden_character_is_no_name(tmp_path: Path, character: str, file: str) -> None:
    write_package(small_package(), tmp_path)
    path = tmp_path / file
    old = "Pair 1" if file == "choices.csv" else "Small election"
    text = path.read_text(encoding="utf-8")
    assert old in text
    escaped = "".join(f"\\u{ord(each):04x}" for each in character) if file == "election.json" else character
    path.write_text(text.replace(old, f"{old}{escaped}!"), encoding="utf-8")
    with pytest.raises(PackageError, match=file) as raised:
        load_package(tmp_path, problems)
    assert character not in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"2029-02-14"', "86400"),
        ('"2029-02-14"', '"2029-02-30"'),
        ('"2029-02-14"', '"2029-02-14T00:00:00"'),
        ('"2029-02-14"', '"20290214"'),
        ('"2029-02-14"', '"1"'),
        ('"partitions": 3', '"partitions": "3"'),
        ('"partitions": 3', '"partitions": 3.0'),
        ('"partitions": 3', '"partitions": true'),
        ('"id": "F3",', '"id": "F3", "tolerance": "1",'),
        ('"id": "F3",', '"id": "F3", "parameters": {"max": true},'),
    ],
)
def test_a_value_that_two_readers_read_differently_is_refused(tmp_path: Path, old: str, new: str) -> None:
    write_package(small_package(), tmp_path)
    path = tmp_path / "election.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(PackageError, match=r"election\.json"):
        load_package(tmp_path, problems)


def test_names_in_any_script_are_read_alike_by_both(tmp_path: Path) -> None:
    package = renamed("choices", "عبد\u200cالله", "Đặng Thị", "नेहरू\u200d", "李 雷 🗳")
    write_package(package, tmp_path)
    assert load_package(tmp_path, problems) == package
    assert audit_package(tmp_path).definition == package.definition_hash()
