"""Contests and offices by their ids."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from projections.definition.ballots import NO_PARTY
from projections.definition.compiled import Definition
from schemas.codes import CODE_PATTERN, exactly
from schemas.definition.package import BlankBallots, Method
from tests.support.small_election import elsewhere, small_package

BALLOTS = Definition.of(small_package()).ballots


def test_contests_and_offices_are_found_by_their_ids() -> None:
    assert [BALLOTS.contest(entry.id) for entry in BALLOTS.contests] == list(BALLOTS.contests)
    assert [BALLOTS.office(entry.id) for entry in BALLOTS.offices] == list(BALLOTS.offices)


def test_an_office_has_its_contests_in_the_order_of_the_package() -> None:
    offices = Definition.of(small_package()).ballots.offices
    assert [office.contests for office in offices] == [(0,), (1, 2, 3)]


def test_an_unknown_id_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="mayor"):
        BALLOTS.contest("mayor")
    with pytest.raises(KeyError, match="mayor"):
        BALLOTS.office("mayor")


def test_a_ballot_is_in_the_order_that_its_choices_state() -> None:
    package = small_package()
    turned = Definition.of(replace(package, choices=package.choices[::-1])).ballots
    assert turned.contest("council-a").choices == ("P1-0", "P1-1", "P2-0", "P2-1")
    assert turned.contest("president").choice_index == {"01": 0, "02": 1, "03": 2}


@pytest.mark.parametrize(("method", "leaders"), [(Method.MOST_VOTES, 3), (Method.SAINTE_LAGUE, 1)])
def test_as_many_choices_lead_as_there_are_seats_unless_parties_share_them(method: Method, leaders: int) -> None:
    package = small_package()
    contests = tuple(each.model_copy(update={"method": method}) for each in package.contests)
    assert Definition.of(replace(package, contests=contests)).ballots.contest("council-b").leaders_max == leaders


def test_votes_of_choices_without_a_party_have_a_line_of_their_own_after_the_parties() -> None:
    ballots = Definition.of(elsewhere(small_package())).ballots
    council, contest = ballots.office("council"), ballots.contest("council-a")
    assert (council.lines, council.parties) == (("P1", "P2", NO_PARTY), ("P1", "P2"))
    assert NO_PARTY == "-", "the name of the line in files and answers"
    assert not re.match(exactly(CODE_PATTERN), NO_PARTY), "no party has this id"
    assert contest.choice_line == (0, 0, 1, 2)
    assert contest.choices_of_party == {"P1": ("P1-0", "P1-1"), "P2": ("P2-0",)}
    assert (BALLOTS.office("council").lines, BALLOTS.office("president").lines) == (("P1", "P2"), (NO_PARTY,))
    assert BALLOTS.contest("council-a").choice_line == (0, 0, 1, 1)


def test_a_party_without_a_choice_in_the_office_has_no_line() -> None:
    package = small_package()
    fewer = replace(package, choices=tuple(each for each in package.choices if each.party != "P2"))
    assert Definition.of(fewer).ballots.office("council").lines == ("P1",)


@pytest.mark.parametrize("blank", BlankBallots)
def test_blank_ballots_are_counted_where_the_office_counts_them_apart(blank: BlankBallots) -> None:
    package = small_package()
    offices = tuple(each.model_copy(update={"blank_ballots": blank}) for each in package.offices)
    ballots = Definition.of(replace(package, offices=offices)).ballots
    assert {each.counts_blank for each in ballots.contests} == {blank is BlankBallots.APART}


def test_the_size_of_a_tally_follows_from_the_ids_of_its_choices() -> None:
    """2,000 bytes for all but the votes, and each choice four times with its id and 15 bytes more."""
    assert BALLOTS.tally_bytes == (2_000 + 4 * 3 * (2 + 15), *[2_000 + 4 * 4 * (4 + 15)] * 3)
