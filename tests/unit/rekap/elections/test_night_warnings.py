"""What `rekap election check` notes about a package that is valid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from projections.definition.compiled import Definition
from rekap.cli import main
from rekap.elections.example import EXAMPLE_KEYS, example_package
from rekap.elections.night_warnings import night_warnings, register_changes
from runtime.package.writing import write_package
from schemas.definition.package import ElectionPackage, Mode, Role
from schemas.definition.rows import LocalText
from tests.support.ledger import key_row
from tests.support.small_election import small_package


def notes(package: ElectionPackage) -> list[str]:
    return list(night_warnings(package, Definition.of(package)))


def test_a_package_that_is_ready_has_no_note() -> None:
    assert notes(small_package()) == []
    keys = [key_row(f"{role.value}-{scope}", role, scope) for role, scope, _ in EXAMPLE_KEYS]
    assert notes(example_package("example", keys)) == []


def test_stations_without_a_contest_that_others_have_are_named() -> None:
    package = small_package()
    kept = tuple(part for part in package.districts if (part.district, part.area) != ("b", "2.1.1"))
    assert notes(replace(package, districts=kept)) == [
        "contests.csv: 2 stations (2.1.1-1, 2.1.1-2) of 16 without a contest of council, which the others have"
    ]


@pytest.mark.parametrize(
    ("role", "scope", "note"),
    [
        (
            Role.STATION_OFFICER,
            "1",
            "keys.csv: 8 stations (2.1.1-1, 2.1.1-2, 2.1.2-1, …) of 16 without a key of the role station_officer: no form of "
            "theirs can be signed",
        ),
        (
            Role.REVIEWER,
            "1.1.1-1",
            "keys.csv: 15 stations (1.1.1-2, 1.1.2-1, 1.1.2-2, …) of 16 without a key of the role reviewer: a held form of "
            "theirs stays held",
        ),
    ],
)
def test_stations_for_which_nobody_can_report_or_review_are_named(role: Role, scope: str, note: str) -> None:
    package = small_package()
    others = [key for key in package.keys if key.role is not role]
    assert notes(replace(package, keys=(*others, key_row("only", role, scope)))) == [note]


@pytest.mark.parametrize(
    ("update", "named"),
    [
        ({"title": LocalText(id="Contoh pemilu", en="Election")}, "Contoh pemilu"),
        ({"title": LocalText(en="Example election")}, "Example election"),
        ({"title": LocalText(en="[LATIHAN] Election")}, "[LATIHAN] Election"),
        ({"id": "demo-2029"}, "demo-2029"),
        ({"title": LocalText(en="Contest of Testerton")}, None),
    ],
)
def test_a_live_election_with_a_title_of_an_example_is_named(update: dict[str, object], named: str | None) -> None:
    package = small_package()
    for mode in Mode:
        now = replace(package, election=package.election.model_copy(update={**update, "mode": mode}))
        assert [named in note for note in notes(now) if named] == ([True] if named and mode is Mode.LIVE else [])


def test_a_register_that_changed_is_named_by_kind() -> None:
    before = small_package()
    assert list(register_changes(before, before)) == []
    gone, moved, changed, *others = before.stations
    now = replace(
        before,
        stations=(
            moved.model_copy(update={"area": "2.2.2"}),
            changed.model_copy(update={"registered_voters": 250}),
            *others,
            gone.model_copy(update={"code": "1.1.1-9"}),
        ),
    )
    assert list(register_changes(before, now)) == [
        "stations.csv: new: 1 station (1.1.1-9)",
        "stations.csv: gone: 1 station (1.1.1-1)",
        "stations.csv: in another area: 1 station (1.1.1-2)",
        "stations.csv: with another register: 1 station (1.1.2-1)",
        "stations.csv: registered voters 3,224 before and 3,273 now (+49)",
    ]


def test_the_command_prints_notes_and_changes_and_ends_with_0(tmp_path: Path) -> None:
    package = small_package()
    write_package(package, tmp_path / "before")
    now = replace(package, keys=tuple(key for key in package.keys if key.role is not Role.REVIEWER))
    write_package(replace(now, stations=now.stations[1:]), tmp_path / "now")
    result = CliRunner().invoke(
        main, ("election", "check", str(tmp_path / "now"), "--against", str(tmp_path / "before"))
    )
    assert result.exit_code == 0
    assert "Note: keys.csv: 15 stations" in result.stderr
    assert "before: stations.csv: gone: 1 station (1.1.1-1)" in result.stderr
    same = CliRunner().invoke(main, ("election", "check", str(tmp_path / "now"), "--against", str(tmp_path / "now")))
    assert "stations.csv: the register is the same" in same.stderr
    wrong = CliRunner().invoke(main, ("election", "check", str(tmp_path / "now"), "--against", str(tmp_path / "none")))
    assert wrong.exit_code == 2
