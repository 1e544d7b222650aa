"""`rekap open`: create the topics of an election and write its genesis, signed by the authority's key."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click
from aiokafka.errors import KafkaError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from projections.definition import Definition
from rekap.run import load
from rekap.signing import Signer
from runtime.genesis import open_election
from runtime.kafka import TopicMismatchError
from runtime.key_files import KeyFileError, load_key_file
from runtime.settings import Settings

EXIT_NOT_REACHED = 3


async def open_with_key(settings: Settings, definition: Definition, key: Ed25519PrivateKey) -> None:
    """Open the election where it is not open yet; safe to repeat."""
    election = definition.election
    signer = Signer(key, election=election.id, mode=election.mode.value, definition=definition.hash)
    created_at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    signed = signer.sign({"type": "election.opened", "partitions": definition.partitions, "created_at": created_at})
    await open_election(settings, election, signed.envelope)


@click.command("open")
@click.option("--key", "key_file", type=click.Path(path_type=Path), required=True, help="private key of the authority")
def open_command(key_file: Path) -> None:
    """Open the election: create its topics and write the genesis event. Safe to repeat."""
    settings, definition = load()
    try:
        asyncio.run(open_with_key(settings, definition, load_key_file(key_file)))
    except (KeyFileError, TopicMismatchError) as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(1) from None
    except KafkaError as error:
        click.echo(f"Error: Kafka at {settings.kafka} (REKAP_KAFKA): {type(error).__name__}", err=True)
        raise SystemExit(EXIT_NOT_REACHED) from None
    click.echo(f"Election {definition.election.id} is open: {definition.partitions} ledger partitions.")
