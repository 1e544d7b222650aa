"""What is rendered is kept within a bound."""

from __future__ import annotations

from api.feed.rendered import Rendered
from schemas.served.live import Fields


class Rendering:
    """Tallies of areas, each 30 bytes as JSON, and the areas that were rendered."""

    def __init__(self, bytes_max: int = 100) -> None:
        self.rendered = Rendered(bytes_max)
        self.made: list[int] = []

    def get(self, area: int, tally: list[int], fields: Fields = "all") -> bytes:
        def render() -> bytes:
            self.made.append(area)
            return b"%030d" % area

        return self.rendered.get(0, (0, area), fields, tally, render)


def test_a_tally_is_rendered_once_as_long_as_it_is_the_newest() -> None:
    rendering, tally = Rendering(), [1]
    first = rendering.get(1, tally)
    assert rendering.get(1, tally) is first
    newer = [1]
    second = rendering.get(1, newer)
    assert second is not first, "equal numbers in another object are a change"
    assert rendering.get(1, newer) is second
    assert rendering.made == [1, 1]
    assert rendering.rendered.bytes == 30, "the text of the tally before is dropped"


def test_the_fields_of_a_tally_are_rendered_apart() -> None:
    rendering, tally = Rendering(), [1]
    rendering.get(1, tally)
    rendering.get(1, tally, "totals")
    rendering.get(1, tally)
    assert rendering.made == [1, 1]


def test_the_text_that_was_made_first_is_dropped_where_all_are_too_long() -> None:
    rendering, tally = Rendering(bytes_max=90), [1]
    for area in (1, 2, 3):
        rendering.get(area, tally)
    assert rendering.rendered.bytes == 90, "as many as the bound allows"
    rendering.get(1, tally)
    assert rendering.made == [1, 2, 3]
    rendering.get(4, tally)
    assert rendering.rendered.bytes == 90
    rendering.get(2, tally)
    rendering.get(1, tally)
    assert rendering.made == [1, 2, 3, 4, 1]


def test_a_text_that_was_made_anew_is_dropped_last() -> None:
    rendering, tally, newer = Rendering(bytes_max=90), [1], [2]
    for area in (1, 2, 3):
        rendering.get(area, tally)
    rendering.get(1, newer)
    rendering.get(4, tally)
    rendering.get(1, newer)
    assert rendering.made == [1, 2, 3, 1, 4]


def test_a_text_longer_than_the_bound_is_given_and_not_kept() -> None:
    rendering = Rendering(bytes_max=29)
    assert rendering.get(7, [1]) == b"0" * 29 + b"7"
    assert rendering.rendered.bytes == 0
