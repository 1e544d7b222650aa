"""Results of the stations of an election at random, as the read model has them, and their sums by another way."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from consumers.exporter.cut import CopiedCut
from projections.area.tally import HEAD, STATABLE
from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.tables.standings import StationStanding

TIERS = ("counted", "flagged", "held")


def made_standings(definition: Definition, contest: ContestEntry, seed: int) -> list[StationStanding]:
    """A result for most of the contest's stations, in the order of their ranks; some do not state some numbers."""
    chance = random.Random(f"{seed} {contest.id}")
    made = []
    for station, rank in enumerate(definition.stations.order.rank):
        if contest.number not in definition.electorates.contests_of_station(station) or chance.random() < 0.2:
            continue
        state = chance.choice((*TIERS, "annulled", "waiting"))
        not_stated = [int(chance.random() < 0.3) for _ in STATABLE]
        known = [chance.randrange(2**40) for _ in STATABLE]
        known = [0 if missing else number for number, missing in zip(known, not_stated, strict=True)]
        numbers = [1, known[0], known[1], chance.randrange(1000), *known[2:], *not_stated]
        numbers += [chance.randrange(2**33) for _ in contest.choices]
        partition = definition.stations.partition(station)
        form = numbers, partition, station + 7, chance.randrange(1, 9), chance.randrange(2**50), f"{rank:064x}", False
        nothing = None, partition, None, None, None, None, False
        made.append(StationStanding(contest.id, rank, state, *(form if state in TIERS else nothing)))
    return sorted(made, key=lambda standing: standing.rank)


def summed(definition: Definition, contest: ContestEntry, standings: list[StationStanding]) -> dict[int, list[int]]:
    """The tally of each area, added up station by station."""
    third = HEAD + len(contest.choices)
    tallies: dict[int, list[int]] = {}
    stations = {rank: station for station, rank in enumerate(definition.stations.order.rank)}
    for standing in standings:
        for area in definition.tree.lineage[definition.stations.area[stations[standing.rank]]]:
            tally = tallies.setdefault(area, [0] * (3 * third + 1))
            for index, number in enumerate(standing.contribution or ()):
                tally[TIERS.index(standing.state) * third + index] += number
            tally[-1] += standing.state == "annulled"
    return tallies


def copied(standings: list[StationStanding]) -> Iterator[bytes]:
    """The lines that COPY writes of them."""
    for each in standings:
        contribution = None if each.contribution is None else str(each.contribution).replace(" ", "")
        history = "t" if each.has_history else "f"
        values = each.contest, each.rank, each.state, contribution, *each[4:-1], history
        yield "\t".join("\\N" if value is None else str(value) for value in values).encode() + b"\n"


def made_cut(definition: Definition, directory: Path) -> CopiedCut:
    """A cut in a new directory, in which stations are counted, flagged, held, annulled and waiting."""
    directory.mkdir()
    for office in definition.ballots.offices:
        contests = (definition.ballots.contests[number] for number in office.contests)
        lines = (line for contest in contests for line in copied(made_standings(definition, contest, 5)))
        (directory / f"standings-{office.number}").write_bytes(b"".join(lines))
        (directory / f"histories-{office.number}").touch()
    return CopiedCut(datetime(2029, 2, 14, 13, 0, tzinfo=UTC), {("president", 0): 7}, directory)
