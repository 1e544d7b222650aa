"""The files of a hostile package: names that look like formulas, codes that look like numbers, in every format the same."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from consumers.exporter.cut import CopiedCut
from consumers.exporter.writing import Wanted, write_files
from projections.definition.compiled import Definition
from runtime.package.errors import PackageError
from runtime.package.writing import write_package
from runtime.tables.csv_table import FORMULA_BEGINNINGS
from runtime.tables.table_files import Format
from schemas.definition.package import ElectionPackage
from tests.support.small_election import small_package
from tests.support.standings import copied, made_standings

NAMES = ("=1+1", '"quoted", and more', "+62 812", "@SUM(B:B)", "-", "'apostrophe", "TPS 001", "＝wide", "a\u00a0b")


def _hostile() -> ElectionPackage:
    """The small election with 16-digit station codes with leading zeros, and hostile names wherever a name is."""
    package = small_package()
    return replace(
        package,
        areas=tuple(row.model_copy(update={"name": NAMES[n % len(NAMES)]}) for n, row in enumerate(package.areas)),
        stations=tuple(
            row.model_copy(update={"code": f"{n:016d}", "name": NAMES[n % len(NAMES)]})
            for n, row in enumerate(package.stations)
        ),
        choices=tuple(row.model_copy(update={"name": NAMES[n % len(NAMES)]}) for n, row in enumerate(package.choices)),
        parties=tuple(row.model_copy(update={"short_name": "=cmd|'/c calc'!A0"}) for row in package.parties),
    )


def _write(directory: Path, package: ElectionPackage, **wanted: Any) -> tuple[Definition, Path, dict[str, Any]]:
    write_package(package, directory / "package")
    definition = Definition.of(package)
    copy, target = directory / "copy", directory / "files"
    copy.mkdir()
    target.mkdir()
    for office in definition.ballots.offices:
        contests = (definition.ballots.contests[number] for number in office.contests)
        lines = (line for contest in contests for line in copied(made_standings(definition, contest, 5)))
        (copy / f"standings-{office.number}").write_bytes(b"".join(lines))
    cut = CopiedCut(datetime(2029, 2, 14, 13, 0, tzinfo=UTC), {("president", 0): 7}, copy)
    reports: list[tuple[str, int, int]] = []
    manifest = write_files(
        definition,
        directory / "package",
        cut,
        target,
        Wanted(list(Format), **wanted),
        lambda *report: reports.append(report),
    )
    assert all(done <= total for _, done, total in reports)
    return definition, target, manifest


def _texts(path: Path) -> list[list[str | None]]:
    """The cells of a file as texts, as another reader has them."""
    if path.suffix == ".ndjson":
        rows: Sequence[Sequence[Any]] = [list(orjson.loads(line).values()) for line in path.read_bytes().splitlines()]
    else:
        with duckdb.connect() as database:
            rows = database.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    return [[None if cell is None else str(cell) for cell in row] for row in rows]


def test_every_file_has_the_same_cells_in_each_format_and_none_is_a_formula(tmp_path: Path) -> None:
    _, target, manifest = _write(tmp_path, _hostile())
    stems = {each["name"].rpartition(".")[0] for each in manifest["files"]}
    for stem in stems:
        with (target / f"{stem}.csv").open(encoding="utf-8", newline="") as file:
            _, *cells = csv.reader(file, strict=True)
        assert not [cell for row in cells for cell in row if cell.startswith(FORMULA_BEGINNINGS)]
        rows = [[cell.removeprefix("'") or None for cell in row] for row in cells]
        assert rows == _texts(target / f"{stem}.ndjson") == _texts(target / f"{stem}.parquet")
    assert {each["rows"] for each in manifest["files"] if each["table"] == "stations"} == {16}
    choices = {row[2] for row in _texts(target / "choices.ndjson")}
    assert set(NAMES) <= choices


def test_codes_stay_texts_with_their_leading_zeros(tmp_path: Path) -> None:
    definition, target, _ = _write(tmp_path, _hostile(), offices=["president"], tables=["station-counts"])
    with duckdb.connect() as database:
        path = str(target / "president.station.station-counts.parquet")
        codes = database.execute("SELECT station FROM read_parquet(?)", [path]).fetchall()
    order = definition.stations.order.rank
    assert [code for (code,) in codes] == sorted(definition.stations.codes, key=lambda code: order[int(code)])


def test_a_package_that_is_another_one_meanwhile_is_not_written(tmp_path: Path) -> None:
    package = small_package()
    definition, _, _ = _write(tmp_path, package, tables=["areas"])
    stations = tmp_path / "package/stations.csv"
    stations.write_text(stations.read_text().replace(",201", ",many"))
    (tmp_path / "again").mkdir()
    cut = CopiedCut(datetime(2029, 2, 14, tzinfo=UTC), {}, tmp_path / "copy")
    wanted = Wanted([Format.CSV], tables=["stations"])
    with pytest.raises(PackageError, match="does not have its shape any more"):
        write_files(definition, tmp_path / "package", cut, tmp_path / "again", wanted, lambda *_: None)
    assert not (tmp_path / "again/manifest.json").exists()
