"""Results joined to the areas of a map."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from projections.area.progress import Progress
from projections.area.tally import HEAD
from projections.definition.compiled import Definition
from projections.maps.plan import MapKind
from projections.maps.results import MapChoice, MapResults, share, share_reached
from projections.shown.answer_parts import Line
from projections.shown.published import Moment
from schemas.definition.package import Area, Contest
from tests.support.small_election import elsewhere, small_package

DEFINITION = Definition.of(small_package())
BALLOTS = DEFINITION.ballots


def tally(votes: tuple[int, ...], *, stations: int = 1, held: int = 0) -> list[int]:
    """A tally with clean stations, and held ones that have no votes."""
    total = sum(votes)
    nothing = [0] * (HEAD + len(votes))
    clean = [stations, 0, 0, total, total, 0, 0, total, *[0] * (HEAD - 8), *votes]
    return [*clean, *nothing, held, *nothing[1:], 0]


def moment(
    tallies: dict[tuple[str, str], list[int]], offices: dict[tuple[str, str], list[int]] | None = None
) -> Moment:
    return Moment({"president": (3, -1, 7)}, {("president", 2): 9}, tallies, offices or {})


def president(*names: str) -> MapResults:
    return MapResults(DEFINITION, BALLOTS.office("president"), names, {})


def council(*names: str) -> MapResults:
    return MapResults(DEFINITION, BALLOTS.office("council"), names, {"P1": "First"})


def test_an_office_with_one_contest_is_compared_by_its_choices() -> None:
    results = president("1", "2")
    number = DEFINITION.tree.number
    assert results.wanted(MapKind.LEVEL) == ([Line(number["1"], 0), Line(number["2"], 0)], [])
    counted = moment({("president", "1"): tally((5, 9, 0), stations=3, held=1)})
    found = results.result(MapKind.LEVEL, "1", counted)
    assert found.votes == (5, 9, 0)
    assert found.stations == Progress(8, 4, 3, 3, 0, 1, 0, 4)
    assert orjson.loads(orjson.dumps(results.properties(found))) == {
        "results_status": "unofficial-partial",
        "stations_expected": 8,
        "stations_reported": 4,
        "stations_counted": 3,
        "stations_held": 1,
        "counted_share": 0.375,
        "votes_total": 14,
        "leader": "02",
        "leader_name": "Pair 2",
        "leader_votes": 9,
        "leader_share": 0.6429,
        "margin": 4,
        "tied": [],
        "votes": {"01": 5, "02": 9, "03": 0},
    }
    assert results.head(counted) == {
        "office": "president",
        "compared_by": "choice",
        "choices": [{"id": f"0{n}", "name": f"Pair {n}"} for n in (1, 2, 3)],
        "as_of": {"0": 3, "2": 7},
        "shard_as_of": {"2": 9},
    }


def test_nobody_leads_an_area_without_votes_or_with_a_tie() -> None:
    results = president("1", "2")
    nothing = results.properties(results.result(MapKind.LEVEL, "2", moment({})))
    assert (nothing["leader"], nothing["leader_share"], nothing["tied"], nothing["results_status"]) == (
        None,
        None,
        [],
        "pre-election",
    )
    tied = results.properties(results.result(MapKind.LEVEL, "1", moment({("president", "1"): tally((4, 4, 1))})))
    assert (tied["leader"], tied["tied"], tied["margin"]) == (None, ["01", "02"], 0)
    assert (tied["votes_total"], tied["leader_name"], tied["leader_votes"], tied["leader_share"]) == (
        9,
        None,
        None,
        None,
    )


def test_an_office_with_several_contests_is_compared_by_party() -> None:
    results = council("1", "2.1")  # a province, and a district, which is the shard level
    assert results.choices == (MapChoice("P1", "First"), MapChoice("P2", "P2"))
    number = DEFINITION.tree.number
    assert results.wanted(MapKind.LEVEL) == ([], [number["1"], number["2.1"]])
    for area, expected in (("1", 8), ("2.1", 4)):
        found = results.result(MapKind.LEVEL, area, moment({}, {("council", area): tally((7, 2), stations=2)}))
        assert (found.votes, found.leader, found.stations.expected) == ((7, 2), "P1", expected)
    assert results.head(moment({}))["compared_by"] == "party"


def test_below_the_shard_level_parties_are_added_up_from_contests() -> None:
    results = council("1.1.1")
    number, contest = DEFINITION.tree.number["1.1.1"], BALLOTS.contest("council-a").number
    assert results.wanted(MapKind.LEVEL) == ([Line(number, contest)], [])
    counted = moment({("council-a", "1.1.1"): tally((1, 2, 3, 5))})
    found = results.result(MapKind.LEVEL, "1.1.1", counted)
    assert (found.votes, found.leader, found.stations.counted) == ((3, 8), "P2", 1)


def test_the_map_of_an_office_has_the_result_of_each_contest() -> None:
    results = council("council-b", "council-c")
    contests = [BALLOTS.contest(each) for each in ("council-b", "council-c")]
    assert results.wanted(MapKind.CONTESTS) == ([Line(each.root_area, each.number) for each in contests], [])
    counted = moment({("council-b", "N"): tally((1, 0, 0, 4), stations=2)})
    found = results.result(MapKind.CONTESTS, "council-b", counted)
    assert (found.votes, found.stations.expected) == ((1, 4), 6)


def test_votes_for_candidates_of_no_party_are_of_no_party() -> None:
    definition = Definition.of(elsewhere(small_package()))
    office = definition.ballots.office("council")
    assert office.lines[-1] == "-"
    results = MapResults(definition, office, ["council-a"], {})
    contest = definition.ballots.contest("council-a")
    code = definition.tree.codes[contest.root_area]
    votes = tuple(range(1, len(contest.choices) + 1))
    found = results.result(MapKind.CONTESTS, "council-a", moment({("council-a", code): tally(votes)}))
    of_parties = [
        sum(number for number, line in zip(votes, contest.choice_line, strict=True) if line == own)
        for own in range(len(office.parties))
    ]
    assert list(found.votes) == of_parties
    assert sum(of_parties) < sum(votes)


def test_an_area_in_which_nobody_votes_for_the_office_has_nothing_to_expect() -> None:
    package = small_package()
    local = Definition.of(
        replace(
            package,
            contests=(
                *package.contests,
                Contest(id="mayor-1", office="mayor", electorate="1.1"),
                Contest(id="mayor-2", office="mayor", electorate="1.2"),
            ),
            offices=(*package.offices, package.offices[0].model_copy(update={"id": "mayor"})),
        )
    )
    results = MapResults(local, local.ballots.office("mayor"), ["2.1.1", "2"], {})
    for area in ("2.1.1", "2"):
        found = results.result(MapKind.LEVEL, area, moment({}))
        assert (found.stations, found.votes) == (Progress(0, 0, 0, 0, 0, 0, 0, 0), ())
    assert results.properties(found)["counted_share"] is None


def test_a_contest_without_a_station_has_nothing_to_expect() -> None:
    package = small_package()
    empty = Definition.of(
        replace(
            package,
            areas=(*package.areas, Area(code="2.2.3", name="Village 2.2.3", level="village", parent="2.2")),
            contests=(*package.contests, Contest(id="mayor", office="mayor", electorate="2.2.3")),
            offices=(*package.offices, package.offices[0].model_copy(update={"id": "mayor"})),
        )
    )
    results = MapResults(empty, empty.ballots.office("mayor"), ["mayor"], {})
    found = results.result(MapKind.CONTESTS, "mayor", moment({}))
    assert (found.stations, found.votes) == (Progress(0, 0, 0, 0, 0, 0, 0, 0), ())
    assert results.properties(found)["counted_share"] is None


@pytest.mark.parametrize(
    ("part", "rounded", "reached"), [(0, 0, 0), (1, 0.3333, 0.3333), (2, 0.6667, 0.6666), (3, 1, 1)]
)
def test_shares_are_rounded_and_progress_is_cut_off(part: int, rounded: float, reached: float) -> None:
    assert orjson.loads(orjson.dumps([share(part, 3), share_reached(part, 3)])) == [rounded, reached]


def test_nothing_has_no_share() -> None:
    assert (share(0, 0), share_reached(0, 0)) == (None, None)
