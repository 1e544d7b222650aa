"""The files of a hostile package: names that look like formulas, codes that look like numbers, in every format the same."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from consumers.exporter.cut import CopiedCut
from consumers.exporter.writing import Wanted, write_files
from projections.definition.compiled import Definition
from projections.nist.report_plan import REPORT_TABLE
from projections.tables.file_plan import ALL_TABLES
from runtime.package.errors import PackageError
from runtime.package.writing import write_package
from runtime.tables.csv_table import FORMULA_BEGINNINGS
from runtime.tables.table_files import Format
from schemas.definition.package import ElectionPackage
from schemas.tables.register import CHOICES
from schemas.tables.results import STATION_COUNTS
from tests.support.bulk_files import rows_of
from tests.support.small_election import small_package
from tests.support.standings import made_cut

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
    target = directory / "files"
    cut = made_cut(definition, directory / "copy")
    target.mkdir()
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


def test_every_file_has_the_same_rows_in_each_format_and_none_is_a_formula(tmp_path: Path) -> None:
    _, target, manifest = _write(tmp_path, _hostile())
    tables = {
        each["name"].rpartition(".")[0]: each["table"] for each in manifest["files"] if each["table"] != REPORT_TABLE
    }
    for stem, name in tables.items():
        table = next(table for table in ALL_TABLES if table.name == name)
        with (target / f"{stem}.csv").open(encoding="utf-8", newline="") as file:
            assert not [cell for row in csv.reader(file) for cell in row if cell.startswith(FORMULA_BEGINNINGS)]
        rows = rows_of(target / f"{stem}.ndjson", table)
        assert {each["rows"] for each in manifest["files"] if each["name"].startswith(f"{stem}.")} == {len(rows)}
        for format in Format:
            assert rows_of(target / f"{stem}.{format}", table) == rows, (stem, format)
    assert {each["rows"] for each in manifest["files"] if each["table"] == "stations"} == {16}
    assert {row["name"] for row in rows_of(target / "choices.xlsx", CHOICES)} >= set(NAMES)


def test_codes_stay_texts_with_their_leading_zeros(tmp_path: Path) -> None:
    definition, target, _ = _write(tmp_path, _hostile(), offices=["president"], tables=["station-counts"])
    order = definition.stations.order.rank
    in_order = sorted(definition.stations.codes, key=lambda code: order[int(code)])
    for format in Format:
        rows = rows_of(target / f"president.station.station-counts.{format}", STATION_COUNTS)
        assert [row["station"] for row in rows] == in_order


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
