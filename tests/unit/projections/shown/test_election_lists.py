"""Offices and contests of a package as lists: complete, in order, and page by page without a gap."""

from __future__ import annotations

from dataclasses import replace

import pytest

from projections.definition.compiled import Definition
from projections.shown.election_lists import contests_list, elections_list, offices_list
from schemas.definition.rows import LocalText
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


def test_the_list_of_elections_names_the_one_and_where_it_is() -> None:
    assert elections_list(DEFINITION) == {
        "elections": [
            {
                "election": "small",
                "mode": "rehearsal",
                "definition": DEFINITION.hash,
                "title": {"id": "Pemilu kecil", "en": "Small election"},
                "date": "2029-02-14",
                "licence": "CC0-1.0",
                "links": {"self": "/v1/election", "package": "/v1/package.zip", "health": "/v1/health"},
            }
        ]
    }


def test_the_links_of_an_office_are_to_its_result_its_contests_and_the_live_feed() -> None:
    assert offices_list(DEFINITION)["offices"][0] == {
        "id": "president",
        "name": {"id": "Presiden", "en": "President"},
        "contests": ["president"],
        "links": {
            "result": "/v1/offices/president",
            "contests": "/v1/contests?office=president",
            "live": "/v1/live?office=president",
        },
    }


def test_a_contest_in_a_list_has_its_name_where_it_has_one() -> None:
    package = small_package()
    named = package.contests[1].model_copy(update={"name": LocalText(id="Dewan A", en="Council A")})
    definition = Definition.of(replace(package, contests=(package.contests[0], named, *package.contests[2:])))
    page = contests_list(definition, None, definition.ballots.contest("president"), 1)
    assert page == {
        "contests": [
            {
                "contest": "council-a",
                "office": "council",
                "electorate": "a",
                "name": {"id": "Dewan A", "en": "Council A"},
                "seats": 3,
                "votes_per_ballot": 1,
                "choices": 4,
                "links": {"result": "/v1/contests/council-a", "candidates": "/v1/candidates?contest=council-a"},
            }
        ],
        "next": "council-a",
    }
    assert contests_list(definition, None, None, 1)["contests"][0]["name"] is None
