"""The mutation tester changes what it should, one thing at a time, and nothing that no test should depend on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.mutation.__main__ import equivalents
from tests.mutation.children import ROOT
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.session import replace_code


def _after(source: str) -> list[str]:
    return [mutant.after for mutant in mutants_of("module.py", source.encode())]


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("LIMIT = 10", ["LIMIT = 11", "LIMIT = 9"]),
        ("a < b", ["a <= b"]),
        ("(a + b) <= (c)", ["(a + b) < (c)", "(a - b) <= (c)"]),
        ("x = a and b", ["x = ((a))", "x = ((b))"]),
        ("x = b if a else c", ["x = b if False else c", "x = b if True else c"]),
        ("x = not a", ["x = (a)"]),
        ("x.clear()", ["pass"]),
        ("raise ValueError('f')", ["pass"]),
        ("x = min(a)", ["x = max(a)"]),
        ("x = 'F3'", ["x = 'F3X'"]),
        ("x = [y for y in z if y.a]", ["x = [y for y in z if True]"]),
        ("assert x == 1", []),
        ("x: Literal[3]", []),
        ("x = 'a sentence for people'", []),
    ],
)
def test_each_expression_or_statement_is_changed_alone(source: str, changed: list[str]) -> None:
    assert sorted(_after(source)) == sorted(changed)


def test_a_mutant_knows_the_function_whose_code_it_changes() -> None:
    source = b"class A:\n    limit = 1\n    def f(self, x=2):\n        def g():\n            return 3\n"
    found: dict[str, Mutant] = {mutant.before: mutant for mutant in mutants_of("module.py", source)}
    assert {before: (mutant.scope, mutant.function) for before, mutant in found.items()} == {
        "limit = 1": ("A", None),
        "def f(self, x=2):": ("A", None),
        "return 3": ("A.f.g", ("A", "f")),
    }
    assert found["return 3"].source(source).endswith((b"return 4\n", b"return 2\n"))


def test_a_mutant_knows_the_lines_of_its_statement_without_those_within_it() -> None:
    source = b"""if (
    a
):
    x = [
        1,
    ]
for y in z(2):
    pass
match b:
    case 3:
        c(
            4)
"""
    found = {mutant.before: mutant.lines for mutant in mutants_of("module.py", source)}
    assert found == {
        "a": range(1, 4),
        "1,": range(4, 7),
        "for y in z(2):": range(7, 8),
        "case 3:": range(10, 11),
        "c( 4)": range(11, 13),
        "4)": range(11, 13),
    }


def test_each_mutant_that_is_listed_as_equivalent_is_still_made() -> None:
    """The list is read here, so that a fault in it does not wait for `make mutate`: not TOML, or a line that has changed."""
    listed = equivalents()
    made = {
        (each.path, each.scope, each.before, each.after)
        for path in {path for path, *_ in listed}
        for each in mutants_of(path, (ROOT / path).read_bytes())
    }
    assert listed - made == set()


MODULE = """class Above:
    def __init__(self):
        self.above = 1

class Below(Above):
    def __init__(self):
        super().__init__()
        self.below = 2
"""


@pytest.mark.parametrize(
    ("left_out", "fields"), [("self.below = 2", {"above": 1}), ("super().__init__()", {"below": 2})]
)
def test_a_function_of_a_module_that_no_test_imports_has_its_changed_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_out: str, fields: dict[str, int]
) -> None:
    """An error would count as a test that fails. Without `super()`, the function has no variable around it any more."""
    (tmp_path / "changed_here.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    (mutant,) = (
        each
        for each in mutants_of("changed_here.py", MODULE.encode())
        if (each.before, each.after) == (left_out, "pass")
    )
    replace_code(mutant, mutant.source(MODULE.encode()))
    changed = sys.modules.pop("changed_here")
    assert vars(changed.Below()) == fields
