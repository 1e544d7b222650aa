"""Status words of NIST SP 1500-100, and who leads."""

from __future__ import annotations

import pytest

from projections.area.progress import (
    Margin,
    Progress,
    contest_summary,
    count_item_status,
    margin,
    progress,
    results_status,
)
from projections.area.tally import CLEAN, FLAGGED, HEAD, HELD, AreaTallies, TallyView, tally_length
from projections.definition.electorates import Denominator
from tests.support.one_rule import contest_of


def _progress(clean: int = 0, flagged: int = 0, held: int = 0, annulled: int = 0, expected: int = 10) -> Progress:
    tallies, key = AreaTallies([tally_length(0)]), (0, 0)
    for tier, stations in ((CLEAN, clean), (FLAGGED, flagged), (HELD, held)):
        tallies.add([key], tier, (stations, *[0] * (HEAD - 1)), 1)
    tallies.add_annulled([key], annulled)
    return progress(TallyView.of(tallies[key]), Denominator(expected, 0))


def test_each_station_has_one_state_of_progress() -> None:
    assert _progress(3, 2, 1, 1) == Progress(
        expected=10, reported=6, counted=5, clean=3, flagged=2, held=1, annulled=1, waiting=3
    )


def test_more_stations_than_expected_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        _progress(11)


@pytest.mark.parametrize(
    ("of", "results", "count_item"),
    [
        (_progress(), "pre-election", "not-processed"),
        (_progress(held=1), "unofficial-partial", "in-process"),
        (_progress(9), "unofficial-partial", "in-process"),
        (_progress(9, held=1), "unofficial-partial", "in-process"),
        (_progress(8, 2), "unofficial-complete", "completed"),
    ],
)
def test_status_words(of: Progress, results: str, count_item: str) -> None:
    assert (results_status(of), count_item_status(of)) == (results, count_item)


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ([0, 0, 0], Margin((), (), None, 0)),
        ([5, 9, 7], Margin(("b",), (), "c", 2)),
        ([9, 9, 7], Margin(("a", "b"), ("a", "b"), None, 0)),
        ([9, 7, 7], Margin(("a",), (), None, 2)),
        ([9, 0, 0], Margin(("a",), (), None, 9)),
        ([4], Margin(("a",), (), None, 4)),
        ([], Margin((), (), None, 0)),
    ],
)
def test_margin(votes: list[int], expected: Margin) -> None:
    assert margin("abc"[: len(votes)], votes) == expected


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ([0, 0, 0, 0], Margin((), (), None, 0)),
        ([5, 9, 7, 1], Margin(("b", "c"), (), "a", 2)),
        ([9, 9, 7, 1], Margin(("a", "b"), (), "c", 2)),
        ([9, 7, 7, 1], Margin(("a", "b", "c"), ("b", "c"), None, 0)),
        ([7, 7, 7, 1], Margin(("a", "b", "c"), ("a", "b", "c"), None, 0)),
        ([9, 7, 5, 5], Margin(("a", "b"), (), None, 2)),
        ([9, 0, 0, 0], Margin(("a",), (), None, 0)),
        ([9, 7], Margin(("a", "b"), (), None, 7)),
        ([9], Margin(("a",), (), None, 9)),
    ],
)
def test_of_two_seats_the_margin_is_between_the_last_in_and_the_first_out(votes: list[int], expected: Margin) -> None:
    assert margin("abcd"[: len(votes)], votes, 2) == expected


def test_the_last_that_is_in_without_votes_has_no_runner_up() -> None:
    assert margin("abc", [9, 0, 0], 2) == Margin(("a",), (), None, 0)
    assert margin("ab", [9, 0], 2) == Margin(("a",), (), None, 0)
    assert margin("abc", [0, 0, 5], 2) == Margin(("c",), (), None, 0)
    assert margin("ab", [0, 0]) == Margin((), (), None, 0)


def test_choices_without_a_number_of_votes_are_a_bug() -> None:
    with pytest.raises(ValueError, match="zip"):
        margin("abc", [1, 2])


def test_a_contest_is_summed_up_by_name() -> None:
    contest = contest_of("president")
    votes = (5, 9, 7)
    numbers = (1, *[0] * (HEAD - 1), *votes)
    tallies = AreaTallies([tally_length(3)])
    tallies.add([(0, 0)], CLEAN, numbers, 1)
    assert contest_summary(contest, TallyView.of(tallies[0, 0]), Denominator(4, 0)) == {
        "contest": "president",
        "results_status": "unofficial-partial",
        "count_item_status": "in-process",
        "stations": {
            "expected": 4,
            "reported": 1,
            "counted": 1,
            "clean": 1,
            "flagged": 0,
            "held": 0,
            "annulled": 0,
            "waiting": 3,
        },
        "leaders": ["02"],
        "tied": [],
        "runner_up": "03",
        "margin": 2,
    }
