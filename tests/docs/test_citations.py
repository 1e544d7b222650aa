"""Each citation of the design, of the domain and of a rule leads to a heading or to a row of a table in docs/."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from projections.form.across_contests import CROSS_RULES
from projections.form.rules import RULES
from tests.support.repository import ROOT, tracked

DESIGN, DOMAIN, REFERENCE = (
    (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("design.md", "domain.md", "reference/rules.md")
)
SECTION = re.compile(r"^#{2,3} (\d+(?:\.\d+)?)\.? ", re.MULTILINE)
ROW = re.compile(r"^\| `?([A-Z][A-Za-z0-9]*)`? \|", re.MULTILINE)
SECTIONS = {"DESIGN": set(SECTION.findall(DESIGN)), "DOMAIN": set(SECTION.findall(DOMAIN))}
INVARIANTS = set(re.findall(r"^(\d+)\. \*\*", DESIGN.partition("## 2.")[0], re.MULTILINE))
ROWS = set(ROW.findall(DOMAIN)) | set(ROW.findall(REFERENCE))

NUMBER = r"\d+(?:\.\d+)?"
CITATION = re.compile(rf"\b(DESIGN|DOMAIN) ({NUMBER}(?:(?:, | and |/){NUMBER})*)")
INVARIANT = re.compile(r"\binvariants? (\d+)", re.IGNORECASE)
RULE = re.compile(r"(?<![\w./\"'\\\[-])[A-Z]\dP?(?![\w./\"'\]-])")
CONTROL_CHARACTERS = {"C0"}
"""Sets of characters of Unicode, named like a rule."""
OUTSIDE = re.compile(r"\bshared/(?!data\b)|\b(?:DESIGN|DOMAIN|STYLE)\.md\b|\b(?:DESIGN|DOMAIN)(?! \d| n)")


class Line(NamedTuple):
    file: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.number}: {self.text.strip()}"


def _lines() -> Iterator[Line]:
    for path in tracked("*.py", "*.md", "*.sql", "*.toml", "*.yml", "*.json", "Makefile", "Dockerfile"):
        if path in (Path(__file__), ROOT / "CHANGELOG.md"):
            continue
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            yield Line(str(path.relative_to(ROOT)), number, text)


LINES = list(_lines())


def test_each_citation_of_the_design_and_of_the_domain_leads_to_a_numbered_heading() -> None:
    astray = [
        f"{line}\n    docs/{document.lower()}.md has no section {number}"
        for line in LINES
        for document, numbers in CITATION.findall(line.text)
        for number in re.findall(NUMBER, numbers)
        if number not in SECTIONS[document]
    ]
    assert not astray, "\n".join(astray)


def test_each_invariant_that_is_cited_is_in_the_list_of_the_design() -> None:
    astray = [
        f"{line}\n    docs/design.md has no invariant {number}"
        for line in LINES
        for number in INVARIANT.findall(line.text)
        if number not in INVARIANTS
    ]
    assert not astray, "\n".join(astray)


def test_each_rule_that_is_named_has_a_row_in_a_table() -> None:
    astray = [
        f"{line}\n    neither docs/domain.md nor docs/reference/rules.md has a row for {rule}"
        for line in LINES
        if not line.file.endswith(".json")
        for rule in RULE.findall(line.text)
        if rule not in ROWS | CONTROL_CHARACTERS
    ]
    assert not astray, "\n".join(astray)


@pytest.mark.parametrize("rule", [*RULES, *CROSS_RULES])
def test_each_rule_has_its_source_in_the_domain(rule: str) -> None:
    assert rule in ROW.findall(DOMAIN), "give the rule a row in docs/domain.md, section 1.2 or 1.3"


def test_no_document_outside_the_repository_is_cited() -> None:
    outside = [str(line) for line in LINES if OUTSIDE.search(line.text)]
    assert not outside, "cite docs/design.md as DESIGN n, docs/domain.md as DOMAIN n.m:\n" + "\n".join(outside)
