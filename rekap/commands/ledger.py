"""`rekap ledger`: the ledger as files, out and in again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click
from aiokafka.errors import KafkaError

from rekap.operate.configuration import kafka_away, load
from rekap.operate.ledger_files import LedgerFilesError, export_ledger, import_ledger
from rekap.terminal import complain, say
from runtime.kafka.wanted_topics import TopicMismatchError


@click.group("ledger")
def ledger() -> None:
    """The ledger as files: for a backup, and to begin with it on another Kafka."""


@ledger.command("export")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def export_command(directory: Path) -> None:
    """Write every record into DIRECTORY, with the root of each partition. The count may go on meanwhile."""
    _run(export_ledger, "exported", directory)


@ledger.command("import")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def import_command(directory: Path) -> None:
    """Check the files in DIRECTORY by their roots, and write them into an empty ledger, each record at its offset."""
    _run(import_ledger, "imported", directory)


def _run(work: Any, done: str, directory: Path) -> None:
    settings, definition = load()
    try:
        heads = asyncio.run(work(settings, definition, directory))
    except KafkaError as error:
        complain(f"Error: {kafka_away(settings, error)}")
        raise SystemExit(1) from None
    except (LedgerFilesError, TopicMismatchError, OSError) as error:
        complain(f"Error: {error}")
        raise SystemExit(1) from None
    for partition, head in enumerate(heads):
        say(f"{done} partition {partition}: {head.size} records, root {head.root}")
