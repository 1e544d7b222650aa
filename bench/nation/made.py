"""The made-up general election that bench/national.py counts: made and signed once, kept outside the repository.

In     a number of stations (Indonesia: 823,000), who of them reports, and a seed
Does   makes the rehearsal election of rekap/elections/demo.py with five offices: president, DPR, DPD, and two DPRD levels
       (the provincial ones in the districts of the DPR, the others a regency each). 18 parties, with their candidates: as
       many of each party as the district has seats, 3 to 10 for the DPR, 12 for a DPRD, so a form has up to 234 rows; or
       without them. A form for each station that reports and each office, in a random order, of which 2 of 100 do not add
       up (they are held) and 1 of 100 is corrected later; each signed as the station's own software would
Out    as bench/made_ledger.py: `election/`, `<partition>.records`, `made.json`; and `later.records`, corrections that
       are not in the ledger yet, one envelope a line

The sums are made here from the votes themselves, by code that shares nothing with the folds.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from made_ledger import CREATED_AT, MadeElection, filled_form, key_of

from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from proofs.signatures import sign_envelope
from rekap.elections.demo import demo_package, key_slots
from rekap.elections.demo_contests import DPR, PRESIDENT, WATERMARK
from rekap.elections.indonesia.tree import read_tree
from rekap.station.signing import Signed, Signer
from runtime.package.writing import write_package
from schemas.canonical import sha256_hex
from schemas.codes import EventId
from schemas.definition.package import Choice, ChoiceKind, Contest, ElectionPackage, Method, Office, Party, Role
from schemas.definition.rows import LocalText
from schemas.ledger.envelope import ledger_record

DPD, PROVINCIAL, REGIONAL = "dpd", "dprd-provinsi", "dprd-kabupaten-kota"
PARTITIONS = 12
PARTIES = 18
SENATORS = 12
"""Candidates of a province for the DPD."""
BROKEN_PERCENT = 2
CORRECTED_PERCENT = 1
LATER = 120_000
"""Corrections for the time after the count."""
CANDIDATES_OF_COUNCIL = 12
"""Candidates of a party for a DPRD, whose districts have up to 12 seats (UU 7/2017 Art 188, 191), and parties as many."""
LAYOUT = 3
"""Part of the directory's name: raise it when what is written here changes."""
NUMBERS_OF_PARTITION = 10_000_000
"""A key's events are numbered by partition, each from its own number on: so partitions can be made side by side."""


@dataclass(frozen=True, slots=True)
class MadeNation(MadeElection):
    votes: dict[str, list[int]]
    """By contest what its choices have when all is counted."""
    stations: dict[str, tuple[int, int]]
    """By contest how many stations are counted, and how many are held."""

    def later(self) -> list[bytes]:
        """Envelopes of corrections that no ledger has yet."""
        return (self.directory / "later.records").read_bytes().splitlines()


class Kind(NamedTuple):
    """Which nation."""

    stations: int
    seed: int
    candidates: bool
    """Whether legislative forms have a row for each candidate."""
    one_of_village: bool
    """Whether one station of each village reports, and not all: every area then has its tallies, with a tenth of the forms."""

    @property
    def name(self) -> str:
        size = "" if self.candidates else "-parties"
        return f"{self.stations}{size}{'-villages' if self.one_of_village else ''}-{self.seed}"


def made_nation(cache: Path, kind: Kind) -> MadeNation:
    """From the cache, or made and signed now, which takes both cores half an hour for the whole nation with candidates."""
    directory = cache / f"nation-{LAYOUT}-{kind.name}"
    made = directory / "made.json"
    if not made.exists():
        directory.mkdir(parents=True, exist_ok=True)
        made.write_bytes(orjson.dumps(_make(directory, kind)))
    return MadeNation(directory, **orjson.loads(made.read_bytes()))


# ── the election ─────────────────────────────────────────────────────────────────────────────────────────────────────


