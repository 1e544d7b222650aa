"""The rule by which modules of `api` and `consumers` are pure."""

from __future__ import annotations

import pytest

from tests.support.pure_modules import ALSO, BY_RULE, WHOLE, is_pure, pure_modules
from tests.support.repository import ROOT

FOUND = {path for root in BY_RULE for path in pure_modules()[root]}


@pytest.mark.parametrize(
    ("source", "pure"),
    [
        ("import orjson\nfrom collections.abc import Iterable", True),
        ("import timeit", True),
        ("from api.feed import time", True),
        ("def f(): return [x for x in y]", True),
        ("import time", False),
        ("import orjson, os.path as path", False),
        ("from concurrent.futures import Executor", False),
        ("def f():\n    from socket import socket", False),
        ("class A:\n    async def f(self): ...", False),
        ("if TYPE_CHECKING:\n    import asyncio", True),
        ("if TYPE_CHECKING:\n    import asyncio\nelse:\n    import ssl", False),
        ("if A:\n    import asyncio", False),
    ],
)
def test_a_module_is_pure_that_has_no_coroutine_and_imports_nothing_that_acts(source: str, pure: bool) -> None:
    assert is_pure(source) is pure


def test_the_decisions_are_found_and_the_shells_are_not() -> None:
    assert {
        "api/feed/state.py",
        "api/maps/map_answer.py",
        "api/submit/forewarning.py",
        "consumers/tabulator/decisions.py",
        "consumers/tabulator/signature_process.py",
    } <= FOUND
    assert FOUND.isdisjoint({"api/feed/live.py", "api/server.py", "consumers/notary.py", "api/maps/map_files.py"})
    assert [pure_modules()[root] for root in WHOLE] == [("schemas/*",), ("projections/*",), ("proofs/*",)]


@pytest.mark.parametrize("path", ALSO)
def test_a_module_is_named_beside_the_rule_only_where_the_rule_does_not_find_it(path: str) -> None:
    assert not is_pure((ROOT / path).read_text(encoding="utf-8")), "the rule finds it: take it out of ALSO"
