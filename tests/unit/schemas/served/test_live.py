"""Commands of the live feed within their bounds. What the messages are: test_live_examples.py."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from schemas.served.feed_cursors import CURSOR_CHARACTERS_MAX
from schemas.served.live import Subscribe


def test_a_command_has_a_cursor_of_bounded_length() -> None:
    assert Subscribe(office="president", cursor="c" * CURSOR_CHARACTERS_MAX).cursor == "c" * CURSOR_CHARACTERS_MAX
    for length in (0, CURSOR_CHARACTERS_MAX + 1):
        with pytest.raises(ValidationError):
            Subscribe(office="president", cursor="c" * length)
