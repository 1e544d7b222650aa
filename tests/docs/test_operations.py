"""What docs/operations.md has the person on duty look at and type exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rekap.cli import COMMANDS
from rekap.reference import documents
from runtime.settings import settings_help

TEXT = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\brekap_[a-z_]+", TEXT))))
def test_each_metric_is_one_of_the_reference(name: str) -> None:
    assert f"| `{name}` |" in documents()["docs/reference/metrics.md"]


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\bREKAP_[A-Z_]+", TEXT))))
def test_each_setting_is_one_that_is_read(name: str) -> None:
    assert name in {variable for variable, _, _ in settings_help()}


@pytest.mark.parametrize("name", sorted(set(re.findall(r"(?:`|    |=election )rekap ([a-z]+(?:-[a-z]+)*)", TEXT))))
def test_each_command_is_one_that_can_be_typed(name: str) -> None:
    assert name in COMMANDS


@pytest.mark.parametrize("anchor", sorted(set(re.findall(r"\]\(#([a-z-]+)\)", TEXT))))
def test_each_link_within_leads_to_a_heading(anchor: str) -> None:
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)}
    assert anchor in headings
