"""Keys: of bytes that are not a key, only that is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from projections.checks.package_checks import problems
from schemas.definition.problems import Problem
from tests.support.small_election import small_package

LOW_ORDER = "AQ" + "A" * 41 + "="


def found(**values: Any) -> list[Problem]:
    package = small_package()
    key = package.keys[2].model_copy(update=values)
    return problems(replace(package, keys=(*package.keys[:2], key, *package.keys[3:])))


def test_of_a_key_of_low_order_the_id_is_not_compared() -> None:
    sentence = "a key of low order, of which one signature is valid for many messages"
    assert found(public_key=LOW_ORDER) == [Problem("keys", 2, "public_key", sentence)]


def test_a_character_that_is_not_base64_is_not_skipped() -> None:
    public = small_package().keys[2].public_key
    (problem,) = found(public_key=f"{public[:9]}!{public[9:]}")
    assert (problem.table, problem.row, problem.column) == ("keys", 2, "public_key")
    assert "one base64 form" not in problem.sentence


def test_a_key_with_an_unknown_scope_and_another_id_has_two_problems() -> None:
    assert [(problem.row, problem.column) for problem in found(scope="3", key_id="0123456789abcdef")] == [
        (2, "scope"),
        (2, "key_id"),
    ]
