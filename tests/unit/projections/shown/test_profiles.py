"""Candidates, parties and districts: what is described is shown, and what is not is named as lacking."""

from __future__ import annotations

from typing import Any

import pytest

from projections.definition.compiled import Definition
from projections.shown import profiles as shown
from projections.shown.profiles import CandidateFilters, ProfileIndex, ProfilePage, page_answer
from schemas.definition.profiles import Profiles
from schemas.served.cursors import cursor_text
from schemas.served.profiles import CandidateLine, DistrictLine, PartyLine
from tests.support.small_election import elsewhere
from tests.support.small_finance import finance_package
from tests.support.small_profiles import DEFINITION, FULL, INDEX, PACKAGE, PROFILES

CONTEST = DEFINITION.ballots.contest


def _page(
    filters: CandidateFilters, after: tuple[str, str] | None = None, limit: int = 100, *, by_name: bool = False
) -> ProfilePage:
    begins_after = None if after is None else (CONTEST(after[0]), after[1])
    return INDEX.candidates(filters, begins_after, limit, by_name=by_name)


def _ids(page: ProfilePage) -> list[tuple[str, str]]:
    return [(line["contest"], line["choice"]) for line in page.lines]


def _all(filters: CandidateFilters, limit: int, *, by_name: bool = False) -> list[tuple[str, str]]:
    """The candidates of all pages."""
    found: list[tuple[str, str]] = []
    after: tuple[str, str] | None = None
    while True:
        page = _page(filters, after, limit, by_name=by_name)
        found += _ids(page)
        if page.last is None:
            return found
        contest, choice = page.last
        after = contest, choice


ALL = [("president", f"0{n}") for n in (1, 2, 3)] + [
    (contest, f"{party}-1") for contest in ("council-a", "council-b", "council-c") for party in ("P1", "P2")
]


def test_a_pair_is_one_candidate_with_two_persons() -> None:
    found = INDEX.candidate(CONTEST("president"), "01")
    assert found is not None
    assert [(each["person"], each["name"]) for each in found["persons"]] == [(1, "Siti Ñusa"), (2, "Budi Contoh")]
    assert found["lacking"] == ["sex", "residence", "photo", "web"], "the second person has none of them"
    assert found["links"] == {
        "self": "/v1/candidates/president/01",
        "result": "/v1/contests/president",
        "party": None,
        "finance": None,
    }


def test_who_is_not_described_is_listed_as_on_the_ballot() -> None:
    found = INDEX.candidate(CONTEST("council-a"), "P1-1")
    assert found is not None
    CandidateLine.model_validate(found)
    assert (found["name"], found["persons"], found["lacking"]) == ("P1 1", [], ["persons"])
    assert found["links"]["party"] == "/v1/parties/P1"


@pytest.mark.parametrize("choice", ["04", "P1-0"])
def test_no_candidate_is_found_under_other_choices(choice: str) -> None:
    assert INDEX.candidate(CONTEST("council-a"), choice) is None


@pytest.mark.parametrize("limit", [1, 2, 3, 9, 100])
def test_pages_hold_all_candidates_once_and_in_order(limit: int) -> None:
    assert _all(CandidateFilters(), limit) == ALL


COUNCILS = frozenset(CONTEST(f"council-{of}").number for of in "abc")
BY_NAME = [(f"council-{of}", f"{party}-1") for party in ("P1", "P2") for of in "abc"] + ALL[:3]


@pytest.mark.parametrize("limit", [1, 2, 100])
@pytest.mark.parametrize("looked_at", [1, 4, 20_000])
def test_pages_by_name_hold_all_candidates_once_whether_few_or_all_are_compared(
    monkeypatch: pytest.MonkeyPatch, limit: int, looked_at: int
) -> None:
    monkeypatch.setattr(shown, "LOOKED_AT_MAX", looked_at)
    assert _all(CandidateFilters(), limit, by_name=True) == BY_NAME
    assert _all(CandidateFilters(COUNCILS), limit, by_name=True) == BY_NAME[:6]
    assert _all(CandidateFilters(COUNCILS), limit) == ALL[3:]
    assert _all(CandidateFilters(frozenset()), limit) == []


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (CandidateFilters({CONTEST("council-b").number}), [("council-b", "P1-1"), ("council-b", "P2-1")]),
        (CandidateFilters(party="P2"), [each for each in ALL if each[1] == "P2-1"]),
        (CandidateFilters(name="NUSA siti"), [("president", "01")]),
        (CandidateFilters(name="pair"), ALL[:3]),
        (CandidateFilters({0}, name="nobody"), []),
        (CandidateFilters(lacking="persons", party="P2"), [("council-a", "P2-1"), ("council-c", "P2-1")]),
        (CandidateFilters(lacking="sex"), [("president", "01")]),
    ],
)
def test_filters(filters: CandidateFilters, expected: list[tuple[str, str]]) -> None:
    assert _ids(_page(filters)) == expected


