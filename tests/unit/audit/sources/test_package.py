"""The auditor's definition hash against the server's, and its errors for a package that it cannot read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from audit.sources.package import read_package
from audit.sources.package_files import PackageError
from projections.checks.package_checks import problems
from rekap.elections.example import example_package
from runtime.package.reading import load_package
from runtime.package.writing import pack, write_package
from schemas.definition.package import BlankBallots, ElectionPackage, Office, Role
from schemas.definition.rows import LocalText
from schemas.licences import DEFAULT_LICENCE
from tests.support.ledger import key_row
from tests.support.small_election import elsewhere, small_package
from tests.support.small_finance import finance_package

PACKAGES = [
    small_package(),
    example_package("example", [key_row("authority", Role.AUTHORITY, "N")]),
    replace(
        elsewhere(small_package()),
        election=small_package().election.model_copy(
            update={"title": LocalText({"zh-Hant": "選舉", "pt-BR": "Eleição"})}
        ),
        offices=(
            Office(id="president", name=LocalText({"pt-BR": "Presidente", "gn": "Mburuvicha"})),
            Office(id="council", name=LocalText({"gn": "Amandaje"}), blank_ballots=BlankBallots.APART),
        ),
    ),
    finance_package(),
]


@pytest.mark.parametrize("package", PACKAGES, ids=("small", "example", "elsewhere", "finance"))
def test_both_compute_the_same_definition_hash(package: ElectionPackage, tmp_path: Path) -> None:
    write_package(package, tmp_path / "package")
    assert read_package(tmp_path / "package").definition == package.definition_hash()
    (tmp_path / "package.zip").write_bytes(pack(tmp_path / "package"))
    assert read_package(tmp_path / "package.zip").definition == package.definition_hash()


def test_a_package_that_names_no_licence_has_the_same_one_for_both(tmp_path: Path) -> None:
    package = small_package()
    named = replace(package, election=package.election.model_copy(update={"licence": DEFAULT_LICENCE}))
    write_package(named, tmp_path)
    file = tmp_path / "election.json"
    raw = json.loads(file.read_text())
    del raw["licence"]
    file.write_text(json.dumps(raw))
    assert load_package(tmp_path, problems).election.licence == DEFAULT_LICENCE
    assert read_package(tmp_path).definition == named.definition_hash()


def test_any_change_of_a_row_changes_the_hash(tmp_path: Path) -> None:
    write_package(small_package(), tmp_path)
    stations = tmp_path / "stations.csv"
    stations.write_text(stations.read_text().replace("201", "202", 1))
    assert read_package(tmp_path).definition != small_package().definition_hash()


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("election.json", "{}", "election.json: 'id' is missing"),
        (
            "stations.csv",
            "code,name,area,registered_voters\ns,S,1,many\n",
            "stations.csv, row 2: registered_voters is not a number",
        ),
        ("areas.csv", "code,name,level,parent\n,N,nation,\n", "areas.csv, row 2: code is empty"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    write_package(small_package(), tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(PackageError, match=sentence):
        read_package(tmp_path)