def national_package(kind: Kind) -> ElectionPackage:
    base = demo_package(
        stations=kind.stations,
        seed=kind.seed,
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
        election=base.election.model_copy(update={"id": f"nasional-{kind.name}"}),
        offices=(
            *base.offices,
            Office(id=DPD, name=LocalText(id="Dewan Perwakilan Daerah", en="Senate")),
            Office(id=PROVINCIAL, name=LocalText(id="DPRD Provinsi", en="Provincial councils")),
            Office(id=REGIONAL, name=LocalText(id="DPRD Kabupaten/Kota", en="Regional councils")),
        ),
        contests=tuple(contests),
        parties=parties,
        choices=tuple(choice for contest in contests for choice in _choices(contest, base, parties, kind)),
    )


def _choices(contest: Contest, base: ElectionPackage, parties: tuple[Party, ...], kind: Kind) -> Iterator[Choice]:
    if contest.office == PRESIDENT:
        yield from (choice for choice in base.choices if choice.contest == contest.id)
    elif contest.office == DPD:
        for n in range(1, SENATORS + 1):
            yield Choice(contest=contest.id, id=f"{n:02}", name=f"{WATERMARK} Calon {n}", order=n)
    else:
        assert contest.seats is not None
        candidates = (contest.seats if contest.office == DPR else CANDIDATES_OF_COUNCIL) if kind.candidates else 0
        for n, party in enumerate(parties):
            first = 1 + n * (1 + candidates)
            party_row = ChoiceKind.PARTY
            yield Choice(contest=contest.id, id=party.id, name=party.name, kind=party_row, party=party.id, order=first)
            for number in range(1, candidates + 1):
                name = f"{WATERMARK} Calon {number} {party.id}"
                row = f"{party.id}.{number:02}"
                yield Choice(contest=contest.id, id=row, name=name, party=party.id, order=first + number)


# ── the night ────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Sums(NamedTuple):
    results: int
    votes: dict[str, list[int]]
    stations: dict[str, tuple[int, int]]
    later: list[bytes]


_package: ElectionPackage
_definition: Definition


def _make(directory: Path, kind: Kind) -> dict[str, Any]:
    global _package, _definition
    began = time.monotonic()
    _package = national_package(kind)
    write_package(_package, directory / "election")
    _definition = Definition.of(_package)
    print(f"made an election of {kind.stations:,} stations in {time.monotonic() - began:.0f} s; signing …", flush=True)
    votes: dict[str, list[int]] = {contest.id: [0] * len(contest.choices) for contest in _definition.ballots.contests}
    counts: dict[str, tuple[int, int]] = {contest.id: (0, 0) for contest in _definition.ballots.contests}
    results = 0
    later: list[bytes] = []
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        tasks = [(directory, partition, kind) for partition in range(PARTITIONS)]
        for done, sums in enumerate(pool.imap_unordered(_make_partition, tasks), start=1):
            results += sums.results
            later += sums.later
            for contest, partial in sums.votes.items():
                votes[contest] = [a + b for a, b in zip(votes[contest], partial, strict=True)]
            for contest, (counted, held) in sums.stations.items():
                counts[contest] = (counts[contest][0] + counted, counts[contest][1] + held)
            took = time.monotonic() - began
            print(f"  {done} of {PARTITIONS} partitions, {results:,} results, {took:.0f} s", flush=True)
    random.Random(kind.seed).shuffle(later)
    (directory / "later.records").write_bytes(b"\n".join(later))
    return {"results": results, "votes": votes, "stations": counts, "definition": _definition.hash}


class _Reported(NamedTuple):
    """The newest form of a station in a contest."""

    event: str
    broken: bool
    votes: tuple[int, ...] | None
    """In the order of the ballot; None where no correction follows, because a nation of these fills the memory."""


