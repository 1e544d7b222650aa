"""docs/licences.md agrees with what Rekap makes, and no package that a count runs on asks for more than the page states."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib

import pytest

from rekap.elections.demo import STATIONS_MIN, demo_package, key_slots
from rekap.elections.example import example_package
from tests.support.document import table
from tests.support.repository import ROOT

ROWS = {row[0]: row for row in table("docs/licences.md", "Licences")}
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PERMISSIVE = r"Apache|MIT|BSD|PSF|Python Software Foundation|Repoze|MPL-2\.0|Mozilla Public License 2\.0"


def _row(beginning: str) -> tuple[str, ...]:
    (found,) = [row for what, row in ROWS.items() if what.startswith(beginning)]
    return found


def test_the_code_has_the_licence_of_its_file_and_of_its_package() -> None:
    licence = _row("code of Rekap")[1]
    assert licence == tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["license"]
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_elections_that_rekap_makes_state_the_licence_of_the_table() -> None:
    assert _row("the election of `rekap election new`")[1] == example_package("x", []).election.licence
    demo = demo_package(stations=STATIONS_MIN, public_keys=dict.fromkeys(key_slots(), bytes(32))).election
    assert _row("the election of `rekap demo`")[1] == _row("names and codes")[1] == demo.licence
    notice = (ROOT / "rekap/elections/indonesia/NOTICE.md").read_text(encoding="utf-8")
    assert "Open Database License (ODbL) 1.0" in " ".join(notice.replace("*", "").split())


@pytest.mark.parametrize("distribution", re.findall(r"^([A-Za-z0-9._-]+)==", LOCK, re.MULTILINE))
def test_a_package_that_a_count_runs_on_has_a_licence_that_the_table_names(distribution: str) -> None:
    declared = _declared(distribution)
    assert declared, f"{distribution} declares no licence"
    assert re.search(PERMISSIVE, declared), declared
    assert not re.search(r"GPL|SSPL|EUPL|Commons Clause", declared), declared


def _declared(distribution: str) -> str:
    stated = importlib.metadata.metadata(distribution)
    classifiers = [each for each in stated.get_all("Classifier") or [] if each.startswith("License ::")]
    named = stated.get_all("License-Expression") or classifiers or stated.get_all("License") or []
    return " ".join(named)
