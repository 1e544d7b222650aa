"""What changed is anything that a message must show."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from api.feed.touched import Key, Row, Touched


def test_nothing_is_touched_at_first_and_rows_before_are_kept_for_those_who_share_them() -> None:
    assert not Touched()
    before: dict[Key, Row] = {(0, 1): "a tally"}
    touched = Touched(before)
    assert touched.before is before
    assert not touched, "how a row was before is not a change"


@pytest.mark.parametrize(
    "change",
    [
        lambda touched: touched.keys.add((0, 1)),
        lambda touched: touched.stations.update({("1.1.1-1", "president"): b""}),
        lambda touched: touched.held.update({("1.1.1-1", "president"): b""}),
        lambda touched: setattr(touched, "everything", True),
        lambda touched: setattr(touched, "gap", "results-gap"),
    ],
)
def test_each_kind_of_change_counts(change: Callable[[Touched], object]) -> None:
    touched = Touched()
    change(touched)
    assert touched
