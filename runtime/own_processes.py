"""Starts a module of this program as another process."""

from __future__ import annotations

import sys


def python_module(module: str, *arguments: object) -> list[str]:
    """The command that runs a module with this Python. Without `-P`, Python looks for each import in the working directory
    first, and a file `schemas.py` there would run instead of this program's."""
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]
