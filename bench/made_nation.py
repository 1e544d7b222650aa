"""The made-up general election that bench/national.py counts: made and signed once, kept outside the repository.

In     a number of stations (Indonesia: 823,000) and a seed
Does   makes the rehearsal election of rekap/demo_election.py with five offices: president, DPR, DPD, and two DPRD levels
       (the provincial ones in the districts of the DPR, the others a regency each), 18 parties without their candidates'
       rows; a form for each station and office in a random order, of which 2 of 100 do not add up (they are held) and 1
       of 100 is corrected later; each signed as the station's own software would
Out    as bench/made_ledger.py: `election/`, `<partition>.records`, `made.json`; and `later.records`, corrections that
       are not in the ledger yet, one envelope a line

The sums are made here from the votes themselves, by code that shares nothing with the folds.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from made_ledger import CREATED_AT, filled_form, key_of

from projections.definition import ContestEntry, Definition
from rekap.demo_election import DPR, PRESIDENT, WATERMARK, demo_package, key_slots
from rekap.indonesia.tree import read_tree
from rekap.signing import Signer
from runtime.package_files import write_package
from schemas.envelope import ledger_record
from schemas.package import Choice, ChoiceKind, Contest, ElectionPackage, LocalText, Method, Office, Party, Role

DPD, PROVINCIAL, REGIONAL = "dpd", "dprd-provinsi", "dprd-kabupaten-kota"
PARTITIONS = 12
PARTIES = 18
SENATORS = 12
"""Candidates of a province for the DPD."""
BROKEN_PERCENT = 2
CORRECTED_PERCENT = 1
LATER = 120_000
"""Corrections for the time after the count."""
LAYOUT = 1
"""Part of the directory's name: raise it when what is written here changes."""
NUMBERS_OF_PARTITION = 10_000_000
"""A key's events are numbered by partition, each from its own number on: so partitions can be made side by side."""


