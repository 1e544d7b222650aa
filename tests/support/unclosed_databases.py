"""SQLite connections that nobody closes are warned of on each Python, as 3.13 does by itself.

A test that leaves one open fails, because the suite takes warnings for errors.
"""

from __future__ import annotations

import sqlite3
import sys
import warnings
from functools import partial


class _Noting(sqlite3.Connection):
    _is_open = True

    def close(self) -> None:
        super().close()
        self._is_open = False

    def __del__(self) -> None:
        if self._is_open:
            warnings.warn(f"unclosed database in {self!r}", ResourceWarning, stacklevel=1, source=self)


def warn_of_unclosed_databases() -> None:
    if sys.version_info < (3, 13):
        sqlite3.connect = partial(sqlite3.connect, factory=_Noting)  # type: ignore[assignment]
