"""How a process of ours starts another one."""

from __future__ import annotations

import sys


def python_module(module: str, *arguments: object) -> list[str]:
    """The command that runs a module with this Python. `-P`: without it Python looks for every import in the working
    directory first, and a file `schemas.py` that lies there would run in the place of ours."""
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]
