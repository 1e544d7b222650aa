"""A ledger in memory, for tests of the folds: the same bytes and partitions as the real one, without Kafka."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from projections.definition.compiled import Definition
from projections.definition.tree import partition_of
from projections.fold.records import read_record
from projections.fold.rollup import Rollup
from projections.fold.tabulation import PartitionFold
from proofs.signatures import key_id, load_public_key, verify
from rekap.station.signing import Signed, Signer
from schemas.definition.package import ElectionPackage, Key, Role
from schemas.derived.blocks import Block
from schemas.ledger.envelope import ledger_record

CREATED_AT = "2029-02-14T13:00:00Z"


def private_key(name: str) -> Ed25519PrivateKey:
    """A key that is the same in every run: tests only."""
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b".")[:32])


def key_row(name: str, role: Role, scope: str) -> Key:
    public = private_key(name).public_key().public_bytes_raw()
    return Key(key_id=key_id(public), public_key=base64.b64encode(public).decode(), role=role, scope=scope)


class Corrections:
    """Has each form name the one that it corrects, as an officer's software does, where its body names none."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], tuple[int, str]] = {}
        """(station, contest) → version and event id of the highest version that was signed."""

    def signed(self, signer: Signer, body: Mapping[str, Any]) -> Signed:
        if body["type"] != "result.reported":
            return signer.sign(body)
        contest = body["station"], body["contest"]
        version, event = self._newest.get(contest, (0, None))
        signed = signer.sign({"supersedes": event if version < body["version"] else None, **body})
        if body["version"] > version:
            self._newest[contest] = body["version"], signed.event_id
        return signed


@dataclass
class MemoryLedger:
    package: ElectionPackage
    definition: Definition = field(init=False)
    partitions: list[list[bytes]] = field(init=False)
    signers: dict[str, Signer] = field(init=False, default_factory=dict)
    _corrections: Corrections = field(init=False, default_factory=lambda: Corrections())

    def __post_init__(self) -> None:
        self.definition = Definition.of(self.package)
        self.partitions = [[] for _ in range(self.definition.partitions)]
        genesis = self.signed("authority", {"type": "election.opened", "partitions": self.definition.partitions})
        for partition in range(self.definition.partitions):
            self.append(partition, genesis)

    def signed(self, name: str, body: Mapping[str, Any]) -> bytes:
        if name not in self.signers:
            election = self.definition.election
            self.signers[name] = Signer(
                private_key(name),
                election=election.id,
                mode=election.mode.value,
                definition=self.definition.hash,
            )
        return self._corrections.signed(self.signers[name], {"created_at": CREATED_AT, **body}).envelope

    def append(self, partition: int, envelope: bytes) -> int:
        self.partitions[partition].append(ledger_record(envelope, "test", CREATED_AT))
        return len(self.partitions[partition]) - 1

    def submit(self, envelope: bytes, station: str) -> tuple[int, int]:
        partition = self.definition.stations.partition(self.definition.stations.number[station])
        return partition, self.append(partition, envelope)

    def report_finance(self, name: str, body: Mapping[str, Any]) -> tuple[int, int]:
        partition = partition_of(body["area"], self.definition.partitions)
        return partition, self.append(partition, self.signed(name, body))

    def append_as(self, name: str, body: Mapping[str, Any]) -> tuple[int, int]:
        return self.submit(self.signed(name, body), body["station"])


def fold(ledger: MemoryLedger, partition: int, *, cuts: Iterable[int] = ()) -> tuple[PartitionFold, list[Block]]:
    """Fold one partition from offset 0; a block is taken after each offset in `cuts`, and at the end."""
    state = PartitionFold(ledger.definition, partition)
    blocks: list[Block] = []
    cuts = set(cuts)
    for offset, value in enumerate(ledger.partitions[partition]):
        record = read_record(offset, value)
        key = ledger.definition.keys.get(record.key_id)
        holds = key is not None and verify(load_public_key(key.public_key), record.signature, record.payload)
        state.apply(record, holds)
        if offset in cuts:
            blocks += state.take_blocks()
    blocks += state.take_blocks()
    return state, blocks


def rolled_up(ledger: MemoryLedger, blocks: Iterable[Block]) -> Rollup:
    rollup = Rollup(ledger.definition)
    for block in blocks:
        rollup.apply(block)
    return rollup
