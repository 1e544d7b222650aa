"""The short forms of a tally have members of the published tally, and only numbers that a phone shows."""

from __future__ import annotations

import orjson

from projections.area.tally import empty_tally
from projections.definition.compiled import Definition
from projections.shown.selected import selected
from projections.shown.tallies import published_office, published_tally
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())
CONTEST = DEFINITION.ballots.contest("president")
TALLY = published_tally(CONTEST, DEFINITION.tree.root, empty_tally(len(CONTEST.choices)), DEFINITION)


def test_all_is_the_tally_itself() -> None:
    assert selected(TALLY, "all") is TALLY


def test_totals_have_how_much_is_counted_and_no_choices() -> None:
    totals = selected(TALLY, "totals")
    assert totals == {
        "contest": "president",
        "area": "N",
        "results_status": TALLY["results_status"],
        "stations": {"expected": 16, "counted": 0},
        "counted": {"total": 0, "valid": 0, "invalid": 0},
    }
    assert len(orjson.dumps(totals)) < 200


def test_choices_have_the_votes_of_each_and_who_leads() -> None:
    choices = selected(TALLY, "choices")
    assert choices["counted"]["votes"] == {"01": 0, "02": 0, "03": 0}
    assert (choices["leaders"], choices["margin"]) == (TALLY["leaders"], TALLY["margin"])
    assert "tiers" not in choices


def test_the_tally_of_an_office_keeps_the_office() -> None:
    office = DEFINITION.ballots.office("council")
    tally = published_office(office, DEFINITION.tree.root, empty_tally(len(office.lines)), DEFINITION)
    assert selected(tally, "totals")["office"] == "council"
