"""Opening of an election, and the check that a process runs the election that was opened.

The genesis is written once, to offset 0 of each ledger partition, and cannot be taken back. So before a topic is created, the
key and the records that exist already are compared with the package (`open_with_key`). Before a process appends or serves
anything, it compares its package with the genesis (`check_opened`).

    OpeningError           the election cannot be opened, or is not the one that this package describes
    ├── NotOpenedError     it is not open yet
    └── ConfirmationError  it is live, and what cannot be taken back was not confirmed
"""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from projections.definition.compiled import Definition
from projections.fold.genesis import genesis_problem, opening_key_problem
from proofs.signatures import key_id
from rekap.errors import UnusableError
from rekap.station.signing import Signer
from runtime.kafka.genesis import first_records, genesis_record, write_genesis
from runtime.kafka.groups import await_coordinator
from runtime.kafka.topics import group_of
from runtime.kafka.wanted_topics import create_topics
from runtime.settings import Settings
from schemas.definition.package import Mode
from schemas.times import time_text

CONFIRM_HELP = "the id of a live election: opens it, which cannot be taken back (a rehearsal needs none)"
"""Help of the option --confirm, which several commands have."""


class OpeningError(UnusableError):
    """The election cannot be opened, or is not the one of the package; the message states what does not fit and what to do."""


class NotOpenedError(OpeningError):
    pass


class ConfirmationError(OpeningError):
    pass


def check_opening_key(definition: Definition, key: Ed25519PrivateKey) -> None:
    """Raises OpeningError where this key cannot open the election. Needs no Kafka."""
    if (problem := opening_key_problem(definition, _id_of(key))) is not None:
        raise OpeningError(f"the election cannot be opened with this key: {problem}")


async def check_opened(settings: Settings, definition: Definition) -> None:
    """Compare the package with the genesis of each partition.

    Raises OpeningError, TopicMismatchError, TimeoutError, KafkaError."""
    found = await first_records(settings, definition.election)
    _compare(definition, found)
    missing = [partition for partition, record in enumerate(found) if record is None]
    if missing:
        raise NotOpenedError(
            f"election {definition.election.id} ({definition.election.mode.value}) is not open in "
            f"{'any partition' if len(missing) == len(found) else f'partitions {_numbers(missing)}'}: "
            "`rekap open --key KEY` opens it"
        )


async def open_with_key(
    settings: Settings, definition: Definition, key: Ed25519PrivateKey, *, confirmed: str | None = None
) -> bool:
    """Open the election if it is not open yet. Returns whether it was opened now. Safe to repeat.

    A live election is opened only if `confirmed` is its id.
    Raises OpeningError, TopicMismatchError, TimeoutError, KafkaError."""
    check_opening_key(definition, key)
    election = definition.election
    found = await first_records(settings, election)
    _compare(definition, found)
    present = next((record for record in found if record is not None), None)
    if present is None:
        _check_confirmed(definition, key, confirmed)
    await create_topics(settings, election)
    empty = [partition for partition, record in enumerate(found) if record is None]
    # A crash half-way leaves some partitions empty. They get the record with which the others begin.
    record = _signed_genesis(definition, key) if present is None else present
    await write_genesis(settings, election, record, empty)
    await await_coordinator(settings, group_of(election, "tabulator"))
    return present is None


def _signed_genesis(definition: Definition, key: Ed25519PrivateKey) -> bytes:
    election = definition.election
    signer = Signer(key, election=election.id, mode=election.mode.value, definition=definition.hash)
    created_at = time_text(datetime.now(UTC), "seconds")
    signed = signer.sign({"type": "election.opened", "partitions": definition.partitions, "created_at": created_at})
    return genesis_record(signed.envelope)


def genesis_lines(definition: Definition, key: Ed25519PrivateKey) -> str:
    """What the genesis fixes, as lines for the person who confirms it."""
    election = definition.election
    rows = (
        ("election", election.id),
        ("title", election.title.preferred("en")),
        ("date", election.date.isoformat()),
        ("mode", f"{election.mode.value.upper()}: every result that counts is a real one"),
        ("stations", f"{len(definition.stations.codes):,}"),
        ("contests", f"{len(definition.ballots.contests):,} of {len(definition.ballots.offices):,} offices"),
        ("partitions", str(definition.partitions)),
        ("definition", definition.hash),
        ("opened by", f"key {_id_of(key)}"),
    )
    return "\n".join(f"  {name:<12}{value}" for name, value in rows)


def _check_confirmed(definition: Definition, key: Ed25519PrivateKey, confirmed: str | None) -> None:
    election = definition.election
    if election.mode is not Mode.LIVE or confirmed == election.id:
        return
    gave = "" if confirmed is None else f" (got {confirmed!r})"
    raise ConfirmationError(
        f"this opens a live election, and cannot be taken back. Its log will have this for ever:\n"
        f"{genesis_lines(definition, key)}\n"
        f"If all of it is right, open it with --confirm {election.id}{gave}"
    )


def _compare(definition: Definition, found: list[bytes | None]) -> None:
    for partition, record in enumerate(found):
        if record is not None and (problem := genesis_problem(definition, record)) is not None:
            raise OpeningError(
                f"ledger partition {partition} does not begin with the genesis of this package's election: {problem}. "
                "Use the package that the election was opened with; another election needs another id"
            )


def _id_of(key: Ed25519PrivateKey) -> str:
    return key_id(key.public_key().public_bytes_raw())


def _numbers(partitions: list[int]) -> str:
    shown = ", ".join(map(str, partitions[:10]))
    return shown if len(partitions) <= 10 else f"{shown} and {len(partitions) - 10} more"
