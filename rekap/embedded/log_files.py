"""The log files that child processes write."""

from __future__ import annotations

from pathlib import Path
from typing import IO

LINE_BYTES_MAX = 65_536
"""A longer line is shown in pieces."""
LOG_FILE_BYTES_MAX = 10_000_000
"""A larger file is renamed to end in ".1" at the next start, and replaces the file of that name."""
LINES_REMEMBERED = 20
"""Last lines of each child, for the sentence that states why it is not ready."""


def open_log_file(path: Path) -> IO[bytes]:
    """Open a file for appending, without a buffer. A file over LOG_FILE_BYTES_MAX is renamed first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_FILE_BYTES_MAX:
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab", buffering=0)


def last_lines(path: Path, *, since: int = 0, count: int = LINES_REMEMBERED) -> str:
    """The last lines of a log file that were written after byte `since`, indented for an error message."""
    try:
        with path.open("rb") as log_file:
            log_file.seek(max(since, path.stat().st_size - LINE_BYTES_MAX))
            lines = log_file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        lines = []
    return "\n".join(f"  {line}" for line in lines[-count:]) or "  (nothing)"
