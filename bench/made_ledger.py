"""The made-up ledger that bench/count.py counts: signed once, kept in a cache, with the sum that a count must reach.

In     a number of results and a seed
Does   makes the rehearsal election of rekap/elections/demo.py with the presidential contest alone, a form for each
       station in a random order, a version 2 for some, and signs each as the station's own software would
Out    in one directory: `election/` (the package), `<partition>.records` (one ledger record a line, in offset order
       after the genesis, with its Kafka key), `made.json` (written last, so there whole or not at all)

The sum is made here from the votes themselves, by code that shares nothing with the folds. `fill_ledger` then writes the
records into the ledger topic.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson
from aiokafka import TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from projections.definition.compiled import Definition
from rekap.elections.demo import KeySlot, demo_package, key_slots
from rekap.elections.demo_contests import PRESIDENT
from rekap.operate.opening import open_with_key
from rekap.station.signing import Signer
from runtime.kafka.clients import ordered_producer, plain_consumer
from runtime.kafka.topics import LEDGER_BATCH_BYTES_MAX, topics_of
from runtime.package.writing import write_package
from runtime.settings import Settings
from schemas.definition.package import Role, Station
from schemas.derived.results import Cut
from schemas.ledger.envelope import ledger_record

CORRECTED_PERCENT = 3
"""Stations in a hundred that send a version 2."""
CREATED_AT = "2029-02-14T13:00:00Z"
LAYOUT = 3
"""Part of the directory's name: raise it when what is written here changes."""


@dataclass(frozen=True, slots=True)
class MadeElection:
    """An election package and the records of its ledger, in a directory."""

    directory: Path
    results: int
    """Events in the ledger besides the geneses."""
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


@dataclass(frozen=True, slots=True)
class MadeLedger(MadeElection):
    stations: int
    votes: dict[str, int]
    """What each choice has in the nation when all is counted."""


def made_ledger(cache: Path, results: int, seed: int) -> MadeLedger:
    """The ledger of these results, from the cache, or made and signed now, which takes 15 s for 200,000."""
    directory = cache / f"count-{LAYOUT}-{results}-{seed}"
    made = directory / "made.json"
    if not made.exists():
        directory.mkdir(parents=True, exist_ok=True)
        made.write_bytes(orjson.dumps(_make(directory, results, seed)))
    return MadeLedger(directory, **orjson.loads(made.read_bytes()))


class Records(Protocol):
    @property
    def results(self) -> int:
        """Events in the ledger besides the geneses."""

    def records(self, partition: int, /) -> Iterator[tuple[bytes, bytes]]:
        """(Kafka key, value) of each record after the genesis, in offset order."""


async def fill_ledger(settings: Settings, definition: Definition, made: Records) -> Cut:
    """Write the geneses and all records. Gives the offset of the last record of each partition."""
    await open_with_key(settings, definition, authority_key())
    topic = topics_of(definition.election).ledger
    producer = ordered_producer(settings, max_batch_size=LEDGER_BATCH_BYTES_MAX)
    await producer.start()
    sent = []
    try:
        for partition in range(definition.partitions):
            batch = producer.create_batch()
            for key, value in made.records(partition):
                if batch.append(key=key, value=value, timestamp=None) is None:
                    sent.append(await producer.send_batch(batch, topic, partition=partition))
                    batch = producer.create_batch()
                    batch.append(key=key, value=value, timestamp=None)
            sent.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
    consumer = plain_consumer(settings)
    await consumer.start()
    try:
        topic_partitions = [TopicPartition(topic, partition) for partition in range(definition.partitions)]
        ends: dict[TopicPartition, int] = await consumer.end_offsets(topic_partitions)
    finally:
        await consumer.stop()
    assert sum(ends.values()) == made.results + definition.partitions, f"the ledger was not empty, or lost some: {ends}"
    return tuple(ends[each] - 1 for each in topic_partitions)


