"""What is rendered is kept within a bound."""

from __future__ import annotations

from api.feed.rendered import Rendered


def test_what_is_rendered_is_bounded_and_made_once_as_long_as_it_is_the_newest() -> None:
    rendered, made = Rendered(100), list[int]()

    def get(area: int, tally: list[int]) -> bytes:
        def render() -> bytes:
            made.append(area)
            return b"x" * 30

        return rendered.get(0, (0, area), "all", tally, render)

    tally = [1]
    get(1, tally)
    get(1, tally)
    get(1, [1])
    assert made == [1, 1]
    for area in range(20):
        get(area, tally)
        assert rendered.bytes <= 100
