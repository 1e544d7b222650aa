"""Heads: a checkpoint of each log, signed by its key and by enough witnesses, and as far as anything is published.

C2SP tlog-checkpoint and tlog-cosignature.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from audit.findings import AuditError, NotWitnessedError, TamperedError
from audit.logs.keys import Keys
from audit.published.claims import Claim
from audit.sources.archive import Archive
from audit.sources.package import Package
from proofs.notes import NoteError, open_checkpoint
from proofs.tiles import CHECKPOINT

CHECKPOINT_SECONDS_MAX = 30
"""How long a checkpoint may lag behind a snapshot before that is a finding."""


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint whose signatures hold."""

    partition: int
    origin: str
    size: int
    root: bytes
    witnesses: dict[str, int]
    """Name → time of the cosignature, seconds since 1970."""


def open_head(archive: Archive, package: Package, partition: int, keys: Keys) -> tuple[Head, bytes]:
    """The newest checkpoint of a log, and its bytes. Raises TamperedError, AuditError."""
    origin, where = package.origin(partition), f"log {partition}, checkpoint"
    data = archive.newest(f"log/{partition}/{CHECKPOINT}")
    if data is None:
        raise AuditError(f"log {partition} has no checkpoint yet")
    log_keys = keys.of(archive, partition, origin)
    try:
        opened = open_checkpoint(data, log_keys[0], [*log_keys[1:], *keys.witnesses], origin=origin)
    except NoteError as error:
        raise TamperedError(where, str(error)) from None
    times = {name: time for name, time in opened.witnesses.items() if name in {key.name for key in keys.witnesses}}
    if len(times) < keys.witnesses_min:
        raise NotWitnessedError(
            where, f"{len(times)} of the given witnesses have signed it, but {keys.witnesses_min} are asked for"
        )
    clock = {key.name: opened.witnesses[key.name] for key in log_keys[1:] if key.name in opened.witnesses}
    return Head(partition, origin, opened.checkpoint.size, opened.checkpoint.root, times | clock), data


def covering_heads(archive: Archive, package: Package, keys: Keys, claims: Sequence[Claim]) -> list[Head]:
    """A checkpoint of each log that covers what is published and that enough witnesses have signed. Raises TamperedError
    where none comes in time."""
    reach = _reach(claims)
    heads = []
    deadline = time.monotonic() + CHECKPOINT_SECONDS_MAX
    for partition in range(package.partitions):
        while True:
            is_last = not archive.is_live or time.monotonic() > deadline
            try:
                head, data = open_head(archive, package, partition, keys)
                if is_last or head.size > reach.get(partition, (-1, ""))[0]:
                    break
            except NotWitnessedError:
                if is_last:
                    raise
            time.sleep(0.5)
        archive.keep(f"log/{partition}/checkpoint", data)
        heads.append(head)
    check_reach(heads, claims)
    return heads


def _reach(claims: Sequence[Claim]) -> dict[int, tuple[int, str]]:
    """Partition → the last record that a published number is of, and its path."""
    reach: dict[int, tuple[int, str]] = {}
    for claim in claims:
        for partition, offset in claim.cut:
            if offset > reach.get(partition, (-1, ""))[0]:
                reach[partition] = (offset, claim.path)
    return reach


def check_reach(heads: Sequence[Head], claims: Sequence[Claim]) -> None:
    """Nothing is published that the log does not have. Raises TamperedError."""
    for partition, (offset, path) in _reach(claims).items():
        size = heads[partition].size if partition < len(heads) else 0
        if size <= offset:
            raise TamperedError(
                f"/{path}", f"it is as of record {offset} of log {partition}, which has only {size} records"
            )
