"""The cursor of the live feed: a position in the topics behind it, opaque to the client and the same on every replica."""

from __future__ import annotations

from typing import NamedTuple

from schemas.served.cursors import cursor_text, cursor_values

CURSOR_CHARACTERS_MAX = 4_096
"""Limit for a cursor. The longest, of an election with 256 partitions, has 3 kB."""
_CURSOR_VERSION = 1
_DEFINITION_DIGITS = 16


class CursorError(ValueError):
    """A text is not a cursor of this feed; the message states why."""


class Positions(NamedTuple):
    """Position of a reader in the topics behind the feed, as the next offset of each. It means the same on every replica."""

    results: int
    subtotals: tuple[int, ...]


class OtherGenerationError(CursorError):
    """A cursor of another generation of this feed. Its positions are of other topics, because everything was built again from
    the ledger."""


def cursor_of(positions: Positions, definition_hash: str, generation: int = 1) -> str:
    """The cursor of these positions, in the election with this definition."""
    return cursor_text(
        [
            _CURSOR_VERSION,
            definition_hash[:_DEFINITION_DIGITS],
            positions.results,
            list(positions.subtotals),
            *([] if generation == 1 else [generation]),
        ]
    )


def positions_of(cursor: str, definition_hash: str, generation: int = 1) -> Positions:
    """The positions in a cursor. Raises CursorError where the text is not a cursor, or is one of another election or
    definition, and OtherGenerationError where only the generation is another."""
    try:
        version, definition, results, subtotals, *rest = cursor_values(cursor) or []
    except ValueError:
        raise CursorError("not a cursor of this feed") from None
    if version != _CURSOR_VERSION:
        raise CursorError("a cursor of another version of this feed")
    if definition != definition_hash[:_DEFINITION_DIGITS]:
        raise CursorError("a cursor of another election, or of another definition of this one")
    if not isinstance(subtotals, list) or not all(_is_offset(offset) for offset in (results, *subtotals)):
        raise CursorError("not a cursor of this feed")
    if rest != ([] if generation == 1 else [generation]):
        raise OtherGenerationError("a cursor of another generation")
    return Positions(results, tuple(subtotals))


def _is_offset(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
