"""The log files of the processes on this machine, each of bounded size."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import IO

LINE_BYTES_MAX = 65_536
"""A longer line is shown in pieces."""
LOG_FILE_BYTES_MAX = 10_000_000
"""A larger file is renamed to end in ".1", and replaces the file of that name. A file that a process writes by itself (Kafka,
PostgreSQL) is renamed at its next start."""
LINES_REMEMBERED = 20
"""Last lines of each child, for the sentence that states why it is not ready."""


def open_log_file(path: Path) -> IO[bytes]:
    """Open a file for appending, without a buffer. A file over LOG_FILE_BYTES_MAX is renamed first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_FILE_BYTES_MAX:
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab", buffering=0)


class BoundedLogFile:
    """A file to which lines are appended. It and the file of the lines before it have at most LOG_FILE_BYTES_MAX each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_log_file(path)
        self._size = path.stat().st_size

    def write(self, line: bytes) -> None:
        """Append a line. Where the disk is full nothing is written, because a full disk must not end a process that can still
        count."""
        with suppress(OSError):
            if self._size + len(line) >= LOG_FILE_BYTES_MAX and self._size > 0:
                self.path.replace(self.path.with_name(f"{self.path.name}.1"))
                old, self._file = self._file, self.path.open("ab", buffering=0)
                old.close()
                self._size = 0
            self._file.write(line + b"\n")
            self._size += len(line) + 1

    def close(self) -> None:
        self._file.close()


def last_lines(path: Path, *, since: int = 0, count: int = LINES_REMEMBERED) -> str:
    """The last lines of a log file that were written after byte `since`, indented for an error message."""
    try:
        with path.open("rb") as log_file:
            log_file.seek(max(since, path.stat().st_size - LINE_BYTES_MAX))
            lines = log_file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        lines = []
    return "\n".join(f"  {line}" for line in lines[-count:]) or "  (nothing)"
