"""Processes that run tests against one change each, with bounds of time and memory."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SECONDS_MIN = 10
"""Processor time that a child has at least. At half, the garbage collector of a busy machine kills mutants."""
WAIT_SECONDS_MAX = 3_600
"""How long a child may live. Only what waits for something that never comes reaches this; at a tenth, a machine that gives the
children little of its time would kill mutants."""
MEMORY_MAX = 4 << 30
"""Bytes of a child, so that a mutant that appends without end is killed and not the machine."""
QUIET = (
    "-x",
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-o",
    "timeout=0",
    "--no-header",
    "--hypothesis-seed=0",
)


class _Changed(importlib.machinery.SourceFileLoader):
    """Loads a module from other source than its file's; also finds it, for `sys.meta_path`."""

    def __init__(self, path: str, source: bytes) -> None:
        super().__init__(path.removesuffix(".py").replace("/", "."), str(ROOT / path))
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        code = compile(self._source, self.path, "exec", dont_inherit=True)
        assert isinstance(code, CodeType)
        return code

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None


def forked(work: Callable[[], int], seconds: int) -> int:
    """Process id of a child that does the work, silently, and ends with the number that this returns."""
    child = os.fork()
    if child:
        return child
    code = 9
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_MAX, MEMORY_MAX))
        signal.alarm(max(WAIT_SECONDS_MAX, seconds))
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def are_killed(works: Sequence[tuple[Callable[[], int], int]], processes: int) -> list[bool]:
    """Whether each work, which is a run of tests with the processor time it may take, fails; `processes` run at once."""
    running: dict[int, int] = {}
    killed = [False] * len(works)
    for number in range(len(works) + processes):
        if len(running) == processes or number >= len(works):
            if not running:
                break
            child, status = os.wait()
            killed[running.pop(child)] = os.waitstatus_to_exitcode(status) != 0
        if number < len(works):
            running[forked(*works[number])] = number
    return killed


def run_fresh(path: str, source: bytes, tests: Sequence[str]) -> int:
    """Run the tests with this source of a module, of which nothing has been imported."""
    sys.meta_path.insert(0, _Changed(path, source))
    return int(pytest.main([*QUIET, *tests]))


def seconds_of_fresh(path: str, tests: Sequence[str]) -> int:
    """Processor time that a fresh child may take: ten times that of the module as it is."""
    source = (ROOT / path).read_bytes()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if are_killed([(lambda: run_fresh(path, source, tests), WAIT_SECONDS_MAX)], 1) != [False]:
        sys.exit(f"these tests fail without any change: {' '.join(tests)}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return bounded(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def bounded(seconds: float) -> int:
    return max(SECONDS_MIN, int(10 * seconds))
