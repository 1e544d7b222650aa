"""The pure modules, which decide and do not act, found by a rule. Their own unit tests cover each statement and each branch of
them (unit_coverage.py); what no test can reach is excluded at the line, with the reason.

Every module of `schemas`, `projections` and `proofs` is pure. A module of `api` or `consumers` is pure where it has no
coroutine and imports, when it runs, none of ACTING.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.support.repository import ROOT, tracked

WHOLE = ("schemas", "projections", "proofs")
BY_RULE = ("api", "consumers")
ACTING = frozenset(
    {
        *("asyncio", "concurrent", "multiprocessing", "signal", "subprocess", "threading"),
        *("random", "secrets", "time"),
        *("os", "pathlib", "shutil", "socket", "sqlite3", "ssl", "tempfile"),
        *("aiokafka", "asyncpg", "fastapi", "httpx", "starlette", "uvicorn", "websockets"),
    }
)
"""Libraries that wait, read a clock, draw at random, or reach files, processes, the network or a client."""
ALSO = {
    "api/feed/frames.py": "websockets makes the bytes of a frame and sends nothing",
    "api/feed/hub/passes.py": "who gets which frame is decided in it; os writes the frame",
    "api/feed/joining_pace.py": "its clock and its chance are parameters",
    "api/limits/client_address.py": "of starlette it has the type of a scope alone",
    "api/limits/rate_limits.py": "its clock is a parameter",
    "api/limits/refusals.py": "it reads the clock, to forget, and does nothing else",
    "api/submit/slices.py": "which batch waits for which is decided in it",
    "consumers/recorder/batches.py": "what of a batch is folded is decided in it, where the batch is gathered",
    "consumers/tabulator/batches.py": "what of a batch is folded is decided in it, where the batch is gathered",
}
"""Modules whose decisions are covered in the same way though the rule does not find them, each with the reason."""


def is_pure(source: str) -> bool:
    """Whether a module of `api` or `consumers` with this source decides and does not act."""
    return not any(
        isinstance(node, ast.AsyncFunctionDef) or not ACTING.isdisjoint(_imported(node))
        for node in _running(ast.parse(source))
    )


def pure_modules() -> dict[str, tuple[str, ...]]:
    """Root package → the paths of its pure modules, as patterns."""
    found = {root: [f"{root}/*"] for root in WHOLE} | {root: [] for root in BY_RULE}
    for file in tracked("*.py"):
        path = str(file.relative_to(ROOT))
        root = path.partition("/")[0]
        if root in BY_RULE and (path in ALSO or is_pure(file.read_text(encoding="utf-8"))):
            found[root].append(path)
    return {root: tuple(paths) for root, paths in found.items()}


def _running(module: ast.Module) -> Iterator[ast.AST]:
    """All nodes but those that only the type checker reads."""
    open_nodes: list[ast.AST] = [module]
    while open_nodes:
        node = open_nodes.pop()
        yield node
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            open_nodes += node.orelse
        else:
            open_nodes += ast.iter_child_nodes(node)


def _imported(node: ast.AST) -> set[str]:
    """The libraries that a statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    return {(node.module or "").partition(".")[0]} if isinstance(node, ast.ImportFrom) else set()
