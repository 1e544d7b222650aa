"""Files that are open because a client downloads them. A client that reads slowly holds a descriptor for as long, and a process
without descriptors can neither accept a connection nor reach Kafka and PostgreSQL.
"""

from __future__ import annotations

import io
import threading
from collections import Counter
from collections.abc import Callable

from api.errors import ApiError

OPEN_FILES_MAX = 512
"""Limit for all addresses. At half, readers of a nation's bulk files on slow lines are refused on a busy night; at double, a
system whose limit is 4,096 descriptors has room for 2,800 connections."""
OPEN_FILES_OF_ADDRESS_MAX = 64
"""Limit for one address. At half, a newsroom that takes all files of an office at once is refused some; at double, four
addresses hold all of them."""


class TooManyFilesError(ApiError):
    """`of_address` is true where the files that are open are the address's own."""

    def __init__(self, *, of_address: bool) -> None:
        super().__init__("too many open files")
        self.of_address = of_address


class OpenFiles:
    """Threads open files, so it has a lock."""

    def __init__(self, total_max: int = OPEN_FILES_MAX, of_address_max: int = OPEN_FILES_OF_ADDRESS_MAX) -> None:
        self._total_max = total_max
        self._of_address_max = of_address_max
        self._of_address: Counter[str] = Counter()
        self._lock = threading.RLock()  # a file may be dropped by the thread that has the lock

    def __len__(self) -> int:
        return self._of_address.total()

    def open(self, address: str, descriptor: Callable[[], int]) -> io.FileIO:
        """The file of a descriptor, which counts until it is closed or dropped. Raises TooManyFilesError, and what `descriptor`
        raises."""
        with self._lock:
            if self._of_address[address] >= self._of_address_max:
                raise TooManyFilesError(of_address=True)
            if len(self) >= self._total_max:
                raise TooManyFilesError(of_address=False)
            self._of_address[address] += 1
        try:
            return _CountedFile(descriptor(), lambda: self._closed(address))
        except BaseException:
            self._closed(address)
            raise

    def _closed(self, address: str) -> None:
        with self._lock:
            self._of_address[address] -= 1
            if not self._of_address[address]:
                del self._of_address[address]


class _CountedFile(io.FileIO):
    def __init__(self, descriptor: int, on_close: Callable[[], None]) -> None:
        self._on_close: Callable[[], None] | None = on_close
        super().__init__(descriptor, "rb")

    def close(self) -> None:
        """Close the file, and count it no more. Python calls this too when the last reference goes, so an answer that is never
        sent counts no longer than it exists."""
        super().close()
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()
