"""Each package that docs/packages.md shows can be used, and each form on it counts to the numbers that the page shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from projections.checks.package_checks import problems
from projections.shown.tallies import published_tally
from rekap.cli import main
from rekap.reference_package import fields
from runtime.package.reading import read_package
from schemas.definition.package import TABLES, Election, Role
from schemas.definition.profiles import PROFILE_TABLES
from schemas.definition.rows import Row
from tests.support.document import Block, blocks, text_of, write
from tests.support.ledger import MemoryLedger, fold, key_row, rolled_up

DOCUMENT = "docs/packages.md"
BLOCKS = blocks(DOCUMENT)
WHOLE = "A whole package"
SECTIONS = list(dict.fromkeys(block.section for block in BLOCKS if block.file is not None))


def _files(section: str) -> list[Block]:
    return [block for block in BLOCKS if block.section == section and block.file is not None]


def _counted_forms(section: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each form of a section, and the numbers in the block after it."""
    values = [
        json.loads(each.text)
        for each in BLOCKS
        if each.section == section and each.file is None and each.language == "json"
    ]
    assert len(values) % 2 == 0, "a form is followed by what it counts to"
    yield from zip(values[::2], values[1::2], strict=True)


@pytest.fixture
def package(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The package of a section: the whole one, with the files that the section changes."""
    for block in [*_files(WHOLE), *_files(request.param)]:
        write(block, tmp_path)
    return tmp_path


@pytest.mark.parametrize("package", SECTIONS, indirect=True)
def test_each_package_can_be_used(package: Path) -> None:
    result = CliRunner().invoke(main, ["election", "check", str(package)])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("package", [WHOLE], indirect=True)
def test_the_check_prints_what_the_page_shows(package: Path) -> None:
    (shown,) = [block.text for block in BLOCKS if block.section == WHOLE and not block.language]
    assert CliRunner().invoke(main, ["election", "check", str(package)]).stdout == shown


@pytest.mark.parametrize(
    ("package", "form", "shown"),
    [(section, *pair) for section in SECTIONS for pair in _counted_forms(section)],
    indirect=["package"],
)
def test_each_form_counts_to_what_the_page_shows(package: Path, form: dict[str, Any], shown: dict[str, Any]) -> None:
    read = read_package(package, problems).package
    assert read is not None
    root = next(area.code for area in read.areas if area.parent is None)
    keys = (key_row("authority", Role.AUTHORITY, root), key_row("officer", Role.STATION_OFFICER, root))
    ledger = MemoryLedger(replace(read, keys=keys))
    ledger.append_as("officer", form)
    taken = [block for partition in range(ledger.definition.partitions) for block in fold(ledger, partition)[1]]
    (row,) = [row for block in taken for row in block.stations]
    assert row["state"] == "counted"
    contest = ledger.definition.ballots.contest(form["contest"])
    frame = rolled_up(ledger, taken).offices[contest.office].keyframe()
    assert frame is not None
    code = ledger.definition.tree.codes[contest.root_area]
    (tally,) = [tally for found, area, tally in frame.areas if (found, area) == (contest.id, code)]
    published = published_tally(contest, contest.root_area, tally, ledger.definition)
    assert {name: published[name] for name in shown} == shown
    assert shown


@pytest.mark.parametrize(
    ("file", "model"),
    [("election.json", Election), *((f"{name}.csv", model) for name, model in (TABLES | PROFILE_TABLES).items())],
)
def test_each_table_is_on_the_page_and_each_of_its_fields_in_the_reference(file: str, model: type[Row]) -> None:
    assert f"`{file}`" in text_of(DOCUMENT)
    section = text_of("docs/reference/package.md").partition(f"## {file}\n")[2].partition("\n## ")[0]
    missing = [each.name for each in fields(model) if f"| `{each.name}" not in section]
    assert not missing, f"docs/reference/package.md: {file} has no {missing}"
