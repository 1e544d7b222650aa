"""Offices and contests of a package as lists: complete, in order, and page by page without a gap."""

from __future__ import annotations

import pytest

from projections.definition.compiled import Definition
from projections.shown.election_lists import contests_list, elections_list, offices_list
from schemas.served.election_lists import ContestLine, ElectionLine, OfficeLine
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())
CONTESTS = [entry.id for entry in DEFINITION.ballots.contests]


def test_the_election_of_the_server() -> None:
    (found,) = elections_list(DEFINITION)["elections"]
    assert ElectionLine.model_validate(found).definition == DEFINITION.hash


def test_each_office_leads_to_its_numbers() -> None:
    found = offices_list(DEFINITION)["offices"]
    assert [OfficeLine.model_validate(each).id for each in found] == ["president", "council"]
    assert found[1]["links"]["contests"] == "/v1/contests?office=council"


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
@pytest.mark.parametrize("office", [None, 1])
def test_pages_of_contests_have_each_once(limit: int, office: int | None) -> None:
    wanted = (
        CONTESTS if office is None else [CONTESTS[number] for number in DEFINITION.ballots.offices[office].contests]
    )
    found: list[str] = []
    after = None
    while True:
        page = contests_list(DEFINITION, office, after, limit)
        assert 0 < len(page["contests"]) <= limit
        found += [ContestLine.model_validate(each).contest for each in page["contests"]]
        if page["next"] is None:
            break
        after = DEFINITION.ballots.contest(page["next"])
    assert found == wanted


def test_a_contest_names_its_choices_and_where_its_numbers_are() -> None:
    (found,) = contests_list(DEFINITION, 1, None, 1)["contests"]
    assert (found["contest"], found["choices"], found["seats"]) == ("council-a", 4, 3)
    assert found["links"]["result"] == "/v1/contests/council-a"
