"""Cursors of the feed lead back to their positions, in their own election and generation only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.served.cursors import cursor_text
from schemas.served.feed_cursors import CursorError, OtherGenerationError, Positions, cursor_of, positions_of

DEFINITION = "0123456789abcdef" * 4
offsets = st.integers(0, 2**63 - 1)


@given(offsets, st.lists(offsets, max_size=9), st.integers(1, 9))
def test_a_cursor_leads_back_to_its_positions(results: int, subtotals: list[int], generation: int) -> None:
    positions = Positions(results, tuple(subtotals))
    cursor = cursor_of(positions, DEFINITION, generation)
    assert positions_of(cursor, DEFINITION, generation) == positions
    with pytest.raises(OtherGenerationError, match="a cursor of another generation"):
        positions_of(cursor, DEFINITION, generation + 1)
    with pytest.raises(CursorError, match="another election"):
        positions_of(cursor, "f" * 64, generation)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [1, DEFINITION[:16], 1],
        [1, DEFINITION[:16], 1, 2],
        [1, DEFINITION[:16], -1, [2]],
        [1, DEFINITION[:16], 1, [2**63]],
        [1, DEFINITION[:16], True, [2]],
        [1, DEFINITION[:16], 1, ["2"]],
    ],
)
def test_other_values_are_not_a_cursor_of_this_feed(values: list[object]) -> None:
    with pytest.raises(CursorError, match="not a cursor of this feed"):
        positions_of(cursor_text(values), DEFINITION)


def test_a_text_is_not_a_cursor_and_another_version_is_named() -> None:
    with pytest.raises(CursorError, match="not a cursor of this feed"):
        positions_of("hello", DEFINITION)
    with pytest.raises(CursorError, match="a cursor of another version of this feed"):
        positions_of(cursor_text([2, DEFINITION[:16], 1, [2]]), DEFINITION)
