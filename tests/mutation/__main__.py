"""Run the tests of modules against each of their mutants, and print the mutants that no test notices.

    python -m tests.mutation projections/form proofs/merkle.py

A module's tests are those of the file that mirrors its path, then the other unit tests of its root package, then the property
tests; the first failure kills the mutant. No file is changed.

Most mutants change one function. One process collects the tests; for each mutant it forks a child, which replaces the
function's code and runs the tests. What changes something else (a constant, the fields of a class), and each mutant that
survives that, is tried again by a child that has imported nothing of ours and loads the changed module. A child that uses
much more processor time than the unchanged module (a loop without end) counts as killed.

Exit code 1 where a mutant survives that `equivalent.toml` does not list, or where that file lists one that is killed, or is
not made any more.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import time
import tomllib
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from tests.mutation.mutants import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
ROOTS = ("projections", "proofs", "schemas")
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
HEAVY = ("cryptography.hazmat.primitives.asymmetric.ed25519", "msgspec", "orjson", "pydantic")
"""Imported once, before the first fork: what takes longest, none of it ours."""
SECONDS_MIN = 10
"""Processor time that a child has at least. At half, the garbage collector of a busy machine kills mutants."""
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

Key = tuple[str, str, str, str]


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


def tests_of(path: str, *, with_properties: bool) -> list[str]:
    """Files and folders with the tests of a module, the nearest first."""
    root = Path(path).parts[0]
    tests = (
        [str(mirror_of(path)), f"tests/unit/{root}"] if (ROOT / mirror_of(path)).is_file() else [f"tests/unit/{root}"]
    )
    return [*tests, "tests/properties"] if with_properties else tests


def mirror_of(path: str) -> Path:
    folder, name = Path(path).parent, Path(path).name
    return Path("tests/unit", folder, f"test_{name}")


# -- children ---------------------------------------------------------------------------------------------------------


def _forked(work: Callable[[], int], seconds: int) -> int:
    """Process id of a child that does the work, silently, and ends with the number that this returns."""
    child = os.fork()
    if child:
        return child
    code = 9
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_MAX, MEMORY_MAX))
        signal.alarm(60 * seconds)  # what waits for something that never comes needs no processor time
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _killed(works: Sequence[Callable[[], int]], seconds: int, processes: int) -> list[bool]:
    """Whether each work, which is a run of tests, fails. So many children at once."""
    running: dict[int, int] = {}
    killed = [False] * len(works)
    for number in range(len(works) + processes):
        if len(running) == processes or number >= len(works):
            if not running:
                break
            child, status = os.wait()
            killed[running.pop(child)] = os.waitstatus_to_exitcode(status) != 0
        if number < len(works):
            running[_forked(works[number], seconds)] = number
    return killed


def _fresh(path: str, source: bytes, tests: list[str]) -> int:
    """Run the tests with this source of a module, of which nothing has been imported."""
    sys.meta_path.insert(0, _Changed(path, source))
    return int(pytest.main([*QUIET, *tests]))


class _Loop:
    """In place of pytest's loop over the tests it has collected: a loop over mutants, and in each child over the tests."""

    def __init__(self, mutants: Sequence[Mutant], source: bytes, processes: int) -> None:
        self._mutants = mutants
        self._source = source
        self._processes = processes
        self.killed: list[bool] | None = None
        """None until the tests have passed without any change."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            return True
        before = time.process_time()
        if self._run(session) != 0:
            return True
        seconds = max(SECONDS_MIN, int(10 * (time.process_time() - before)))
        works = [lambda mutant=mutant: self._run_changed(session, mutant) for mutant in self._mutants]
        self.killed = _killed(works, seconds, self._processes)
        return True

    def _run_changed(self, session: pytest.Session, mutant: Mutant) -> int:
        _replace_code(mutant, mutant.source(self._source))
        return self._run(session)

    @staticmethod
    def _run(session: pytest.Session) -> int:
        """Run the collected tests up to the first failure; 0 where there is none."""
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                return 1
        return 0


def _replace_code(mutant: Mutant, changed: bytes) -> None:
    """Give the one function that a mutant changes its new code, in this process."""
    scope = mutant.function
    assert scope is not None
    module = sys.modules[mutant.path.removesuffix(".py").replace("/", ".")]
    owner: Any = module
    for name in scope[:-1]:
        owner = vars(owner)[name]
    found = vars(owner)[scope[-1]]
    while not isinstance(found, FunctionType):
        found = next(
            inner for name in ("__wrapped__", "__func__", "fget", "func") if (inner := getattr(found, name, None))
        )
    found.__code__ = _code_of(compile(changed, found.__code__.co_filename, "exec", dont_inherit=True), scope)


def _code_of(module: CodeType, scope: Sequence[str]) -> CodeType:
    code = module
    for name in scope:
        code = next(each for each in code.co_consts if isinstance(each, CodeType) and each.co_name == name)
    return code


# -- modules ----------------------------------------------------------------------------------------------------------


def _of_functions(mutants: Sequence[Mutant], source: bytes, tests: list[str], processes: int) -> list[bool]:
    """Whether each of the mutants is killed, in a process of its own that collects the tests once."""
    receive, send = os.pipe()

    def collect() -> int:
        loop = _Loop(mutants, source, processes)
        pytest.main([*QUIET, *tests], plugins=[loop])
        if loop.killed is None:
            return 1
        os.write(send, bytes(loop.killed))
        return 0

    child = _forked(collect, 100_000)
    os.close(send)
    with os.fdopen(receive, "rb") as answers:
        killed = answers.read()
    if os.waitpid(child, 0)[1] != 0:
        sys.exit(f"these tests fail without any change: {' '.join(tests)}")
    return [bool(each) for each in killed]


def survivors_of(path: str, mutants: Sequence[Mutant], tests: list[str], processes: int) -> list[Mutant]:
    source = (ROOT / path).read_bytes()
    left = list(mutants)
    of_functions = [mutant for mutant in mutants if mutant.function is not None]
    if of_functions:
        killed = _of_functions(of_functions, source, tests, processes)
        dead = {mutant for mutant, is_dead in zip(of_functions, killed, strict=True) if is_dead}
        left = [mutant for mutant in mutants if mutant not in dead]
    if not left:
        return []
    seconds = _seconds(path, source, tests)
    works = [lambda mutant=mutant: _fresh(path, mutant.source(source), tests) for mutant in left]
    killed = _killed(works, seconds, processes)
    return [mutant for mutant, is_dead in zip(left, killed, strict=True) if not is_dead]


def _seconds(path: str, source: bytes, tests: list[str]) -> int:
    """Processor time that a child may take: ten times that of the module as it is."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if _killed([lambda: _fresh(path, source, tests)], 3_600, 1) != [False]:
        sys.exit(f"these tests fail without any change: {' '.join(tests)}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return max(SECONDS_MIN, int(10 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)))


def modules(selected: Iterable[str]) -> Iterator[str]:
    """Paths of the selected modules, from the root of the repository."""
    for each in selected:
        where = ROOT / each
        if not where.exists():
            where = where.with_suffix(".py")
        if not where.exists():
            sys.exit(f"{each}: there is no such file or folder")
        for file in [where] if where.is_file() else sorted(where.rglob("*.py")):
            yield str(file.relative_to(ROOT))


def equivalents() -> set[Key]:
    """Mutants that no test can kill."""
    rows = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("mutant", [])
    return {(row["path"], row["scope"], row["before"], row["after"]) for row in rows if row["reason"]}


def _key(mutant: Mutant) -> Key:
    return mutant.path, mutant.scope, mutant.before, mutant.after


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("path", nargs="*", default=ROOTS, help="modules or folders; default: all of the pure packages")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="children at once")
    parser.add_argument("--without-properties", action="store_true", help="unit tests alone: much faster, more survive")
    parser.add_argument("--tests", nargs="+", help="files and folders of tests instead of the module's own")
    parser.add_argument("--lines", help="only changes of these lines of one module, as 10-20")
    options = parser.parse_args(arguments)
    os.chdir(ROOT)
    for heavy in HEAVY:
        importlib.import_module(heavy)
    known = equivalents()
    made, unlisted, wrong = 0, 0, 0
    for path in modules(options.path):
        mutants = mutants_of(path, (ROOT / path).read_bytes())
        listed = {key for key in known if key[0] == path}
        if options.lines:
            first, last = map(int, options.lines.split("-"))
            mutants = [mutant for mutant in mutants if first <= mutant.line <= last]
            listed &= {_key(mutant) for mutant in mutants}
        if not mutants:
            continue
        start = time.monotonic()
        tests = options.tests or tests_of(path, with_properties=not options.without_properties)
        left = survivors_of(path, mutants, tests, options.processes)
        for mutant in left:
            if _key(mutant) not in listed:
                print(mutant)
        for key in sorted(listed - {_key(mutant) for mutant in left}):
            print(f"listed as equivalent, and killed or not made any more: {': '.join(key)}")
            wrong += 1
        made += len(mutants)
        unlisted += sum(_key(mutant) not in listed for mutant in left)
        print(f"{path}: {len(mutants)} mutants, {len(left)} survive ({time.monotonic() - start:.0f} s)", flush=True)
    print(f"{made} mutants: {unlisted} survive that are not listed as equivalent, and {wrong} are listed wrongly")
    return 1 if unlisted or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