def test_a_page_after_a_candidate_outside_the_filter_begins_with_the_filter() -> None:
    wanted = CandidateFilters({CONTEST("council-b").number})
    assert _ids(_page(wanted, ("president", "02"))) == [("council-b", "P1-1"), ("council-b", "P2-1")]
    assert _ids(_page(wanted, ("council-c", "P1-1"))) == []
    with pytest.raises(LookupError, match="no candidate president/09"):
        INDEX.candidates(wanted, (CONTEST("president"), "09"), 10)


def test_a_search_looks_at_a_bounded_number_and_names_where_to_continue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "LOOKED_AT_MAX", 2)
    page = _page(CandidateFilters(name="ayu"))
    assert (_ids(page), page.last) == ([], ("president", "02"))


def test_eight_words_of_a_name_are_looked_for_among_so_many_candidates() -> None:
    assert _ids(_page(CandidateFilters(name="p pa pai pair i ai r ir nowhere"))) == ALL[:3], "the ninth is ignored"
    assert _ids(_page(CandidateFilters(name="p pa pai pair i ai r nowhere"))) == []
    assert shown.LOOKED_AT_MAX == 20_000


def test_the_cursor_of_a_list_that_is_not_sorted_names_the_order_of_the_ballot() -> None:
    assert shown.IN_ORDER == "ballot"


def test_parties_by_name_and_of_an_office() -> None:
    def ids(**asked: Any) -> list[str]:
        return [line["party"] for line in INDEX.parties(**asked).lines]

    assert ids() == ids(by_name=True) == ids(office="council") == ["P1", "P2"]
    assert ids(office="president") == ids(name="nobody") == []
    assert ids(name="PARTY 2") == ["P2"]
    first = INDEX.parties(limit=1)
    assert (first.last, page_answer(first, "parties", "name")["next"]) == (("P1",), cursor_text(["name", "P1"]))
    assert ids(after="P1", limit=1) == ["P2"]
    assert INDEX.parties("P1", 1).last is None
    with pytest.raises(LookupError, match="'P9'"):
        INDEX.parties("P9", 1)


def test_a_party_has_its_profile_offices_and_candidates() -> None:
    one, two = INDEX.party("P1"), INDEX.party("P2")
    assert one is not None
    assert two is not None
    PartyLine.model_validate(one)
    assert (one["colour"], one["lacking"]) == (None, ["web", "logo", "colour"])
    assert (two["colour"], two["lacking"]) == ("#0B6623", ["web", "logo"])
    assert (two["offices"], two["candidates"]) == (["council"], 3)
    assert INDEX.party("P3") is None
    assert [INDEX.has_party(party) for party in ("P1", "P3")] == [True, False]


def test_a_district_has_its_areas_and_seats() -> None:
    found = INDEX.district("b")
    assert found is not None
    DistrictLine.model_validate(found)
    assert (found["name"], found["areas"]) == ("B", ["1.2", "2.1.1"])
    assert [(each["contest"], each["seats"]) for each in found["contests"]] == [("council-b", 3)]
    assert INDEX.district("N") is None


@pytest.mark.parametrize(("after", "limit", "ids", "following"), [(None, 1, 1, True), (None, 9, 9, False)])
def test_lists_of_parties_and_districts_have_pages(after: None, limit: int, ids: int, following: bool) -> None:
    parties, districts = INDEX.parties(after, limit), INDEX.districts(after, limit)
    assert [each["party"] for each in parties.lines] == ["P1", "P2"][:ids]
    assert [each["district"] for each in districts.lines] == ["a", "b", "c"][:ids]
    assert [parties.last, districts.last] == ([("P1",), ("a",)] if following else [None, None])


def test_the_pages_after_the_first() -> None:
    assert [each["party"] for each in INDEX.parties("P1", 5).lines] == ["P2"]
    assert [each["district"] for each in INDEX.districts("b", 5).lines] == ["c"]