def key_of(slot: KeySlot) -> Ed25519PrivateKey:
    """The same in every run, and no secret: for benches only."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"bench/{slot.role}/{slot.scope}".encode()).digest())


def authority_key() -> Ed25519PrivateKey:
    return next(key_of(slot) for slot in key_slots() if slot.role is Role.AUTHORITY)


def _make(directory: Path, results: int, seed: int) -> dict[str, Any]:
    stations = results * 100 // (100 + CORRECTED_PERCENT)
    slots = key_slots()
    package = demo_package(
        stations=stations,
        seed=seed,
        offices=(PRESIDENT,),
        public_keys={slot: key_of(slot).public_key().public_bytes_raw() for slot in slots},
    )
    write_package(package, directory / "election")
    definition = Definition.of(package)
    election = definition.election
    signers = {
        slot.scope: Signer(key_of(slot), election=election.id, mode=election.mode.value, definition=definition.hash)
        for slot in slots
        if slot.role is Role.STATION_OFFICER
    }
    chance = random.Random(seed)
    newest: dict[int, tuple[str, dict[str, int]]] = {}
    """By station the event id and the votes of its latest version."""
    with ExitStack() as files:
        outputs = [
            files.enter_context((directory / f"{partition}.records").open("wb"))
            for partition in range(definition.partitions)
        ]
        for station in _order(stations, results - stations, chance):
            form = filled_form(package.stations[station], definition.ballots.contests[0].choices, chance)
            body = {
                "type": "result.reported",
                "station": package.stations[station].code,
                "contest": PRESIDENT,
                "version": 1,
                "form": form,
                "created_at": CREATED_AT,
            }
            if station in newest:
                body |= {"version": 2, "supersedes": newest[station][0], "reason": "TYPING"}
            regency = next(
                definition.tree.codes[area]
                for area in definition.tree.lineage[definition.stations.area[station]]
                if definition.tree.codes[area] in signers
            )
            signed = signers[regency].sign(body)
            newest[station] = (signed.event_id, form["votes"])
            key = definition.stations.shard_code(station).encode()
            value = ledger_record(signed.envelope, "bench", CREATED_AT)
            outputs[definition.stations.partition(station)].write(b"%b\t%b\n" % (key, value))
    votes = {
        choice: sum(each[choice] for _, each in newest.values()) for choice in definition.ballots.contests[0].choices
    }
    return {"results": results, "stations": stations, "votes": votes, "definition": definition.hash}


def _order(stations: int, corrected: int, chance: random.Random) -> list[int]:
    """Stations in the order in which they report; `corrected` of them a second time, somewhere after the first."""
    moments = [(chance.random(), station) for station in range(stations)]
    again = [(chance.uniform(moment, 1.0), station) for moment, station in chance.sample(moments, corrected)]
    return [station for _, station in sorted(moments + again)]


def filled_form(station: Station, choices: tuple[str, ...], chance: random.Random) -> dict[str, Any]:
    """A full C.HASIL in which all sums fit."""
    registered = station.registered_voters
    assert registered is not None, "every station that is made up has a register"
    used, moved, added = registered * chance.randrange(70, 90) // 100, chance.randrange(4), chance.randrange(6)
    total = used + moved + added
    invalid = chance.randrange(12)
    valid = total - invalid
    weights = [1 + weight for weight in chance.randbytes(len(choices))]
    total_weight = sum(weights)
    votes = {choice: valid * weight // total_weight for choice, weight in zip(choices, weights, strict=True)}
    votes[choices[0]] += valid - sum(votes.values())  # what rounding down left over
    ballots = registered + -(-registered * 2 // 100)
    men_percent = chance.randrange(45, 55)
    rows = {
        name: _row(count, men_percent)
        for name, count in (("A", registered), ("B1", used), ("B2", moved), ("B3", added))
    }
    rows["B4"] = {column: sum(rows[name][column] for name in ("B1", "B2", "B3")) for column in ("L", "P", "J")}
    return {
        **rows,
        "S1": ballots,
        "S2": total,
        "S3": 0,
        "S4": ballots - total,
        "VA": total - invalid,
        "VB": invalid,
        "VC": total,
        "votes": votes,
    }


def _row(all_voters: int, men_percent: int) -> dict[str, int]:
    men = all_voters * men_percent // 100
    return {"L": men, "P": all_voters - men, "J": all_voters}
