"""`rekap proof`: write what proves that the public log has an event, in one file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from rekap.client.proof_files import as_bytes, fetch
from rekap.client.server import Server
from rekap.given import see_that_it_can_be_written
from rekap.terminal import print_lines
from runtime.files.atomic_write import replace_file
from schemas.served.proof_file import ProofFile


@click.command("proof")
@click.argument("subject", metavar="STATION|EVENT")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="file to write")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="address of a Rekap API")
def proof(subject: str, output: Path, url: str) -> None:
    """Write a file that proves that the public log has an event, or each event about a station.

    The file has the records with the signed events, and for each the proof that leads to a signed checkpoint. `rekap verify`
    checks it without a server. It waits until a checkpoint has the newest event, for at most a minute.

    Exit codes: 0 the file is written; 1 what the server answers proves nothing; 2 there is no such station or event; 3 the
    server cannot be reached.

    \b
    Examples:
      rekap proof 1.1.1-1 -o station.proof.json
      rekap proof 3f1c0a9b3f1c0a9b3f1c0a9b3f1c0a9b3f1c0a9b3f1c0a9b3f1c0a9b3f1c0a9b -o event.proof.json --url https://count.example
    """
    see_that_it_can_be_written(output)
    file = asyncio.run(_fetch(url, subject))
    replace_file(output, [as_bytes(file)], mode=0o666)
    print_lines(
        f"{output} has {_count(file)} about {subject}. To check it, give the log's key from a source other than the server:",
        " ".join(f"rekap verify {output} --key {key}" for key in file.log_keys[:1]),
    )


async def _fetch(url: str, subject: str) -> ProofFile:
    async with Server(url) as server:
        return await fetch(server, subject)


def _count(file: ProofFile) -> str:
    return "1 event" if len(file.records) == 1 else f"{len(file.records):,} events"