def test_a_party_has_its_names() -> None:
    short = PACKAGE.parties[0].model_copy(update={"short_name": "P-1"})
    names = ProfileIndex(DEFINITION, PROFILES, (short, *PACKAGE.parties[1:]), PACKAGE.districts).party_names
    assert names == {"P1": ["Party 1", "P-1"], "P2": ["Party 2"]}


def test_a_candidate_is_shown_with_everything_that_is_known() -> None:
    assert INDEX.candidate(CONTEST("council-b"), "P2-1") == {
        "contest": "council-b",
        "choice": "P2-1",
        "name": "P2 1",
        "order": 11,
        "office": "council",
        "electorate": "b",
        "party": "P2",
        "persons": [{"person": 1, "name": "Ayu", **FULL}],
        "lacking": [],
        "links": {
            "self": "/v1/candidates/council-b/P2-1",
            "result": "/v1/contests/council-b",
            "party": "/v1/parties/P2",
            "finance": None,
        },
    }


def test_a_person_of_whom_only_the_name_is_known_has_nulls() -> None:
    found = INDEX.candidate(CONTEST("president"), "01")
    assert found is not None
    assert found["persons"][1] == {"person": 2, "name": "Budi Contoh", **dict.fromkeys(FULL)}


def test_a_party_is_shown_with_everything_that_is_known() -> None:
    assert INDEX.party("P2") == {
        "party": "P2",
        "name": "Party 2",
        "short_name": None,
        "number": PACKAGE.parties[1].number,
        "web": None,
        "logo": None,
        "colour": "#0B6623",
        "lacking": ["web", "logo"],
        "offices": ["council"],
        "candidates": 3,
        "links": {"self": "/v1/parties/P2", "candidates": "/v1/candidates?party=P2", "finance": None},
    }


def test_where_the_package_describes_campaign_finance_a_candidate_and_a_party_lead_to_their_reports() -> None:
    package = finance_package()
    definition = Definition.of(package)
    index = ProfileIndex(definition, PROFILES, package.parties, package.districts)
    candidate, party = index.candidate(definition.ballots.contest("president"), "01"), index.party("P1")
    assert candidate is not None
    assert party is not None
    assert candidate["links"]["finance"] == "/v1/finance/candidates/president/01"
    assert party["links"]["finance"] == "/v1/finance?party=P1"


def test_a_district_is_shown_with_its_contests_and_their_links() -> None:
    assert INDEX.district("c") == {
        "district": "c",
        "name": "C",
        "areas": ["2.1.2", "2.2"],
        "contests": [
            {
                "contest": "council-c",
                "office": "council",
                "seats": 3,
                "links": {
                    "result": "/v1/contests/council-c",
                    "candidates": "/v1/candidates?contest=council-c",
                    "map": "/v1/maps/offices/council.geojson",
                },
            }
        ],
        "links": {"self": "/v1/districts/c"},
    }


def test_the_short_name_of_a_party_is_its_name_where_it_has_none() -> None:
    short = PACKAGE.parties[0].model_copy(update={"short_name": "P-1"})
    index = ProfileIndex(DEFINITION, PROFILES, (short, *PACKAGE.parties[1:]), PACKAGE.districts)
    assert index.short_names == {"P1": "P-1", "P2": "Party 2"}


def test_parties_by_name_are_in_the_order_of_their_names() -> None:
    first, second = PACKAGE.parties
    parties = (first.model_copy(update={"name": "Zeta"}), second.model_copy(update={"name": "\u00c1lfa"}))
    index = ProfileIndex(DEFINITION, PROFILES, parties, PACKAGE.districts)
    assert [line["party"] for line in index.parties(by_name=True).lines] == ["P2", "P1"]
    assert [line["party"] for line in index.parties().lines] == ["P1", "P2"]
    assert [line["party"] for line in index.parties(name="alf").lines] == ["P2"]


def test_a_page_is_answered_under_its_name_with_what_the_next_one_begins_after() -> None:
    page = ProfilePage([{"a": 1}], ("council-b", "P2-1"))
    following = cursor_text(["ballot", "council-b", "P2-1"])
    assert page_answer(page, "candidates", "ballot") == {"candidates": [{"a": 1}], "next": following}
    assert page_answer(page._replace(last=None), "candidates", "ballot")["next"] is None