def _make_partition(task: tuple[Path, int, Kind]) -> _Sums:
    directory, partition, kind = task
    definition, chance = _definition, random.Random(f"{kind.seed}/{partition}")
    signers = _signers(partition)
    order = _order(partition, chance, kind)
    corrected = {(station, contest) for _, station, contest, version in order if version > 1}
    newest: dict[tuple[int, int], _Reported] = {}
    votes: dict[str, list[int]] = {}
    with (directory / f"{partition}.records").open("wb") as output:
        for _, station, contest, version in order:
            broken = version == 1 and chance.random() * 100 < BROKEN_PERCENT
            entry, before = definition.ballots.contests[contest], newest.get((station, contest))
            body, form = _body(station, entry, version, before, chance, broken=broken)
            signed = _signer(signers, station).sign(body)
            counts = tuple(form["votes"][choice] for choice in entry.choices)
            sums = votes.get(entry.id, [0] * len(entry.choices))
            if before is not None and not before.broken:
                assert before.votes is not None, "a correction comes for a form whose votes were not kept"
                sums = [total - count for total, count in zip(sums, before.votes, strict=True)]
            if not broken:
                sums = [total + count for total, count in zip(sums, counts, strict=True)]
            votes[entry.id] = sums
            is_corrected_later = version == 1 and (station, contest) in corrected
            newest[station, contest] = _Reported(signed.event_id, broken, counts if is_corrected_later else None)
            key = definition.stations.shard_code(station).encode()
            output.write(b"%b\t%b\n" % (key, ledger_record(signed.envelope, "bench", CREATED_AT)))
    stations: dict[str, tuple[int, int]] = {}
    for (_, contest), form_ in newest.items():
        entry = definition.ballots.contests[contest]
        counted, held = stations.get(entry.id, (0, 0))
        stations[entry.id] = (counted + (not form_.broken), held + form_.broken)
    later = []
    for station, contest in chance.sample(sorted(newest), min(LATER // PARTITIONS, len(newest))):
        body, _ = _body(
            station, definition.ballots.contests[contest], 3, newest[station, contest], chance, broken=False
        )
        later.append(_signer(signers, station).sign(body).envelope)
    return _Sums(len(order), votes, stations, later)


def _order(partition: int, chance: random.Random, kind: Kind) -> list[tuple[float, int, int, int]]:
    """(moment, station, contest, version) in the order in which they report."""
    definition = _definition
    every = range(len(definition.stations.codes))
    stations: Iterable[int] = every
    if kind.one_of_village:
        stations = dict(zip(reversed(definition.stations.area), reversed(every), strict=True)).values()
    first = [
        (chance.random(), station, contest, 1)
        for station in stations
        if definition.stations.partition(station) == partition
        for contest in definition.electorates.contests_of_station(station)
    ]
    corrected = chance.sample(first, len(first) * CORRECTED_PERCENT // 100)
    return sorted(first + [(chance.uniform(moment, 1.0), s, c, 2) for moment, s, c, _ in corrected])


def _body(
    station: int, contest: ContestEntry, version: int, before: _Reported | None, chance: random.Random, *, broken: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    form = filled_form(_package.stations[station], contest.choices, chance)
    if broken:
        form["VA"] += 1
    body = {
        "type": "result.reported",
        "station": _definition.stations.codes[station],
        "contest": contest.id,
        "version": version,
        "form": form,
        "created_at": CREATED_AT,
    }
    if before is not None:
        body |= {"supersedes": before.event, "reason": "TYPING"}
    return body, form


class _QuickSigner(Signer):
    """Signs forms that are known to fit: the refusal of numbers that JSON readers lose took a third of the time."""

    def sign(self, body: Mapping[str, Any]) -> Signed:
        event = {**body, **self._frame, "seq": self.next_seq, "prev": self.prev}
        payload = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
        event_id = EventId(sha256_hex(payload))
        self.continue_from(self.next_seq + 1, event_id)
        return Signed(event_id, sign_envelope(self._private_key, payload))


def _signers(partition: int) -> dict[str, Signer]:
    election = _definition.election
    return {
        slot.scope: _QuickSigner(
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
    lineage = _definition.tree.lineage[_definition.stations.area[station]]
    return next(signers[code] for code in (_definition.tree.codes[area] for area in lineage) if code in signers)
