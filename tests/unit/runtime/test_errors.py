"""The tree of errors in the docstring of `runtime` is the tree in its code."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import runtime

LINE = re.compile(r"^    ((?:  )*)(\w+Error) +(\S+\.py) +\S", re.MULTILINE)


def _drawn() -> dict[str, tuple[str, str | None]]:
    """By error, its file and the error above it."""
    above: list[str] = []
    tree: dict[str, tuple[str, str | None]] = {}
    for indent, name, file in LINE.findall(runtime.__doc__ or ""):
        del above[len(indent) // 2 :]
        tree[name] = (file, above[-1] if above else None)
        above.append(name)
    return tree


def _defined() -> dict[str, tuple[str, str | None]]:
    tree: dict[str, tuple[str, str | None]] = {}
    for module in pkgutil.walk_packages(runtime.__path__, "runtime."):
        for name, error in vars(importlib.import_module(module.name)).items():
            is_own = isinstance(error, type) and issubclass(error, Exception) and error.__module__ == module.name
            if is_own and not name.startswith("_"):
                file = Path(*module.name.split(".")[1:]).with_suffix(".py").as_posix()
                above = [each.__name__ for each in error.__bases__ if each.__module__.startswith("runtime.")]
                tree[name] = (file, above[0] if above else None)
    return tree


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    assert _drawn() == _defined()