def test_the_words_of_a_name_after_the_eighth_are_ignored() -> None:
    eight = "pair pai pa p air ai a i"
    assert _ids(_page(CandidateFilters(name=f"{eight} nobody"))) == ALL[:3]
    assert _ids(_page(CandidateFilters(name=f"{eight.removesuffix(' i')} nobody"))) == []


def test_completeness_names_the_profiles_that_it_is_of() -> None:
    assert INDEX.completeness(DEFINITION.tree.root)["profiles"] == PROFILES.digest() == INDEX.digest


def test_an_index_answers_for_each_candidate_party_and_district_of_the_package() -> None:
    party = PACKAGE.parties[0].model_copy(update={"id": "P3", "name": "Party 3"})
    index = ProfileIndex(DEFINITION, PROFILES, (*PACKAGE.parties, party), PACKAGE.districts)
    assert _ids(index.candidates(CandidateFilters(), None, 100)) == ALL
    assert _ids(index.candidates(CandidateFilters(), None, 100, by_name=True)) == BY_NAME
    assert _ids(index.candidates(CandidateFilters(lacking="sex"), None, 100)) == [("president", "01")]
    for contest, choice in ALL:
        assert index.candidate(CONTEST(contest), choice) == INDEX.candidate(CONTEST(contest), choice)
    lines = {line["party"]: (line["offices"], line["candidates"]) for line in index.parties().lines}
    assert lines == {"P1": (["council"], 3), "P2": (["council"], 3), "P3": ([], 0)}
    found = index.districts().lines
    assert [(line["district"], line["areas"]) for line in found] == [
        ("a", ["1.1"]),
        ("b", ["1.2", "2.1.1"]),
        ("c", ["2.1.2", "2.2"]),
    ]
    assert [[each["contest"] for each in line["contests"]] for line in found] == [
        ["council-a"],
        ["council-b"],
        ["council-c"],
    ]
    nation = index.completeness(DEFINITION.tree.root)
    assert nation["profiles"] == PROFILES.digest()
    assert (nation["candidates"]["expected"], nation["candidates"]["described"]) == (9, 2)
    assert nation["candidates"]["columns"] == {"sex": 1, "residence": 1, "photo": 1, "web": 1}
    assert nation["parties"] == {"expected": 3, "columns": {"web": 0, "logo": 0, "colour": 1}}
    assert [(each["area"], each["expected"]) for each in nation["children"]] == [("1", 2), ("2", 2)]
    assert index.completeness(DEFINITION.tree.number["2"])["children"] == []


def test_a_page_of_candidates_ends_at_its_limit() -> None:
    page = _page(CandidateFilters(), None, 2)
    assert (_ids(page), page.last) == (ALL[:2], ALL[1])


def test_few_contests_are_compared_alone_and_more_in_the_order_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """A contest of the council has two candidates, and comes after the three of the president."""
    of_b = CandidateFilters({CONTEST("council-b").number})
    monkeypatch.setattr(shown, "LOOKED_AT_MAX", 2)
    assert _ids(_page(of_b)) == [("council-b", "P1-1"), ("council-b", "P2-1")]
    monkeypatch.setattr(shown, "LOOKED_AT_MAX", 1)
    page = _page(of_b)
    assert (_ids(page), page.last) == ([], ("president", "01"))


def test_contests_are_listed_in_their_order_whatever_the_order_of_the_filter() -> None:
    turned = [CONTEST("council-c").number, CONTEST("council-a").number]
    assert [contest for contest, _ in _ids(_page(CandidateFilters(turned)))] == [
        *("council-a", "council-a"),
        *("council-c", "council-c"),
    ]


def test_a_choice_of_kind_party_is_not_a_candidate_of_the_party() -> None:
    """Elsewhere, each contest of the council has a choice for the party P2 and none of its candidates."""
    definition = Definition.of(elsewhere(PACKAGE))
    found = ProfileIndex(definition, PROFILES, PACKAGE.parties, PACKAGE.districts).party("P2")
    assert found is not None
    assert (found["offices"], found["candidates"]) == (["council"], 0)


def test_a_column_counts_the_candidates_that_have_it() -> None:
    only_ayu = Profiles(PROFILES.candidates[2:], ())
    index = ProfileIndex(DEFINITION, only_ayu, PACKAGE.parties, PACKAGE.districts)
    found = index.completeness(DEFINITION.tree.root)["candidates"]
    assert (found["described"], found["columns"]) == (1, dict.fromkeys(("sex", "residence", "photo", "web"), 1))