@dataclass(frozen=True, slots=True)
class MadeNation:
    directory: Path
    results: int
    """Events in the ledger besides the geneses."""
    votes: dict[str, list[int]]
    """By contest what its choices have when all is counted."""
    stations: dict[str, tuple[int, int]]
    """By contest how many stations are counted, and how many are held."""
    definition: str
    """Hash of the package that the events were signed for."""

    @property
    def package(self) -> Path:
        return self.directory / "election"

    def records(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """(Kafka key, value) of each record after the genesis, in offset order."""
        with (self.directory / f"{partition}.records").open("rb") as file:
            for line in file:
                key, _, value = line.rstrip(b"\n").partition(b"\t")
                yield key, value

    def later(self) -> list[bytes]:
        """Envelopes of corrections that no ledger has yet."""
        return (self.directory / "later.records").read_bytes().splitlines()


def made_nation(cache: Path, stations: int, seed: int) -> MadeNation:
    """From the cache, or made and signed now, which takes both cores some minutes for the whole nation."""
    directory = cache / f"nation-{LAYOUT}-{stations}-{seed}"
    made = directory / "made.json"
    if not made.exists():
        directory.mkdir(parents=True, exist_ok=True)
        made.write_bytes(orjson.dumps(_make(directory, stations, seed)))
    return MadeNation(directory, **orjson.loads(made.read_bytes()))


# ── the election ─────────────────────────────────────────────────────────────────────────────────────────────────────


def national_package(stations: int, seed: int) -> ElectionPackage:
    base = demo_package(
        stations=stations,
        seed=seed,
        partitions=PARTITIONS,
        public_keys={slot: key_of(slot).public_key().public_bytes_raw() for slot in key_slots()},
    )
    parties = tuple(Party(id=f"P{n:02}", name=f"{WATERMARK} Partai {n}", number=n) for n in range(1, PARTIES + 1))
    present = {area.code for area in base.areas}
    contests = [contest for contest in base.contests if contest.office in (PRESIDENT, DPR)]
    contests += [
        Contest(
            id=contest.id.replace(DPR, PROVINCIAL, 1),
            office=PROVINCIAL,
            electorate=contest.electorate,
            seats=8,
            method=Method.SAINTE_LAGUE,
        )
        for contest in base.contests
        if contest.office == DPR
    ]
    tree = read_tree()
    for area in tree.areas:
        if area.code in present and area.level == "province":
            contests.append(Contest(id=f"{DPD}-{area.code}", office=DPD, electorate=area.code, seats=4))
        elif area.code in present and area.level == "regency":
            contests.append(
                Contest(
                    id=f"{REGIONAL}-{area.code}",
                    office=REGIONAL,
                    electorate=area.code,
                    seats=30,
                    method=Method.SAINTE_LAGUE,
                )
            )
    return replace(
        base,
        election=base.election.model_copy(update={"id": f"nasional-{stations}-{seed}"}),
        offices=(
            *base.offices,
            Office(id=DPD, name=LocalText(id="Dewan Perwakilan Daerah", en="Senate")),
            Office(id=PROVINCIAL, name=LocalText(id="DPRD Provinsi", en="Provincial councils")),
            Office(id=REGIONAL, name=LocalText(id="DPRD Kabupaten/Kota", en="Regional councils")),
        ),
        contests=tuple(contests),
        parties=parties,
        choices=tuple(choice for contest in contests for choice in _choices(contest, base, parties)),
    )


def _choices(contest: Contest, base: ElectionPackage, parties: tuple[Party, ...]) -> Iterator[Choice]:
    if contest.office == PRESIDENT:
        yield from (choice for choice in base.choices if choice.contest == contest.id)
    elif contest.office == DPD:
        for n in range(1, SENATORS + 1):
            yield Choice(contest=contest.id, id=f"{n:02}", name=f"{WATERMARK} Calon {n}", order=n)
    else:
        for n, party in enumerate(parties, start=1):
            yield Choice(
                contest=contest.id, id=party.id, name=party.name, kind=ChoiceKind.PARTY, party=party.id, order=n
            )


# ── the night ────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Sums(NamedTuple):
    results: int
    votes: dict[str, list[int]]
    stations: dict[str, tuple[int, int]]
    later: list[bytes]


_package: ElectionPackage
_definition: Definition


def _make(directory: Path, stations: int, seed: int) -> dict[str, Any]:
    global _package, _definition
    began = time.monotonic()
    _package = national_package(stations, seed)
    write_package(_package, directory / "election")
    _definition = Definition(_package)
    print(f"made an election of {stations:,} stations in {time.monotonic() - began:.0f} s; signing …", flush=True)
    votes = {contest.id: [0] * len(contest.choices) for contest in _definition.contests}
    counts: dict[str, tuple[int, int]] = {contest.id: (0, 0) for contest in _definition.contests}
    results = 0
    later: list[bytes] = []
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        tasks = [(directory, partition, seed) for partition in range(PARTITIONS)]
        for done, sums in enumerate(pool.imap_unordered(_make_partition, tasks), start=1):
            results += sums.results
            later += sums.later
            for contest, partial in sums.votes.items():
                votes[contest] = [a + b for a, b in zip(votes[contest], partial, strict=True)]
            for contest, (counted, held) in sums.stations.items():
                counts[contest] = (counts[contest][0] + counted, counts[contest][1] + held)
            took = time.monotonic() - began
            print(f"  {done} of {PARTITIONS} partitions, {results:,} results, {took:.0f} s", flush=True)
    random.Random(seed).shuffle(later)
    (directory / "later.records").write_bytes(b"\n".join(later))
    return {"results": results, "votes": votes, "stations": counts, "definition": _definition.hash}


class _Said(NamedTuple):
    event: str
    votes: dict[str, int]
    broken: bool


def _make_partition(task: tuple[Path, int, int]) -> _Sums:
    directory, partition, seed = task
    definition, chance = _definition, random.Random(f"{seed}/{partition}")
    signers = _signers(partition)
    said: dict[tuple[int, int], _Said] = {}
    results = 0
    with (directory / f"{partition}.records").open("wb") as output:
        for _, station, contest, version in _order(partition, chance):
            broken = version == 1 and chance.random() * 100 < BROKEN_PERCENT
            entry = definition.contests[contest]
            body, form = _body(station, entry, version, said.get((station, contest)), chance, broken=broken)
            signed = _signer(signers, station).sign(body)
            said[station, contest] = _Said(signed.event_id, form["votes"], broken)
            key = definition.shard_code_of_station(station).encode()
            output.write(b"%b\t%b\n" % (key, ledger_record(signed.envelope, "bench", CREATED_AT)))
            results += 1
    votes: dict[str, list[int]] = {}
    stations: dict[str, tuple[int, int]] = {}
    for (_, contest), (_, its_votes, broken) in said.items():
        entry = definition.contests[contest]
        counted, held = stations.get(entry.id, (0, 0))
        stations[entry.id] = (counted + (not broken), held + broken)
        if not broken:
            sums = votes.setdefault(entry.id, [0] * len(entry.choices))
            for place, choice in enumerate(entry.choices):
                sums[place] += its_votes[choice]
    later = []
    for station, contest in chance.sample(sorted(said), min(LATER // PARTITIONS, len(said))):
        body, _ = _body(station, definition.contests[contest], 3, said[station, contest], chance, broken=False)
        later.append(_signer(signers, station).sign(body).envelope)
    return _Sums(results, votes, stations, later)


def _order(partition: int, chance: random.Random) -> list[tuple[float, int, int, int]]:
    """(moment, station, contest, version) in the order in which they report."""
    definition = _definition
    first = [
        (chance.random(), station, contest, 1)
        for station in range(len(definition.station_codes))
        if definition.partition_of_station(station) == partition
        for contest in definition.contests_of_station(station)
    ]
    corrected = chance.sample(first, len(first) * CORRECTED_PERCENT // 100)
    return sorted(first + [(chance.uniform(moment, 1.0), s, c, 2) for moment, s, c, _ in corrected])


def _body(
    station: int, contest: ContestEntry, version: int, before: _Said | None, chance: random.Random, *, broken: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    form = filled_form(_package.stations[station], contest.choices, chance)
    if broken:
        form["VA"] += 1
    body = {
        "type": "result.reported",
        "station": _definition.station_codes[station],
        "contest": contest.id,
        "version": version,
        "form": form,
        "created_at": CREATED_AT,
    }
    if before is not None:
        body |= {"supersedes": before.event, "reason": "TYPING"}
    return body, form


def _signers(partition: int) -> dict[str, Signer]:
    election = _definition.election
    return {
        slot.scope: Signer(
            key_of(slot),
            election=election.id,
            mode=election.mode.value,
            definition=_definition.hash,
            next_seq=partition * NUMBERS_OF_PARTITION,
        )
        for slot in key_slots()
        if slot.role is Role.STATION_OFFICER
    }


def _signer(signers: dict[str, Signer], station: int) -> Signer:
    lineage = _definition.lineage[_definition.station_area[station]]
    return next(signers[code] for code in (_definition.area_codes[area] for area in lineage) if code in signers)
