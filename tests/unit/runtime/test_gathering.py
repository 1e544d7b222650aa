"""How long messages gather."""

from __future__ import annotations

import pytest

from runtime.gathering import gather_ms


@pytest.mark.parametrize(
    ("last", "milliseconds"),
    [(0, 5), (2, 5), (3, 6), (9, 18), (10, 20), (5_000, 20)],
)
def test_each_message_of_the_last_step_lengthens_the_wait_up_to_a_limit(last: int, milliseconds: float) -> None:
    assert gather_ms(last, ms_each=2, least_ms=5, most_ms=20) == milliseconds


@pytest.mark.parametrize(("took_ms", "milliseconds"), [(0, 20), (4, 16), (15, 5), (400, 5)])
def test_what_the_step_took_shortens_the_wait_down_to_the_least(took_ms: float, milliseconds: float) -> None:
    assert gather_ms(100, ms_each=2, least_ms=5, most_ms=20, took_ms=took_ms) == milliseconds


def test_a_longer_least_wait_is_kept() -> None:
    assert gather_ms(100, ms_each=2, least_ms=50, most_ms=20) == 50
