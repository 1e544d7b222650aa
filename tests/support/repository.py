"""The files of this repository, for tests of what is written in them."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]
NOT_OURS = {".venv", ".venv-newest", ".git", "build", "rekap-data", "state", "node_modules"}


def tracked(*patterns: str) -> list[Path]:
    """Files whose names match one of the patterns, without what git ignores: caches, environments, data of a demo."""
    found = {path for pattern in patterns for path in ROOT.rglob(pattern) if path.is_file()}
    return sorted(path for path in found if not _is_left_out(path.relative_to(ROOT)))


def _is_left_out(path: Path) -> bool:
    return any(
        part in NOT_OURS or part.endswith((".egg-info", "_cache")) or part == "__pycache__" for part in path.parts
    )


def docstrings_and_comments(code: str) -> Iterator[tuple[Literal["docstring", "comment"], int, str]]:
    """Each docstring, also of an attribute, and each comment of a module's code, with its line."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(words))):
                yield "docstring", node.lineno, words
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            yield "comment", token.start[0], token.string
