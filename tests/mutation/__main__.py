"""Run the tests of modules against each of their mutants, and print the mutants that no test notices.

    python -m tests.mutation projections/form proofs/merkle.py

No file is changed. The first failure kills a mutant. Most mutants change one function: the unit tests of the module's root
package that reach the change are run against them (session.py). What changes something else (a constant, the fields of a
class), and each mutant whose function also runs while modules are imported, is tried by a child that has imported nothing of
ours and loads the changed module: with the tests of the file that mirrors the module's path, then with those of its folder,
then with the other unit tests of the root package. What survives these is tried with the property tests, a minute and a half
each. A mutant that `equivalent.toml` lists is tried with the nearest tests alone, except with --listed-too. A child that uses
much more processor time than the unchanged module (a loop without end) counts as killed.

Exit code 1 where a mutant survives that `equivalent.toml` does not list, or where that file lists one that is killed, or is
not made any more.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.mutation.children import ROOT, are_killed, run_fresh, seconds_of_fresh
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.session import verdicts_of_functions

ROOTS = ("projections", "proofs", "schemas")
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
HEAVY = ("cryptography.hazmat.primitives.asymmetric.ed25519", "msgspec", "orjson", "pydantic")
"""Imported once, before the first fork: what takes longest, none of it ours."""
PROPERTIES = "tests/properties"

Key = tuple[str, str, str, str]


def mirror_of(path: str) -> Path:
    folder, name = Path(path).parent, Path(path).name
    return Path("tests/unit", folder, f"test_{name}")


def unit_tests_of(path: str) -> list[str]:
    """Files and folders with the unit tests of a module, the nearest first."""
    mirror = mirror_of(path)
    nearest_first = dict.fromkeys((mirror, mirror.parent, Path("tests/unit", Path(path).parts[0])))
    return [str(each) for each in nearest_first if (ROOT / each).is_file() or any((ROOT / each).rglob("test_*.py"))]


def survivors(
    mutants: Mapping[str, Sequence[Mutant]], options: argparse.Namespace
) -> Iterator[tuple[str, list[Mutant]]]:
    """By module the mutants that no test notices. All modules are of one root package."""
    root = Path(next(iter(mutants))).parts[0]
    of_functions = {path: [each for each in of if each.function is not None] for path, of in mutants.items()}
    verdicts = []
    for of in verdicts_of_functions(of_functions, options.tests or [f"tests/unit/{root}"], options.processes):
        if options.functions_only:
            yield of.path, [each for each, is_dead in zip(of_functions[of.path], of.killed, strict=True) if not is_dead]
            continue
        verdicts.append(of)
        print(
            f"{of.path}: {of.killed.count(False)} of {len(of.killed)} in functions survive", file=sys.stderr, flush=True
        )
    known = set() if options.listed_too else equivalents()
    for path, killed, is_imported in verdicts:
        alive = {mutant for mutant, is_dead in zip(of_functions[path], killed, strict=True) if not is_dead}
        imported = {mutant for mutant, is_too in zip(of_functions[path], is_imported, strict=True) if is_too}
        left = [each for each in mutants[path] if each.function is None or each in alive & imported]
        alive -= imported
        nearest, *others = options.tests or unit_tests_of(path)
        left = _survivors_of_fresh(path, left, [nearest], options.processes)
        alive |= {each for each in left if _key(each) in known}
        left = [each for each in left if _key(each) not in known]
        alive |= set(_survivors_of_fresh(path, left, others, options.processes))
        if not options.without_properties:
            left = [each for each in mutants[path] if each in alive and _key(each) not in known]
            alive -= set(left)
            alive |= set(_survivors_of_fresh(path, left, [PROPERTIES], options.processes))
        yield path, [each for each in mutants[path] if each in alive]


def _survivors_of_fresh(path: str, mutants: Sequence[Mutant], tests: Sequence[str], processes: int) -> list[Mutant]:
    """What survives the files or folders of tests, one after the other."""
    left = list(mutants)
    source = (ROOT / path).read_bytes()
    for each in tests:
        if not left:
            break
        seconds = seconds_of_fresh(path, [each])
        works = [((lambda m=mutant, t=each: run_fresh(path, m.source(source), [t])), seconds) for mutant in left]
        killed = are_killed(works, processes)
        left = [mutant for mutant, is_dead in zip(left, killed, strict=True) if not is_dead]
    return left


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


def _selected(options: argparse.Namespace) -> dict[str, dict[str, list[Mutant]]]:
    """The mutants to try, by root package and module."""
    by_root: dict[str, dict[str, list[Mutant]]] = {}
    first, last = map(int, (options.lines or f"0-{sys.maxsize}").split("-"))
    for path in modules(options.path):
        mutants = [
            mutant
            for mutant in mutants_of(path, (ROOT / path).read_bytes())
            if first <= mutant.line <= last and not (options.functions_only and mutant.function is None)
        ]
        if mutants:
            by_root.setdefault(Path(path).parts[0], {})[path] = mutants
    return by_root


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
    parser.add_argument("--functions-only", action="store_true", help="only changes of functions: the quick part")
    parser.add_argument("--listed-too", action="store_true", help="try all tests on what is listed as equivalent")
    parser.add_argument("--tests", nargs="+", help="files and folders of tests instead of the module's own")
    parser.add_argument("--lines", help="only changes of these lines of one module, as 10-20")
    options = parser.parse_args(arguments)
    os.chdir(ROOT)
    for heavy in HEAVY:
        importlib.import_module(heavy)
    known = equivalents()
    made, unlisted, wrong = 0, 0, 0
    for of_root in _selected(options).values():
        start = time.monotonic()
        for path, left in survivors(of_root, options):
            tried = of_root[path]
            listed = {key for key in known if key[0] == path}
            if options.lines or options.functions_only:
                listed &= {_key(mutant) for mutant in tried}
            for mutant in left:
                if _key(mutant) not in listed:
                    print(mutant)
            for key in sorted(listed - {_key(mutant) for mutant in left}):
                print(f"listed as equivalent, and killed or not made any more: {', '.join(key)}")
                wrong += 1
            made += len(tried)
            unlisted += sum(_key(mutant) not in listed for mutant in left)
            seconds = time.monotonic() - start
            print(f"{path}: {len(tried)} mutants, {len(left)} survive ({seconds:.0f} s)", flush=True)
            start = time.monotonic()
    print(f"{made} mutants: {unlisted} survive that are not listed as equivalent, and {wrong} are listed wrongly")
    return 1 if unlisted or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
