"""Comparison of the rows of a table with the rows of a fresh fold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from operator import itemgetter
from typing import Any

from projections.readmodel.rows import Row
from rekap.operate.doctor.report import Report

_key_of = itemgetter(slice(0, 2))
"""The first two columns are the key."""


class Merge:
    """A comparison of two streams of rows in the order of one key: the expected rows, and those that a table has."""

    def __init__(self, report: Report, kind: str, found: AsyncIterator[Any]) -> None:
        self._report = report
        self._kind = kind
        self._found = found
        self._next: Row | None = None
        self._began = False

    async def take(self, expected: Iterable[Row]) -> None:
        """Compare expected rows. Their keys come after those of earlier calls."""
        for row in sorted(expected, key=_key_of):
            if not self._began:
                self._began = True
                await self._advance()
            key = _key_of(row)
            while self._next is not None and _key_of(self._next) < key:
                await self._superfluous()
            if self._next is not None and _key_of(self._next) == key:
                self._report.compare(self._kind, _name(key), row, self._next)
                await self._advance()
            else:
                self._report.compare(self._kind, _name(key), row, None)

    async def end(self) -> None:
        """Report the rows of the table that follow the last expected one."""
        if not self._began:
            await self._advance()
        while self._next is not None:
            await self._superfluous()

    async def _superfluous(self) -> None:
        assert self._next is not None
        self._report.compare(self._kind, _name(_key_of(self._next)), None, self._next)
        await self._advance()

    async def _advance(self) -> None:
        row = await anext(self._found, None)
        self._next = None if row is None else tuple(row)


def _name(key: tuple[Any, ...]) -> str:
    return "/".join(map(str, key))
