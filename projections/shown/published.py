"""Numbers as readers get them, by name: in the REST snapshots, the live feed and a replay.

Pure functions of what has been counted and the definition, so that the same count is the same JSON in each of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from projections.area.tally import empty_tally
from projections.definition.ballots import ContestEntry, OfficeEntry
from projections.definition.compiled import Definition
from projections.shown.answer_parts import HistoryPage, Line, Part, RecordPosition
from projections.shown.shares import shares_of
from projections.shown.tallies import published_contribution, published_office, published_tally
from projections.station.submissions import ResultState
from schemas.codes import NOTHING_YET
from schemas.derived.results import Cut, offsets_by_partition
from schemas.times import text_of_microseconds


class Moment(NamedTuple):
    """What has been counted at one moment. An area without a tally here has an empty one."""

    results: Mapping[str, Cut]
    """Office → the cut of its areas from the shard level up."""
    blocks: Mapping[tuple[str, int], int]
    """(office, ledger partition) → the last offset in its stations and areas below."""
    tallies: Mapping[tuple[str, str], Sequence[int]]
    """(contest, area) →"""
    office_tallies: Mapping[tuple[str, str], Sequence[int]]
    """(office, area) →"""

    def tally(self, contest: ContestEntry, area: str) -> Sequence[int]:
        return self.tallies.get((contest.id, area)) or empty_tally(len(contest.choices))

    def office_tally(self, office: OfficeEntry, area: str) -> Sequence[int]:
        return self.office_tallies.get((office.id, area)) or empty_tally(len(office.lines))


# ── whole answers ────────────────────────────────────────────────────────────────────────────────────────────────────


def answer_bytes(definition: Definition, answer: dict[str, Any]) -> bytes:
    """The answer as it is sent, under the name of its election and with its licence."""
    election = definition.election
    head = {
        "election": election.id,
        "mode": election.mode.value,
        "definition": definition.hash,
        "licence": election.licence,
    }
    return orjson.dumps(head | answer)


def election_answer(definition: Definition, moment: Moment) -> dict[str, Any]:
    """The election, its levels and offices, each office with its cut."""
    about = definition.election
    return {
        "title": about.title.root,
        "date": about.date.isoformat(),
        "time_zone": about.time_zone,
        "licence": about.licence,
        "source": about.source,
        "root": definition.tree.codes[definition.tree.root],
        "levels": [{"id": each.id, "name": each.name.root} for each in about.levels],
        "shard_level": about.shard_level,
        "partitions": about.partitions,
        "areas": len(definition.tree.codes),
        "stations": len(definition.stations.codes),
        "offices": [office_name(definition, office) for office in definition.ballots.offices],
        "as_of": {office.id: as_of(moment, office) for office in definition.ballots.offices},
    }


def office_answer(definition: Definition, office: OfficeEntry, moment: Moment, part: Part) -> dict[str, Any]:
    """An office, and of its contests those of this part, each at the area that holds its electorate."""
    root = definition.tree.codes[definition.tree.root]
    tally = published_office(office, definition.tree.root, moment.office_tally(office, root), definition)
    return {
        "office": office_name(definition, office),
        "as_of": as_of(moment, office),
        "tally": tally,
        "shares": shares_of(tally),
        "contests": _tallies_of(definition, part.lines, moment),
        "part": part.number,
        "parts": part.of,
    }


def contest_answer(definition: Definition, contest: ContestEntry, moment: Moment) -> dict[str, Any]:
    about = contest.contest
    tally = _whole(definition, contest, moment)
    return {
        "contest": contest.id,
        "office": about.office,
        "electorate": about.electorate,
        "name": None if about.name is None else about.name.root,
        "seats": about.seats,
        "votes_per_ballot": about.votes_per_ballot,
        "method": about.method.value,
        "blank_ballots": definition.ballots.offices[contest.office_number].office.blank_ballots.value,
        "choices": [
            {"id": choice.id, "name": choice.name, "kind": choice.kind.value, "party": choice.party}
            for choice in contest.ballot
        ],
        "links": {"candidates": f"/v1/candidates?contest={contest.id}"},
        "as_of": as_of(moment, definition.ballots.offices[contest.office_number]),
        "tally": tally,
        "shares": shares_of(tally),
    }


def area_answer(
    definition: Definition, area: int, offices: Iterable[OfficeEntry], moment: Moment, part: Part
) -> dict[str, Any]:
    """An area and those directly in it: for each office its own tallies and theirs, contest by contest, of this part."""
    code = definition.tree.codes[area]
    above = definition.tree.level[area] <= definition.tree.shard_level
    at_area = set(definition.electorates.contests_in(area))
    own: dict[int, list[Line]] = {}
    of_children: dict[int, list[Line]] = {}
    for line in part.lines:
        if line.contest is not None:
            lines = own if line.area == area else of_children
            lines.setdefault(definition.ballots.contests[line.contest].office_number, []).append(line)
    return {
        "area": area_name(definition, area),
        "lineage": [area_name(definition, each) for each in definition.tree.lineage[area][1:]],
        "children": [area_name(definition, line.area) for line in part.lines if line.contest is None],
        "offices": [
            {
                "office": office.id,
                "as_of": as_of(moment, office),
                "shard_as_of": shard_as_of(definition, moment, office),
                "tally": published_office(office, area, moment.office_tally(office, code), definition)
                if above
                else None,
                "contests": contests,
                "shares": {tally["contest"]: shares_of(tally) for tally in contests},
                "children": _tallies_of(definition, of_children.get(office.number, ()), moment),
            }
            for office in offices
            if not at_area.isdisjoint(office.contests)
            for contests in (_tallies_of(definition, own.get(office.number, ()), moment),)
        ],
        "part": part.number,
        "parts": part.of,
    }


def station_answer(
    definition: Definition,
    station: int,
    standings: Mapping[str, Mapping[str, Any]],
    history: HistoryPage,
    moment: Moment,
) -> dict[str, Any]:
    """The result of a station in each of its contests, and a page of the records about it in the ledger's order.

    The oldest come first, so that a full page stays the same while records are added, and a reader of page after page misses
    none. `standings` has by contest a row of the table `station_result`.
    """
    area = definition.stations.area[station]
    contests = [
        definition.ballots.contests[number] for number in sorted(definition.electorates.contests_of_station(station))
    ]
    return {
        "station": {
            "code": definition.stations.codes[station],
            "name": definition.stations.names[station],
            "area": definition.tree.codes[area],
            "registered_voters": definition.stations.registered[station],
            "partition": definition.stations.partition(station),
        },
        "lineage": [area_name(definition, each) for each in definition.tree.lineage[area]],
        "shard_as_of": {office.id: shard_as_of(definition, moment, office) for office in definition.ballots.offices},
        "contests": [published_standing(contest, standings.get(contest.id)) for contest in contests],
        "history": [
            {
                "partition": row["partition"],
                "offset": row["offset"],
                "event": row["event"],
                "leaf_hash": published_leaf(row["leaf"]),
                "type": row["type"],
                "key": row["key"],
                "contest": row["contest"],
                "version": row["version"],
                "received_at": published_time(row["received_us"]),
                "state": row["state"],
                "findings": orjson.Fragment(row["findings"]),
                "payload": None if row["payload"] is None else orjson.Fragment(row["payload"]),
                "links": event_links(row["partition"], row["offset"]),
            }
            for row in history.rows
        ],
        "next": None if history.next is None else position_text(history.next),
    }


def stations_answer(
    definition: Definition,
    area: int,
    contest: ContestEntry,
    rows: Sequence[Mapping[str, Any]],
    *,
    has_more: bool,
    moment: Moment,
) -> dict[str, Any]:
    """A page of the stations of an area that have a record. `rows` are of the table `station_result`, with their records."""
    return {
        "area": definition.tree.codes[area],
        "contest": contest.id,
        "shard_as_of": shard_as_of(definition, moment, definition.ballots.offices[contest.office_number]),
        "stations": [{"station": row["station"], **published_standing(contest, row)} for row in rows],
        "next": rows[-1]["station"] if has_more else None,
    }


# ── names and cuts ───────────────────────────────────────────────────────────────────────────────────────────────────


def area_name(definition: Definition, area: int) -> dict[str, Any]:
    parent = definition.tree.parent[area]
    return {
        "code": definition.tree.codes[area],
        "name": definition.tree.names[area],
        "level": definition.tree.level_ids[definition.tree.level[area]],
        "parent": definition.tree.codes[parent] if parent >= 0 else None,
    }


def office_name(definition: Definition, office: OfficeEntry) -> dict[str, Any]:
    return {
        "id": office.id,
        "name": office.office.name.root,
        "contests": [definition.ballots.contests[number].id for number in office.contests],
    }


def as_of(moment: Moment, office: OfficeEntry) -> dict[str, int]:
    return offsets_by_partition(moment.results.get(office.id, ()))


def shard_as_of(definition: Definition, moment: Moment, office: OfficeEntry) -> dict[str, int]:
    return offsets_by_partition(
        [moment.blocks.get((office.id, partition), int(NOTHING_YET)) for partition in range(definition.partitions)]
    )


# ── pieces ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def position_text(position: RecordPosition) -> str:
    """A record as the URLs of events name it: partition/offset."""
    return f"{position.partition}/{position.offset}"


def event_links(partition: int, offset: int) -> dict[str, str]:
    """URLs of the whole event, of its bytes in the log, and of the proof that they are in the log."""
    record = f"{partition}/{offset}"
    return {"event": f"/v1/events/{record}", "entry": f"/v1/events/{record}/entry", "proof": f"/v1/proof/{record}"}


def published_leaf(leaf: bytes | None) -> str | None:
    return None if leaf is None else leaf.hex()


def published_time(received_us: int | None) -> str | None:
    """None where there is no record, or where the record has no valid time (0)."""
    return text_of_microseconds(received_us) if received_us else None


def published_standing(contest: ContestEntry, row: Mapping[str, Any] | None) -> dict[str, Any]:
    """The result of a station in a contest; `row` None where nothing was submitted."""
    contribution = None if row is None else row["contribution"]
    return {
        "contest": contest.id,
        "state": ResultState.WAITING.value if row is None else row["state"],
        "offset": None if row is None else row["offset"],
        "event": None if row is None else row["event"],
        "version": None if row is None else row["version"],
        "numbers": None if contribution is None else published_contribution(contest, contribution),
    }


def tallies_in(
    definition: Definition, office: OfficeEntry, areas: Iterable[int], moment: Moment
) -> list[dict[str, Any]]:
    """The tallies of these areas in each contest of the office that is voted on there."""
    return [
        published_tally(contest, area, moment.tally(contest, definition.tree.codes[area]), definition)
        for area in areas
        for contest in (definition.ballots.contests[number] for number in office.contests)
        if (contest.number, area) in definition.electorates.denominators
    ]


def _tallies_of(definition: Definition, lines: Iterable[Line], moment: Moment) -> list[dict[str, Any]]:
    return [
        published_tally(contest, line.area, moment.tally(contest, definition.tree.codes[line.area]), definition)
        for line in lines
        if line.contest is not None
        for contest in (definition.ballots.contests[line.contest],)
    ]


def _whole(definition: Definition, contest: ContestEntry, moment: Moment) -> dict[str, Any]:
    area = contest.root_area
    return published_tally(contest, area, moment.tally(contest, definition.tree.codes[area]), definition)
