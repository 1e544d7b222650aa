"""The log files that child processes write."""

from __future__ import annotations

from pathlib import Path
from typing import IO

LINE_BYTES_MAX = 65_536  # a longer line is shown in pieces
LOG_BYTES_MAX = (
    10_000_000  # a larger log file is put aside (".1") at the next start, and the one put aside before is dropped
)
LINES_REMEMBERED = 20  # of each child, for the sentence that says why it is not ready


def open_log(path: Path) -> IO[bytes]:
    """Open for appending, unbuffered; a file grown too large is put aside first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab", buffering=0)


def last_lines(path: Path, *, since: int = 0, count: int = LINES_REMEMBERED) -> str:
    """The end of a log file, indented for an error message; only what was written after byte `since`."""
    try:
        with path.open("rb") as log:
            log.seek(max(since, path.stat().st_size - LINE_BYTES_MAX))
            lines = log.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        lines = []
    return "\n".join(f"  {line}" for line in lines[-count:]) or "  (nothing)"
