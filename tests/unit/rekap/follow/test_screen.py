"""The screen of `rekap watch`: what is on it, at the sizes of terminals, and what must always be visible."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from rekap.follow.followed import Followed, Named, Names, turnout_of
from rekap.follow.screen import Screen, fitted, rule_words, screen_lines
from rekap.follow.shares import bar, per_cent

SIZES = [(80, 24), (200, 50), (40, 12), (120, 30)]


def names(
    *, rehearsal: bool = True, areas: int = 3, lines: int = 3, contests: tuple[str, ...] = ("president",)
) -> Names:
    return Names(
        election="small",
        title="Small election",
        is_rehearsal=rehearsal,
        office="president",
        office_name="President",
        area="N",
        area_names={"N": "Nation", **{f"{n:02}": f"Province {n}" for n in range(1, areas + 1)}},
        contests=contests,
        lines=tuple(Named(f"{n:02}", f"Pair {n}") for n in range(1, lines + 1)),
    )


def tally(
    area: str, votes: dict[str, int], *, counted: int, expected: int, held: int = 0, **numbers: Any
) -> dict[str, Any]:
    whole = sum(votes.values())
    states = {"flagged": 0, "annulled": 0, "waiting": expected - counted - held}
    return {
        "area": area,
        "contest": "president",
        "stations": {"counted": counted, "expected": expected, "held": held, **states},
        "counted": {
            "votes": votes,
            "valid": whole,
            "invalid": 5,
            "total": whole + 5,
            "registered_voters": 200,
            **numbers,
        },
        "leaders": [max(votes, key=lambda each: votes[each])] if whole else [],
    }


def snapshot(areas: int = 3, lines: int = 3, **more: Any) -> dict[str, Any]:
    votes = {f"{n:02}": 10 * n for n in range(1, lines + 1)}
    rows = [tally("N", votes, counted=2, expected=8, held=1, voters=100)]
    rows += [tally(f"{n:02}", votes, counted=1, expected=4) for n in range(1, areas + 1)]
    held = [{"station": "1.1-1", "contest": "president", "area": "01", "state": "held", "rules": ["F3", "F5"]}]
    return {"type": "snapshot", "as_of": {"0": 9, "1": 4}, "areas": rows, "offices": [], "held": held, **more}


def followed(**kinds: Any) -> Followed:
    state = Followed(names(**kinds), now=0.0)
    state.apply(snapshot(kinds.get("areas", 3), kinds.get("lines", 3)), now=1.0)
    return state


def text(state: Followed, width: int = 200, height: int | None = 50, now: float = 3.0) -> str:
    return "\n".join(line.plain for line in fitted(screen_lines(state, width, height, now=now), width))


def test_everything_that_a_follower_asks_for_is_on_the_screen() -> None:
    shown = text(followed())
    for words in (
        "President · Nation · Small election",
        "● live · as of 15 ledger records, changed 2 s ago",
        "stations 2 of 8 counted, 25.00 %",
        "1 held",
        "turnout 50.00 %",
        "▶ 03 Pair 3",
        "50.00 %",
        "Province 2",
        "1/4",
        "Pair 3 50.00 %",
        "held: 1, such as 1.1-1 (F3 F5)",
        "1 × F3: ",
    ):
        assert words in shown, words


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize(("areas", "lines"), [(3, 3), (38, 3), (38, 24), (0, 1), (500, 234)])
def test_at_each_size_nothing_is_wider_or_higher_and_mode_and_connection_come_first(
    width: int, height: int, areas: int, lines: int
) -> None:
    state = followed(areas=areas, lines=lines)
    drawn = fitted(screen_lines(state, width, height, now=2.0), width)
    assert len(drawn) <= height
    assert max(cell_len(line.plain) for line in drawn) <= width
    assert "REHEARSAL" in drawn[0].plain
    assert drawn[2].plain.startswith("● live")
    plain = "\n".join(line.plain for line in drawn)
    for heading in ("votes", "by area", "held: 1"):
        assert heading in plain
    if lines > 20:
        assert "more with" in plain
    if areas > 60:
        assert f" of {areas})" in plain


def test_where_the_areas_do_not_fit_each_has_its_turn() -> None:
    state = followed(areas=38)
    pages = ["\n".join(line.plain for line in screen_lines(state, 80, 24, now=now)) for now in range(0, 60, 5)]
    assert all(any(f"Province {n} " in page for page in pages) for n in range(1, 39))
    assert pages[0] != pages[1]
    assert "by area (1 to " in pages[0]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_terminal_shows_the_lines_of_the_demo_below(width: int, height: int) -> None:
    console = Console(width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(Screen(followed(), [f"line {n}" for n in range(20)]))
    lines = capture.get().splitlines()
    assert len(lines) <= height
    assert lines[-1].startswith("line 19")


def test_a_rehearsal_cannot_be_mistaken_for_an_election() -> None:
    rehearsal, live = (screen_lines(followed(rehearsal=each), 80, 24, now=2.0)[0] for each in (True, False))
    assert (rehearsal.plain.strip(), live.plain.strip()) == (
        "REHEARSAL · LATIHAN · these are not results of an election",
        "LIVE",
    )
    assert cell_len(rehearsal.plain) == 80
    assert str(rehearsal.style) != str(live.style)


def test_the_state_of_the_connection_is_always_there() -> None:
    state = Followed(names(), now=0.0)
    assert "○ connecting for 7 s" in text(state, now=7.0)
    assert "no form is counted yet" in text(state)
    state.apply({"type": "heartbeat"}, now=8.0)
    assert "● live · as of 0 ledger records, no numbers yet" in text(state, now=8.0)
    state.apply(snapshot(), now=10.0)
    state.apply({"type": "lost", "retry_s": 5.0}, now=20.0)
    assert "✕ connection lost, trying again in 3 s · as of 15 ledger records, changed 12 s ago" in text(state, now=22.0)
    state.apply({"type": "heartbeat"}, now=25.0)
    assert "● live" in text(state, now=26.0)
    assert "? silent for 175 s" not in text(state, now=200.0)
    assert "? silent for 3 min" in text(state, now=205.0)


def test_what_is_held_follows_the_feed() -> None:
    state = followed()
    row = {"station": "1.1-1", "contest": "president", "area": "01", "rules": []}
    other = {**row, "station": "2.1-1", "state": "held", "rules": ["F3"]}
    change = {"type": "change", "as_of": {"0": 10}, "areas": [], "offices": []}
    state.apply({**change, "held": [{**row, "state": "counted"}, other]}, now=2.0)
    assert [each.station for each in state.held()] == ["2.1-1"]
    assert state.rules_of_held() == [("F3", 1)]
    state.apply({**change, "held": [], "held_whole": True, "held_complete": False}, now=2.0)
    assert state.held() == []
    assert state.held_is_complete is False
    assert "held: none" in text(state)


def test_an_office_of_several_contests_shows_its_parties_and_the_stations_of_all_contests() -> None:
    state = Followed(names(contests=("a", "b")), now=0.0)
    office = {**tally("N", {"01": 6, "02": 3, "03": 1}, counted=3, expected=8), "office": "president"}
    areas = [{**tally("01", {"x": 1}, counted=1, expected=2), "contest": contest} for contest in ("a", "b")]
    state.apply(snapshot() | {"areas": areas, "offices": [office]}, now=1.0)
    shown = text(state)
    assert "▶ 01 Pair 1" in shown
    assert "60.00 %" in shown
    assert "2/4" in shown


def test_names_of_others_cannot_move_the_cursor() -> None:
    state = Followed(names()._replace(title="x\x1b[2J\ny", lines=(Named("01", "\x1b[31mred"),)), now=0.0)
    state.apply(snapshot(), now=1.0)
    assert "\x1b" not in text(state)
    assert all("\n" not in line.plain for line in screen_lines(state, 80, 24, now=2.0))


@pytest.mark.parametrize(
    ("numbers", "turnout"),
    [
        ({"voters": 80}, (80, 200)),
        ({"voters": 80, "not_stated": {"voters": 1}}, (65, 200)),
        ({}, (65, 200)),
        ({"voters": 80, "registered_voters": None}, None),
        ({"voters": 80, "not_stated": {"registered_voters": 2}}, None),
    ],
)
def test_turnout_is_of_what_the_counted_stations_state(
    numbers: dict[str, Any], turnout: tuple[int, int] | None
) -> None:
    assert turnout_of(tally("N", {"01": 60}, counted=1, expected=1, **numbers)) == turnout


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (0, 0, "–"),
        (0, 7, "0.00 %"),
        (1, 3, "33.33 %"),
        (2, 3, "66.67 %"),
        (1, 20_000, "0.01 %"),
        (1, 20_001, "< 0.01 %"),
        (19_999, 20_000, "> 99.99 %"),
        (7, 7, "100.00 %"),
        (8, 7, "114.29 %"),
    ],
)
def test_a_share_is_rounded_half_up_and_what_is_little_is_not_nothing(part: int, whole: int, shown: str) -> None:
    assert per_cent(part, whole) == shown


def test_a_bar_has_its_width_and_shows_the_least_share() -> None:
    assert bar(0, 10, 5) == "     "
    assert bar(5, 10, 5) == "██▌  "
    assert bar(10, 10, 5) == bar(11, 10, 5) == "█████"
    assert bar(1, 10**6, 5) == "▏    "
    assert bar(1, 0, 3) == "   "
    assert bar(1, 2, -1) == ""


def test_each_rule_has_words() -> None:
    assert rule_words("F3").startswith("VA")
    assert rule_words("V2")
    assert rule_words("Z9") == "a rule of a later version"


def test_the_areas_of_a_level_are_listed_below_the_totals_of_the_followed_area() -> None:
    state = Followed(names()._replace(level="district", area_names={"N": "Nation", "01.1": "North"}), now=0.0)
    state.apply(snapshot(), now=1.0)
    assert state.children() == []
    state.apply_level({"type": "hello"})
    state.apply_level(
        {"type": "snapshot", "areas": [tally(code, {"01": 1}, counted=1, expected=2) for code in ("01.1", "01.2")]}
    )
    state.apply_level({"type": "change", "areas": [tally("01.2", {"01": 1}, counted=2, expected=2)]})
    shown = text(state)
    assert [named.name for named, _ in state.children()] == ["North", "01.2"]
    for words in ("stations 2 of 8 counted", "North", "2/2", "held: 1"):
        assert words in shown, words
    assert "Province" not in shown
