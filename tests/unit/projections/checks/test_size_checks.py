"""The sums of an office fit into one message: the limit, and which areas and choices are counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from projections.area.tally import tally_length
from projections.checks import size_checks
from projections.checks.package_checks import problems
from projections.checks.size_checks import NUMBER_BYTES
from schemas.definition.package import ElectionPackage, Office
from schemas.definition.problems import Problem
from schemas.definition.rows import LocalText
from tests.support.small_election import small_package

AREAS = 1 + 2 + 4
"""Areas of the small election down to the shard level, which is the districts."""


def size_of(choices: int) -> int:
    return AREAS * tally_length(choices) * NUMBER_BYTES


def offices_too_large(monkeypatch: pytest.MonkeyPatch, package: ElectionPackage, limit: int) -> list[int | None]:
    """Rows of the offices whose sums are larger than `limit` bytes, which two parts hold."""
    monkeypatch.setattr(size_checks, "PARTS_MAX", 2)
    monkeypatch.setattr(size_checks, "PART_BYTES_MAX", limit // 2)
    return [problem.row for problem in problems(package) if "choose a `shard_level`" in problem.sentence]


def test_an_office_is_as_large_as_its_contest_with_the_most_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    """The president has three choices; the council four, and two in its first contest."""
    whole = small_package()
    package = replace(whole, choices=(*whole.choices[:5], *whole.choices[7:]))
    assert offices_too_large(monkeypatch, package, size_of(4)) == []
    assert offices_too_large(monkeypatch, package, size_of(4) - 2) == [1]
    assert offices_too_large(monkeypatch, package, size_of(3)) == [1]
    assert offices_too_large(monkeypatch, package, size_of(3) - 2) == [0, 1]


def test_an_office_without_contest_has_sums_without_votes(monkeypatch: pytest.MonkeyPatch) -> None:
    package = small_package()
    mayor = Office(id="mayor", name=LocalText(id="Wali kota", en="Mayor"))
    package = replace(package, offices=(*package.offices, mayor))
    assert offices_too_large(monkeypatch, package, size_of(0)) == [0, 1]
    assert offices_too_large(monkeypatch, package, size_of(0) - 2) == [0, 1, 2]


def test_the_sentence_names_the_areas_the_level_the_choices_and_both_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size_checks, "NUMBER_BYTES", 1_000_000)
    sentence = (
        f"the sums of 7 areas down to the level 'district' with up to 3 choices are about {7 * tally_length(3)} MB, and a "
        "message is at most 134: choose a `shard_level` further up"
    )
    assert problems(small_package())[0] == Problem("offices", 0, "id", sentence)
