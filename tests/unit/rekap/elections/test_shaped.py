"""`rekap election new` with a shape: each package that it writes passes `election check`, and what cannot be is a sentence."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.checks.package_checks import problems
from rekap.cli import main
from rekap.elections.shaped import ShapeError, area_levels, identifiers, invented_stations, shaped_keys, shaped_package
from runtime.package.reading import load_package
from schemas.definition.package import ElectionPackage
from tests.support.ledger import key_row


def new(directory: Path, *options: str) -> Result:
    result = CliRunner().invoke(main, ("election", "new", str(directory), *options))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def written(tmp_path: Path, *options: str) -> ElectionPackage:
    result = new(tmp_path / "made", *options)
    assert result.exit_code == 0, result.output
    checked = CliRunner().invoke(main, ("election", "check", str(tmp_path / "made")))
    assert (checked.exit_code, checked.stderr) == (0, "")
    return load_package(tmp_path / "made", problems)


def test_a_shape_has_its_offices_levels_and_stations(tmp_path: Path) -> None:
    package = written(
        tmp_path, "--offices", "president,senate", "--levels", "nation,state,county,ward", "--stations", "123"
    )
    assert [office.id for office in package.offices] == ["president", "senate"]
    assert [level.id for level in package.election.levels] == ["nation", "state", "county", "ward", "station"]
    assert len(package.stations) == 123
    areas = {area.code: area for area in package.areas}
    assert {areas[station.area].level for station in package.stations} == {"ward"}


def test_the_last_line_is_the_command_that_starts_it(tmp_path: Path) -> None:
    for options in ((), ("--stations", "5")):
        directory = tmp_path / f"an election {len(options)}"
        last = new(directory, *options).stdout.splitlines()[-1]
        command = shlex.split(last.partition(":")[2])
        assert command[:3] == ["rekap", "up", str(directory)]
        assert Path(command[4]).is_file()


def test_a_list_of_stations_gives_areas_stations_and_registers(tmp_path: Path) -> None:
    file = tmp_path / "stations.csv"
    lines = (
        "province;district;station;registered_voters",
        "Aceh;Banda;TPS 1;201",
        "Aceh;Banda;TPS 2;",
        ";;;",
        "Bali;Banda;TPS 1;7",
    )
    file.write_text("\ufeff" + "\r\n".join(lines) + "\r\n")
    package = written(tmp_path, "--from-csv", str(file))
    assert [(area.code, area.name) for area in package.areas] == [
        ("N", "Nation"),
        ("N.1", "Aceh"),
        ("N.1.1", "Banda"),
        ("N.2", "Bali"),
        ("N.2.1", "Banda"),
    ]
    assert [(each.code, each.name, each.registered_voters) for each in package.stations] == [
        ("N.1.1.001", "TPS 1", 201),
        ("N.1.1.002", "TPS 2", None),
        ("N.2.1.001", "TPS 1", 7),
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "stations.csv:1: the first line names no column 'station'"),
        ("province,station,age\n", "stations.csv:1: after 'station' only 'registered_voters' may come, not 'age'"),
        ("Province,station\n", "stations.csv:1: 'Province' is not an id"),
        ("station\n", "stations.csv:1: '' is not an id"),
        ("province,station\n", "stations.csv: has no stations"),
        ("province,station\na\n", "stations.csv:2: has 1 cells, but the first line names 2 columns"),
        ("province,station\n,1\n", "stations.csv:2: province is empty"),
        ("province,station\na\x1b,1\n", "stations.csv:2: province: 'a\\\\x1b' is too long or holds a control"),
        ("province,station\na,1\nb,1\na,1\n", "stations.csv:4: station '1' in a is in line 2 already"),
        ("province,station,registered_voters\na,1,1.5\n", "stations.csv:2: registered_voters: expected a whole number"),
    ],
)
def test_a_wrong_list_is_named_with_file_and_line_and_nothing_is_written(
    tmp_path: Path, content: str, sentence: str
) -> None:
    (tmp_path / "stations.csv").write_text(content)
    result = new(tmp_path / "made", "--from-csv", str(tmp_path / "stations.csv"))
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--offices", "President"), "--offices: 'President' is not an id"),
        (("--offices", "a,a"), "--offices: 'a' is there twice"),
        (("--offices", ""), "--offices: '' is not an id"),
        (("--levels", ""), "--levels: '' is not an id"),
        (("--offices", ",".join(f"o{n}" for n in range(21))), "--offices: 21 given, expected 1 to 20"),
        (("--levels", "nation"), "--levels: 1 given, expected 2 to 7"),
        (("--levels", "nation,station"), "'station' is always the lowest level"),
        (("--from-csv", "x", "--stations", "5"), "give neither --levels nor --stations with it"),
        (("--from-csv", "none.csv"), "none.csv: cannot be read: No such file"),
        (("--stations", "0"), "0 is not in the range"),
    ],
)
def test_a_shape_that_cannot_be_is_a_sentence(tmp_path: Path, options: tuple[str, ...], sentence: str) -> None:
    result = new(tmp_path / "made", *options)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not (tmp_path / "made").exists()


@settings(max_examples=30)
@given(levels=st.integers(2, 7), stations=st.integers(1, 400), offices=st.integers(1, 3))
def test_each_shape_is_a_package_that_can_be_used(levels: int, stations: int, offices: int) -> None:
    names = area_levels(",".join(f"level-{n}" for n in range(levels)))
    ids = identifiers("--offices", ",".join(f"o{n}" for n in range(offices)), least=1, most=20)
    found = list(invented_stations(names, stations))
    needed = shaped_keys(shaped_package("made", names, found, ids, []).areas, names[1])
    keys = [key_row(f"{role.value}-{scope}"[:32], role, scope) for role, scope, _ in needed]
    package = shaped_package("made", names, found, ids, keys[:4])
    assert list(problems(package)) == []
    assert len(package.stations) == stations
    assert max(sum(station.area == area.code for station in package.stations) for area in package.areas) <= 20


def test_an_option_names_itself() -> None:
    with pytest.raises(ShapeError, match=r"^--levels: "):
        area_levels("x y")
