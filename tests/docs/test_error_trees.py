"""The tree of errors in the docstring of a package is the tree in its code.

(Those of `rekap` and `audit`, drawn with branches, are in tests/unit/rekap/test_failures.py.)
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import pytest

LINE = re.compile(r"^    ((?:  )*)([A-Z]\w+) +(\S+\.py) +\S", re.MULTILINE)
PACKAGES = ("schemas", "projections", "proofs", "runtime", "consumers", "api")


def _drawn(package: ModuleType) -> dict[str, tuple[str, str | None]]:
    """By error, its file and the error above it."""
    above: list[str] = []
    tree: dict[str, tuple[str, str | None]] = {}
    for indent, name, file in LINE.findall(package.__doc__ or ""):
        del above[len(indent) // 2 :]
        tree[name] = (file, above[-1] if above else None)
        above.append(name)
    return tree


def _defined(package: ModuleType) -> dict[str, tuple[str, str | None]]:
    tree: dict[str, tuple[str, str | None]] = {}
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for name, error in vars(importlib.import_module(module.name)).items():
            is_own = isinstance(error, type) and issubclass(error, Exception) and error.__module__ == module.name
            if is_own and not name.startswith("_"):
                file = Path(*module.name.split(".")[1:]).with_suffix(".py").as_posix()
                above = [
                    each.__name__ for each in error.__bases__ if each.__module__.startswith(f"{package.__name__}.")
                ]
                tree[name] = (file, above[0] if above else None)
    return tree


@pytest.mark.parametrize("name", PACKAGES)
def test_the_tree_of_errors_is_drawn_as_it_is(name: str) -> None:
    package = importlib.import_module(name)
    assert _drawn(package) == _defined(package)
