"""Checkpoints that others hold: each must be the root of a beginning of the log that was checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audit.findings import AuditError, TamperedError
from audit.given import read_file
from audit.logs.heads import Head
from audit.logs.keys import Keys
from audit.logs.tree import CheckedLog, checked_through, log_hashes
from audit.sources.archive import Archive
from audit.sources.package import Package
from proofs.merkle import root_hash
from proofs.notes import NoteError, open_checkpoint, parse_checkpoint, parse_note
from proofs.tiles import TileError


def check_other_checkpoint(
    archive: Archive,
    served: Archive,
    package: Package,
    heads: Sequence[Head],
    keys: Keys,
    name: str,
    data: bytes,
) -> None:
    """A checkpoint from elsewhere (a newspaper, another reader, an earlier audit) is the root of a beginning of the log
    that was just checked. `served` names the logs' keys, `archive` has their tiles. Raises TamperedError: with two
    signatures of one log for two histories, that is the proof."""
    try:
        text = parse_checkpoint(parse_note(data).text)
    except NoteError as error:
        raise AuditError(f"{name}: {error}") from None
    head = next((each for each in heads if each.origin == text.origin), None)
    if head is None:
        raise TamperedError(name, f"is a checkpoint of {text.origin!r}, which is not a log of this election")
    key = keys.of(served, head.partition, head.origin)[0]
    try:
        other = open_checkpoint(data, key, keys.witnesses, origin=head.origin).checkpoint
    except NoteError as error:
        raise TamperedError(name, str(error)) from None
    if other.size > head.size:
        raise TamperedError(
            name, f"log {head.partition} has signed {other.size} records, but shows a tree of {head.size}: rolled back"
        )
    try:
        own = root_hash(other.size, log_hashes(archive, head))
    except TileError as error:
        raise AuditError(f"log {head.partition}: {error}") from None
    if own != other.root:
        raise TamperedError(
            name,
            f"log {head.partition} has signed the root {other.root.hex()} for {other.size} records, but shows records "
            f"that give {own.hex()}: two histories",
        )


def trusted_beginnings(archive: Archive, heads: Sequence[Head], files: Sequence[Path]) -> dict[int, CheckedLog]:
    """The logs up to checkpoints that the auditor trusts already. Raises TamperedError."""
    found = {}
    for path in files:
        try:
            checkpoint = parse_checkpoint(parse_note(read_file(path)).text)
        except NoteError as error:
            raise AuditError(f"{path}: {error}") from None
        head = next((each for each in heads if each.origin == checkpoint.origin), None)
        if head is None:
            raise TamperedError(
                str(path), f"is a checkpoint of {checkpoint.origin!r}, which is not a log of this election"
            )
        found[head.partition] = checked_through(archive, head, checkpoint.size, checkpoint.root)
    return found
