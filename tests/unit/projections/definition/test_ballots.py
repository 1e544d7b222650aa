"""Ballots: choices in their order, lines of parties, and what can lead."""

from __future__ import annotations

from dataclasses import replace

from projections.definition.ballots import NO_PARTY
from projections.definition.compiled import Definition
from tests.support.small_election import elsewhere, small_package

DEFINITION = Definition.of(small_package())
BALLOTS = DEFINITION.ballots


def test_a_ballot_is_in_the_order_of_the_choices_and_each_has_the_line_of_its_party() -> None:
    package = elsewhere(small_package())
    definition = Definition.of(replace(package, choices=package.choices[::-1]))
    contest = definition.ballots.contest("council-a")
    office = definition.ballots.offices[contest.office_number]
    assert contest.choices == ("P1-0", "P1-1", "P2-0", "P2-1")
    assert [choice.id for choice in contest.ballot] == list(contest.choices)
    assert contest.choice_index == {"P1-0": 0, "P1-1": 1, "P2-0": 2, "P2-1": 3}
    assert contest.choices_of_party == {"P1": ("P1-0", "P1-1"), "P2": ("P2-0",)}
    assert (office.lines, office.parties) == (("P1", "P2", NO_PARTY), ("P1", "P2"))
    assert contest.choice_line == (0, 0, 1, 2)
    assert (contest.votes_per_ballot, contest.counts_blank, contest.leaders_max) == (2, False, 2)
    president = definition.ballots.contest("president")
    assert (president.votes_per_ballot, president.counts_blank, president.leaders_max) == (1, True, 1)


def test_of_seats_that_parties_share_one_choice_leads() -> None:
    contest = BALLOTS.contests[BALLOTS.contest_number["council-a"]]
    assert (contest.contest.seats, contest.leaders_max) == (3, 1)
    assert BALLOTS.offices[contest.office_number].lines == ("P1", "P2"), "each choice has a party"


def test_the_size_of_a_published_tally_grows_with_the_names_of_its_choices() -> None:
    sizes = dict(zip((str(contest.id) for contest in BALLOTS.contests), BALLOTS.tally_bytes, strict=True))
    assert sizes["president"] == 2_000 + 4 * 3 * (2 + 15)
    assert sizes["council-a"] == 2_000 + 4 * 4 * (4 + 15)
