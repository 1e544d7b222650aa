"""Tests collected once, and run against many mutants of functions: for each mutant those tests that reach it.

First one child runs all tests, traced, and reports which test reaches which line of the modules, and how long it takes. Then
for each mutant a child replaces the function's code and runs the tests that reach the change, the quickest first, until one
fails. The parent runs no test, so that nothing that a test has computed and kept hides a change.
"""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from types import CodeType, FunctionType
from typing import Any, BinaryIO, NamedTuple

import coverage
import pytest

from tests.mutation.children import QUIET, ROOT, are_killed, bounded, forked
from tests.mutation.mutants import Mutant

BASELINE_SECONDS_MAX = 10_000
"""Processor time for one run of all tests, traced."""


class Verdicts(NamedTuple):
    """What became of the mutants of the functions of one module."""

    path: str
    killed: list[bool]
    is_imported: list[bool]
    """For each mutant whether its lines run also while modules are imported or tests collected. Then what is kept from that
    hides the change, and a survivor is tried again in a fresh process."""


class _Reach(NamedTuple):
    lines: dict[str, dict[int, list[str]]]
    """Path → line → numbers of the tests that reach it, as text; "" where the line runs before the first test."""
    seconds: list[float]
    """Processor time of each test."""


def verdicts_of_functions(
    mutants: Mapping[str, Sequence[Mutant]], tests: Sequence[str], processes: int
) -> Iterator[Verdicts]:
    """By module, in order, while they are found. The children of a process of its own collect the tests once."""
    receive, send = os.pipe()

    def work() -> int:
        os.close(receive)
        with os.fdopen(send, "wb") as out:
            traced = coverage.Coverage(
                data_file=None, config_file=False, include=[str(ROOT / path) for path in mutants]
            )
            traced.start()
            loop = _Loop(mutants, traced, out, processes)
            return int(pytest.main([*QUIET, *tests], plugins=[loop]))

    child = forked(work, 10 * BASELINE_SECONDS_MAX)
    os.close(send)
    with os.fdopen(receive, "rb") as answers:
        for _ in mutants:
            try:
                yield pickle.load(answers)
            except EOFError:
                break
    if os.waitpid(child, 0)[1] != 0:
        sys.exit(f"these tests fail without any change: {' '.join(tests)}")


class _Loop:
    """Instead of pytest's loop over the tests it has collected: a loop over mutants, and in each child over tests."""

    def __init__(
        self,
        mutants: Mapping[str, Sequence[Mutant]],
        traced: coverage.Coverage,
        out: BinaryIO,
        processes: int,
    ) -> None:
        self._mutants = mutants
        self._traced = traced
        self._out = out
        self._processes = processes

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            return True
        reach = self._reach(session)
        self._traced.stop()
        if reach is None:
            session.testsfailed += 1
            return True
        for path, mutants in self._mutants.items():
            pickle.dump(self._verdicts(session, path, mutants, reach), self._out)
            self._out.flush()
        return True

    # -- the tests as they are --------------------------------------------------------------------------------------

    def _reach(self, session: pytest.Session) -> _Reach | None:
        """None where a test fails without any change."""
        receive, send = os.pipe()

        def work() -> int:
            os.close(receive)
            seconds = []
            for number, item in enumerate(session.items):
                self._traced.switch_context(str(number))
                before = time.process_time()
                if _run(session, [item]) != 0:
                    return 1
                seconds.append(time.process_time() - before)
            self._traced.stop()
            data = self._traced.get_data()
            lines = {path: data.contexts_by_lineno(str(ROOT / path)) for path in self._mutants}
            with os.fdopen(send, "wb") as out:
                pickle.dump(_Reach(lines, seconds), out)
            return 0

        child = forked(work, BASELINE_SECONDS_MAX)
        os.close(send)
        with os.fdopen(receive, "rb") as answer:
            content = answer.read()
        return pickle.loads(content) if os.waitpid(child, 0)[1] == 0 else None

    # -- the tests with a change ------------------------------------------------------------------------------------

    def _verdicts(self, session: pytest.Session, path: str, mutants: Sequence[Mutant], reach: _Reach) -> Verdicts:
        source = (ROOT / path).read_bytes()
        lines = reach.lines[path]
        works = []
        is_imported = []
        for mutant in mutants:
            reached = {number for line in mutant.lines for number in lines.get(line, ())}
            is_imported.append("" in reached)
            numbers = sorted((int(number) for number in reached - {""}), key=reach.seconds.__getitem__)
            items = [session.items[number] for number in numbers]
            seconds = bounded(sum(reach.seconds[number] for number in numbers))
            works.append((lambda m=mutant, i=items: _run_changed(session, m, source, i), seconds))
        return Verdicts(path, are_killed(works, self._processes), is_imported)


def _run_changed(session: pytest.Session, mutant: Mutant, source: bytes, items: Sequence[pytest.Item]) -> int:
    replace_code(mutant, mutant.source(source))
    return _run(session, items)


def _run(session: pytest.Session, items: Sequence[pytest.Item]) -> int:
    """Run tests up to the first failure; 0 where there is none."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0


def replace_code(mutant: Mutant, changed: bytes) -> None:
    """Give the one function that a mutant changes its new code, in this process. A module that no test has imported is
    imported here, because an error would count as a test that fails."""
    scope = mutant.function
    assert scope is not None
    owner: Any = importlib.import_module(mutant.path.removesuffix(".py").replace("/", "."))
    for name in scope[:-1]:
        owner = vars(owner)[name]
    found = vars(owner)[scope[-1]]
    while not isinstance(found, FunctionType):
        found = next(
            inner for name in ("__wrapped__", "__func__", "fget", "func") if (inner := getattr(found, name, None))
        )
    code = _code_of(compile(changed, found.__code__.co_filename, "exec", dont_inherit=True), scope)
    if code.co_freevars == found.__code__.co_freevars:
        found.__code__ = code
        return
    # What is left out was the only use of a variable around the function, such as the class of `super()`.
    cells = dict(zip(found.__code__.co_freevars, found.__closure__ or (), strict=True))
    closure = tuple(cells[name] for name in code.co_freevars)
    changed_function = FunctionType(code, found.__globals__, found.__name__, found.__defaults__, closure)
    changed_function.__kwdefaults__ = found.__kwdefaults__
    setattr(owner, scope[-1], changed_function)


def _code_of(module: CodeType, scope: Sequence[str]) -> CodeType:
    code = module
    for name in scope:
        code = next(each for each in code.co_consts if isinstance(each, CodeType) and each.co_name == name)
    return code
