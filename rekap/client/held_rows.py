"""The rows of one subscription with deltas, as its client holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.served.row_patches import ROW_NAMES, applied

Row = dict[str, Any]

_PATCHES = {"areas": "area_patches", "offices": "office_patches", "contests": "contest_patches"}


class MissedError(Exception):
    """A delta does not follow on what the client holds. It subscribes again without a cursor."""


class HeldRows:
    def __init__(self) -> None:
        self._rows: dict[str, dict[tuple[str, ...], Row]] = {kind: {} for kind in _PATCHES}
        self._as_of: Mapping[str, int] = {}
        self._shard_as_of: Mapping[str, int] = {}

    def rows(self, kind: str) -> list[Row]:
        """The newest rows: `areas`, `offices` or `contests`."""
        return list(self._rows[kind].values())

    def apply(self, message: dict[str, Any]) -> dict[str, Any]:
        """Apply a whole `snapshot`, `change` or `delta`. Returns the message, a `delta` as the `change` that it gives.
        Raises MissedError."""
        if message["type"] == "delta":
            message = self._change(message)
        if message["type"] == "snapshot":
            for rows in self._rows.values():
                rows.clear()
        for kind, rows in self._rows.items():
            rows.update({_name(kind, row): row for row in message[kind]})
        self._as_of, self._shard_as_of = message["as_of"], message["shard_as_of"]
        return message

    def _change(self, delta: dict[str, Any]) -> dict[str, Any]:
        if not (_reaches(self._as_of, delta["from_as_of"]) and _reaches(self._shard_as_of, delta["from_shard_as_of"])):
            raise MissedError
        change = {name: value for name, value in delta.items() if name not in (*_PATCHES.values(), *_FROM)}
        change["type"] = "change"
        for kind, patches in _PATCHES.items():
            try:
                patched = [applied(self._rows[kind][_name(kind, patch)], patch) for patch in delta.get(patches, ())]
            except (KeyError, TypeError):  # a patch of a row that the client does not have, or that names none
                raise MissedError from None
            change[kind] = [*delta[kind], *patched]
        return change


_FROM = ("from_as_of", "from_shard_as_of")


def _name(kind: str, row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in ROW_NAMES[kind])


def _reaches(held: Mapping[str, int], wanted: Mapping[str, int]) -> bool:
    """Whether a cut is at or after another in each partition. A partition without events is absent."""
    return all(held.get(partition, -1) >= offset for partition, offset in wanted.items())
