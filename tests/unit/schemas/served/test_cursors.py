"""A cursor gives back its values, and any other text none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.served.cursors import cursor_text, cursor_values


@given(st.lists(st.integers(0, 2**62) | st.text(max_size=9) | st.lists(st.integers(0, 2**62), max_size=4), max_size=6))
def test_a_cursor_gives_back_its_values(values: list[object]) -> None:
    cursor = cursor_text(values)
    assert cursor_values(cursor) == values
    assert cursor.strip("=") == cursor
    assert cursor.isascii()


def test_cursors_of_earlier_answers_are_read() -> None:
    assert cursor_text(["newest", 1_865_768_403_512_000, 0, 7]) == "WyJuZXdlc3QiLDE4NjU3Njg0MDM1MTIwMDAsMCw3XQ"


@pytest.mark.parametrize("text", ["", "a", "Ω", "e30", "bnVsbA", "Ww", "=" * 9, "%%%%", "WzEyXQ!"])
def test_another_text_has_no_values(text: str) -> None:
    assert cursor_values(text) is None
