"""The pages that are published together."""

from __future__ import annotations

import orjson
import pytest

from projections.definition.compiled import Definition
from projections.shown import answer_parts
from projections.shown.published import Moment, answer_bytes, area_answer, contest_answer, office_answer
from projections.shown.whole_cut import rendered, whole_cut
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())
NOTHING = Moment({}, {}, {}, {})


def test_the_pages_are_election_offices_contests_and_the_areas_of_the_first_levels() -> None:
    names = [page.name for page in whole_cut(DEFINITION, 2)]
    assert names == [
        "election",
        "offices/president",
        "offices/council",
        "contests/president",
        "contests/council-a",
        "contests/council-b",
        "contests/council-c",
        "areas/N",
        "areas/1",
        "areas/2",
    ]
    assert [page.name for page in whole_cut(DEFINITION, 1)][7:] == ["areas/N"]
    assert len([page for page in whole_cut(DEFINITION, 9) if page.name.startswith("areas/")]) == len(
        DEFINITION.tree.codes
    )


def test_each_page_is_the_answer_of_the_api() -> None:
    found = dict(rendered(DEFINITION, whole_cut(DEFINITION, 2), NOTHING))
    offices = DEFINITION.ballots.offices
    council = DEFINITION.ballots.office("council")
    area = DEFINITION.tree.number["1"]
    part_of_office = answer_parts.part_of_office(DEFINITION, council, 1)
    part_of_area = answer_parts.part_of_area(DEFINITION, area, offices, 1)
    expected = {
        "offices/council": office_answer(DEFINITION, council, NOTHING, part_of_office),
        "contests/council-b": contest_answer(DEFINITION, DEFINITION.ballots.contest("council-b"), NOTHING),
        "areas/1": area_answer(DEFINITION, area, offices, NOTHING, part_of_area),
    }
    for name, answer in expected.items():
        assert found[name] == answer_bytes(DEFINITION, answer)
    assert orjson.loads(found["election"])["as_of"] == {"president": {}, "council": {}}


def test_a_long_answer_has_a_page_for_each_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_parts, "PART_BYTES_MAX", 2_000)
    pages = whole_cut(DEFINITION, 1)
    areas = [page for page in pages if "areas/" in page.name]
    assert len(areas) > 1
    assert [page.name for page in areas[:2]] == ["areas/N", "parts/2/areas/N"]
    assert [page.address for page in areas[:2]] == ["/v1/areas/N", "/v1/areas/N?part=2"]
    assert len({page.name for page in pages}) == len(pages)
    parts = [
        answer_parts.part_of_area(DEFINITION, DEFINITION.tree.root, DEFINITION.ballots.offices, number + 1)
        for number in range(len(areas))
    ]
    assert [list(page.lines) for page in areas] == [list(part.lines) for part in parts]


def test_a_page_names_the_tallies_and_the_sums_that_it_shows() -> None:
    pages = {page.name: page for page in whole_cut(DEFINITION, 2)}
    contests, number = DEFINITION.ballots.contest_number, DEFINITION.tree.number
    assert {name: page.area for name, page in pages.items() if "contest" not in name} == {
        "election": None,
        "offices/president": number["N"],
        "offices/council": number["N"],
        "areas/N": number["N"],
        "areas/1": number["1"],
        "areas/2": number["2"],
    }
    assert (pages["election"].lines, pages["election"].address) == ((), "/v1/election")
    council_a = pages["contests/council-a"]
    assert (council_a.area, council_a.address) == (None, "/v1/contests/council-a")
    assert council_a.lines == (answer_parts.Line(number["1.1"], contests["council-a"]),)
    assert pages["offices/president"].lines == (answer_parts.Line(number["N"], contests["president"]),)
