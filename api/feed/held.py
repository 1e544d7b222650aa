"""The held results of an office, kept for channels that show them: all that are held now, and those that have ceased to be held
since the feed began, so that a client that comes back with a cursor learns of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from api.feed.touched import Mark, StationKey
from projections.station.submissions import ResultState
from schemas.derived.blocks import Block

HELD_MAX = 50_000
"""Rows of one office, of some 300 bytes. Where more are held, the first that came are kept and `is_complete` is False, because
nobody reviews 50,000 results from a list; GET has them by area. At double, five offices take 150 MB."""
HELD = ResultState.HELD.value
_REVIEWED = "result.reviewed"
_IN_BLOCK = (b'"state":"held"', b'"type":"result.reviewed"')


class _Kept(NamedTuple):
    row: bytes
    is_held: bool
    mark: Mark | None
    """The message that was the last to change it; None where it has been so since the feed began."""


class HeldResults:
    def __init__(self, rows_max: int = HELD_MAX) -> None:
        self._rows_max = rows_max
        self._rows: dict[StationKey, _Kept] = {}
        """The row that changed longest ago is first."""
        self._floors: list[int] = []
        """Offset, by source, from which on no row that ceased to be held is missing here."""
        self.is_complete = True
        """Whether every held result is here."""

    def begin(self, rows: Iterable[Mapping[str, Any]], positions: Sequence[int]) -> None:
        """Set the rows before the first message, and the offsets of that."""
        self._floors = list(positions)
        for row in rows:
            if len(self._rows) == self._rows_max:
                self.is_complete = False
                break
            self._rows[row["station"], row["contest"]] = _Kept(orjson.dumps(row), True, None)

    def apply(self, mark: Mark, value: bytes, area_of: Callable[[str], str]) -> dict[StationKey, bytes]:
        """Apply a block. Returns the rows that it changed. `area_of` gives the code of the area of a station."""
        if not self._rows and not any(each in value for each in _IN_BLOCK):
            return {}
        block = Block.from_bytes(value, with_body=True)
        rules: dict[int | None, list[str]] = {
            row["offset"]: [finding["rule"] for finding in row["findings"]] for row in block.states
        }
        reviews = {(str(row["station"]), str(row["contest"])): row for row in block.records if row["type"] == _REVIEWED}
        changed: dict[StationKey, bytes] = {}
        for station in block.stations:
            key = station["station"], station["contest"]
            before = self._rows.get(key)
            is_held = station["state"] == HELD
            if not is_held and (before is None or not before.is_held):
                continue
            row: dict[str, Any] = {name: value for name, value in station.items() if name != "contribution"}
            row |= {"area": area_of(station["station"]), "partition": block.partition}
            offset = station["offset"]
            row["rules"] = rules[offset] if offset in rules else _rules_before(before, offset)
            if (review := reviews.get(key)) is not None:
                row["review"] = {"offset": review["offset"], "event": review["event"], "key": review["key"]}
                row["review"] |= _decision(review)
            text = orjson.dumps(row)
            if self._keep(key, _Kept(text, is_held, mark)):
                changed[key] = text
        return changed

    def _keep(self, key: StationKey, kept: _Kept) -> bool:
        """Returns whether there was room for it."""
        self._rows.pop(key, None)
        if len(self._rows) >= self._rows_max and not self._drop_one():
            self.is_complete = False
            return False
        self._rows[key] = kept
        return True

    def _drop_one(self) -> bool:
        """Forget the row that ceased to be held longest ago. Returns whether there was one."""
        for key, kept in self._rows.items():
            if not kept.is_held and kept.mark is not None:
                self._floors[kept.mark.source] = kept.mark.offset + 1
                del self._rows[key]
                return True
        return False

    def all(self) -> list[tuple[StationKey, bytes]]:
        """All that are held now."""
        return [(key, kept.row) for key, kept in self._rows.items() if kept.is_held]

    def since(self, positions: Sequence[int]) -> list[tuple[StationKey, bytes]] | None:
        """What changed at or after these offsets, by source; None where some of that is not known."""
        if any(offset < floor for offset, floor in zip(positions, self._floors, strict=True)):
            return None
        return [
            (key, kept.row)
            for key, kept in self._rows.items()
            if kept.mark is not None and kept.mark.offset >= positions[kept.mark.source]
        ]


def _rules_before(before: _Kept | None, offset: int | None) -> list[str]:
    """The rules of the row before, where it is of the same form."""
    row = {} if before is None else orjson.loads(before.row)
    return list(row["rules"]) if row.get("offset") == offset and row else []


def _decision(review: Mapping[str, Any]) -> dict[str, str]:
    payload = review.get("payload")
    event = orjson.loads(orjson.dumps(payload)) if payload is not None else {}
    return {name: event[name] for name in ("decision", "reason") if name in event}
