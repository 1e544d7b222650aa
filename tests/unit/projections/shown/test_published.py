"""Numbers as readers get them, by name: every field of every answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest

from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.shown.answer_parts import (
    BEFORE_ALL,
    HISTORY_BYTES_MAX,
    HistoryPage,
    Part,
    RecordPosition,
    history_page,
    part_of_area,
    part_of_office,
)
from projections.shown.published import (
    Moment,
    answer_bytes,
    area_answer,
    area_name,
    as_of,
    contest_answer,
    election_answer,
    event_links,
    office_answer,
    position_text,
    published_leaf,
    published_standing,
    published_time,
    shard_as_of,
    station_answer,
    stations_answer,
    tallies_in,
)
from projections.shown.shares import shares_of
from projections.shown.tallies import published_contribution
from schemas.definition.rows import LocalText
from tests.support.made_tallies import numbers, tally
from tests.support.small_election import elsewhere, small_package

DEFINITION, ELSEWHERE = Definition.of(small_package()), Definition.of(elsewhere(small_package()))
NOTHING = Moment({}, {}, {}, {})
PRESIDENT, COUNCIL = DEFINITION.ballots.offices


def contest(code: str, definition: Definition = DEFINITION) -> ContestEntry:
    return definition.ballots.contest(code)


# ── tallies ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_areas_have_the_tallies_of_the_contests_that_are_voted_on_there() -> None:
    areas = [DEFINITION.tree.number[code] for code in ("1.1", "2.1")]
    assert [(each["contest"], each["area"]) for each in tallies_in(DEFINITION, COUNCIL, areas, NOTHING)] == [
        ("council-a", "1.1"),
        ("council-b", "2.1"),
        ("council-c", "2.1"),
    ]
    counted = Moment({}, {}, {("council-b", "2.1"): tally(numbers(1, 1, 2, 3, 4), *[numbers(0, 0, 0, 0, 0)] * 2)}, {})
    assert [each["stations"]["clean"] for each in tallies_in(DEFINITION, COUNCIL, areas, counted)] == [0, 1, 0]


# ── offsets, links, times ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cut_has_the_partitions_of_which_something_was_counted() -> None:
    moment = Moment({"president": (4, -1, 0)}, {("president", 1): 7, ("council", 2): 9}, {}, {})
    assert as_of(moment, PRESIDENT) == {"0": 4, "2": 0}
    assert as_of(moment, COUNCIL) == {}
    assert shard_as_of(DEFINITION, moment, PRESIDENT) == {"1": 7}
    assert shard_as_of(DEFINITION, moment, COUNCIL) == {"2": 9}


def test_a_record_is_named_by_partition_and_offset() -> None:
    assert position_text(RecordPosition(offset=9, partition=2)) == "2/9"
    assert event_links(2, 9) == {
        "event": "/v1/events/2/9",
        "entry": "/v1/events/2/9/entry",
        "proof": "/v1/proof/2/9",
    }


def test_what_a_record_does_not_have_is_null() -> None:
    assert (published_leaf(None), published_leaf(b"\xab\x01")) == (None, "ab01")
    assert [published_time(each) for each in (None, 0, 1_500_000)] == [None, None, "1970-01-01T00:00:01.500Z"]


# ── whole answers ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_is_sent_under_the_name_of_its_election() -> None:
    assert orjson.loads(answer_bytes(DEFINITION, {"a": 1})) == {
        "election": "small",
        "mode": "rehearsal",
        "definition": DEFINITION.hash,
        "licence": "CC0-1.0",
        "a": 1,
    }


def test_a_contest_is_described_with_its_ballot() -> None:
    found = contest_answer(DEFINITION, contest("council-a"), Moment({"council": (3, -1, -1)}, {}, {}, {}))
    assert {name: value for name, value in found.items() if name not in {"choices", "tally", "shares"}} == {
        "contest": "council-a",
        "office": "council",
        "electorate": "a",
        "name": None,
        "seats": 3,
        "votes_per_ballot": 1,
        "method": "sainte-lague",
        "blank_ballots": DEFINITION.ballots.offices[1].office.blank_ballots.value,
        "links": {"candidates": "/v1/candidates?contest=council-a"},
        "as_of": {"0": 3},
    }
    assert found["choices"][1] == {"id": "P1-1", "name": "P1 1", "kind": "candidate", "party": "P1"}
    assert (found["tally"]["area"], found["tally"]["contest"]) == ("1.1", "council-a")
    assert found["shares"] == shares_of(found["tally"])


def test_an_office_has_its_contests_each_at_the_area_of_its_electorate() -> None:
    moment = Moment({}, {}, {}, {("council", "N"): tally(numbers(1, 5, 9), *[numbers(0, 0, 0)] * 2)})
    found = office_answer(DEFINITION, COUNCIL, moment, part_of_office(DEFINITION, COUNCIL, 1))
    assert found["office"] == {
        "id": "council",
        "name": {"id": "Dewan", "en": "Council"},
        "contests": ["council-a", "council-b", "council-c"],
    }
    assert found["tally"]["counted"]["votes"] == {"P1": 5, "P2": 9}
    assert found["shares"]["votes"] == {"P1": "35.71 %", "P2": "64.29 %"}
    assert [(each["contest"], each["area"]) for each in found["contests"]] == [
        ("council-a", "1.1"),
        ("council-b", "N"),
        ("council-c", "2"),
    ]
    assert (found["part"], found["parts"], found["as_of"]) == (1, 1, {})


def _area(code: str) -> dict[str, Any]:
    area = DEFINITION.tree.number[code]
    moment = Moment({}, {}, {}, {("council", code): tally(numbers(1, 5, 9), *[numbers(0, 0, 0)] * 2)})
    part = part_of_area(DEFINITION, area, DEFINITION.ballots.offices, 1)
    return area_answer(DEFINITION, area, DEFINITION.ballots.offices, moment, part)


def test_an_area_has_its_own_tallies_and_those_of_the_areas_in_it() -> None:
    found = _area("1.1")
    assert found["area"] == {"code": "1.1", "name": "District 1.1", "level": "district", "parent": "1"}
    assert [each["code"] for each in found["lineage"]] == ["1", "N"]
    assert found["lineage"][-1]["parent"] is None
    assert [each["code"] for each in found["children"]] == ["1.1.1", "1.1.2"]
    of_president, of_council = found["offices"]
    assert (of_president["office"], of_council["office"]) == ("president", "council")
    assert [(each["contest"], each["area"]) for each in of_council["contests"]] == [("council-a", "1.1")]
    assert [(each["contest"], each["area"]) for each in of_council["children"]] == [
        ("council-a", "1.1.1"),
        ("council-a", "1.1.2"),
    ]
    assert of_council["tally"]["counted"]["votes"] == {"P1": 5, "P2": 9}, "at the shard level"
    assert (found["part"], found["parts"]) == (1, 1)


def test_below_the_shard_level_no_sum_over_an_offices_contests_is_kept() -> None:
    assert [each["tally"] for each in _area("1.1.1")["offices"]] == [None, None]


def test_an_office_that_an_area_does_not_vote_in_is_left_out() -> None:
    part = Part(1, 1, [])
    area = DEFINITION.tree.number["1.1"]
    only_b = COUNCIL.__class__(1, COUNCIL.id, COUNCIL.office, (contest("council-b").number,), COUNCIL.lines)
    assert [
        each["office"] for each in area_answer(DEFINITION, area, [PRESIDENT, only_b], NOTHING, part)["offices"]
    ] == ["president"]


# ── stations ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def row(offset: int, size: int = 10, **more: Any) -> dict[str, Any]:
    return {
        "partition": 2,
        "offset": offset,
        "event": "ab",
        "leaf": b"\x01",
        "type": "result.reported",
        "key": "cd",
        "contest": "president",
        "version": 1,
        "received_us": 1_500_000,
        "state": "counted",
        "findings": "[]",
        "payload": '{"seq":1}',
        "bytes": size,
        **more,
    }


def test_a_station_has_its_standings_and_its_history() -> None:
    station = DEFINITION.stations.number["2.1.1-1"]
    contribution = numbers(1, 10, 20, 30)
    standings: Mapping[str, Mapping[str, Any]] = {
        "president": {"state": "counted", "offset": 4, "event": "ab", "version": 2, "contribution": contribution}
    }
    history = HistoryPage([row(4), row(5, payload=None, leaf=None, received_us=0)], RecordPosition(5, 2))
    moment = Moment({}, {("president", 1): 7}, {}, {})
    found = orjson.loads(orjson.dumps(station_answer(DEFINITION, station, standings, history, moment)))
    assert found["station"] == {
        "code": "2.1.1-1",
        "name": "TPS 1",
        "area": "2.1.1",
        "registered_voters": 201,
        "partition": DEFINITION.stations.partition(station),
    }
    assert [each["code"] for each in found["lineage"]] == ["2.1.1", "2.1", "2", "N"]
    assert found["shard_as_of"] == {"president": {"1": 7}, "council": {}}
    assert [(each["contest"], each["state"]) for each in found["contests"]] == [
        ("president", "counted"),
        ("council-b", "waiting"),
    ]
    assert found["history"][0] == {
        "partition": 2,
        "offset": 4,
        "event": "ab",
        "leaf_hash": "01",
        "type": "result.reported",
        "key": "cd",
        "contest": "president",
        "version": 1,
        "received_at": "1970-01-01T00:00:01.500Z",
        "state": "counted",
        "findings": [],
        "payload": {"seq": 1},
        "links": event_links(2, 4),
    }
    assert [found["history"][1][name] for name in ("payload", "leaf_hash", "received_at")] == [None] * 3
    assert found["next"] == "2/5"
    last = station_answer(DEFINITION, station, {}, HistoryPage([], None), moment)
    assert (last["next"], last["history"]) == (None, [])


def test_a_standing_has_the_numbers_of_its_form() -> None:
    nothing = dict.fromkeys(("offset", "event", "version", "numbers"))
    of = contest("president")
    assert published_standing(of, None) == {"contest": "president", "state": "waiting", **nothing}
    annulled = {"state": "annulled", "offset": None, "event": None, "version": None, "contribution": None}
    assert published_standing(of, annulled) == {"contest": "president", "state": "annulled", **nothing}
    counted = {"state": "counted", "offset": 4, "event": "ab", "version": 2, "contribution": numbers(1, 1, 2, 3)}
    assert published_standing(of, counted) == {
        "contest": "president",
        "state": "counted",
        "offset": 4,
        "event": "ab",
        "version": 2,
        "numbers": published_contribution(of, numbers(1, 1, 2, 3)),
    }


@pytest.mark.parametrize(
    ("sizes", "limit", "shown", "follows"),
    [
        ((), 2, [], None),
        ((10, 10), 2, [0, 1], None),
        ((10, 10, 10), 2, [0, 1], RecordPosition(1, 2)),
        ((HISTORY_BYTES_MAX - 1, 10, 10), 9, [0, 1], RecordPosition(1, 2)),
        ((HISTORY_BYTES_MAX, 10, 10), 9, [0], RecordPosition(0, 2)),
        ((HISTORY_BYTES_MAX,), 9, [0], None),
    ],
)
def test_a_page_of_a_history_ends_at_its_limit_or_when_it_is_full(
    sizes: tuple[int, ...], limit: int, shown: list[int], follows: RecordPosition | None
) -> None:
    page = history_page([row(offset, size) for offset, size in enumerate(sizes)], limit)
    assert [each["offset"] for each in page.rows] == shown
    assert page.next == follows


def test_a_history_begins_before_every_record() -> None:
    assert RecordPosition(0, 0) > BEFORE_ALL


# ── pages of stations ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_page_of_stations_names_its_last_station_only_where_more_follow() -> None:
    row = {"station": "1.1.1-1", "state": "held", "offset": 7, "event": "e", "version": 2, "contribution": None}
    moment = Moment({}, {("president", 1): 7}, {}, {})
    line = {"station": "1.1.1-1"} | published_standing(contest("president"), row)
    assert stations_answer(DEFINITION, 0, contest("president"), [row], has_more=True, moment=moment) == {
        "area": "N",
        "contest": "president",
        "shard_as_of": {"1": 7},
        "stations": [line],
        "next": "1.1.1-1",
    }
    last = stations_answer(DEFINITION, 0, contest("president"), [row], has_more=False, moment=moment)
    none = stations_answer(DEFINITION, 0, contest("president"), [], has_more=False, moment=moment)
    assert (last["next"], none["stations"], none["next"]) == (None, [], None)


# ── the election ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_election_is_described_with_its_levels_and_offices_each_with_its_cut() -> None:
    moment = Moment({"president": (4, -1, 0)}, {}, {}, {})
    assert election_answer(DEFINITION, moment) == {
        "title": {"id": "Pemilu kecil", "en": "Small election"},
        "date": "2029-02-14",
        "time_zone": "Asia/Jakarta",
        "licence": "CC0-1.0",
        "source": DEFINITION.election.source,
        "root": "N",
        "levels": [
            {"id": level, "name": {"id": level, "en": level}}
            for level in ("nation", "province", "district", "village", "station")
        ],
        "shard_level": "district",
        "partitions": 3,
        "areas": 15,
        "stations": 16,
        "offices": [
            {"id": "president", "name": {"id": "Presiden", "en": "President"}, "contests": ["president"]},
            {
                "id": "council",
                "name": {"id": "Dewan", "en": "Council"},
                "contests": ["council-a", "council-b", "council-c"],
            },
        ],
        "as_of": {"president": {"0": 4, "2": 0}, "council": {}},
    }


def test_a_contest_with_a_name_has_it() -> None:
    package = small_package()
    named = package.contests[0].model_copy(update={"name": LocalText(id="Presiden", en="President of all")})
    definition = Definition.of(replace(package, contests=(named, *package.contests[1:])))
    found = contest_answer(definition, contest("president", definition), NOTHING)
    assert found["name"] == {"id": "Presiden", "en": "President of all"}


def test_the_offices_of_an_area_have_their_shares_and_both_cuts() -> None:
    area = DEFINITION.tree.number["1.1"]
    votes = tally(numbers(1, 1, 2, 1, 0), *[numbers(0, 0, 0, 0, 0)] * 2)
    moment = Moment({"council": (5, -1, -1)}, {("council", 1): 7}, {("council-a", "1.1"): votes}, {})
    part = part_of_area(DEFINITION, area, DEFINITION.ballots.offices, 1)
    of_president, of_council = area_answer(DEFINITION, area, DEFINITION.ballots.offices, moment, part)["offices"]
    assert (of_president["as_of"], of_president["shard_as_of"]) == ({}, {})
    assert (of_council["as_of"], of_council["shard_as_of"]) == ({"0": 5}, {"1": 7})
    assert list(of_council["shares"]) == ["council-a"]
    assert of_council["shares"]["council-a"]["votes"] == {
        "P1-0": "25.00 %",
        "P1-1": "50.00 %",
        "P2-0": "25.00 %",
        "P2-1": "0.00 %",
    }


def test_an_area_names_the_area_it_lies_in_also_where_that_is_the_first_of_the_package() -> None:
    assert DEFINITION.tree.codes[0] == "N"
    number = DEFINITION.tree.number
    assert [area_name(DEFINITION, number[code])["parent"] for code in ("N", "1", "1.2.1")] == [None, "N", "1.2"]
