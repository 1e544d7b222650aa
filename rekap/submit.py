"""`rekap submit`: hand in results through an outbox that outlives restarts and bad lines."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, NoReturn

import click
import httpx
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console
from rich.progress import Progress

from projections.definition import Definition
from projections.package_checks import problems
from rekap.outbox import Answered, Outbox, OutboxError
from rekap.sending import BATCH_LINES, GatewayAwayError, send_batch
from runtime.key_files import KeyFileError, load_key_file
from runtime.package_files import PackageError, load_package

EXIT_REFUSED = 1
EXIT_UNUSABLE = 2
EXIT_STILL_WAITING = 75
"""EX_TEMPFAIL of sysexits.h: nothing is lost, and the same command later goes on."""
TRY_AGAIN_SECONDS = 5


@click.command("submit")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="address of a Rekap gateway")
@click.option(
    "--outbox", "outbox_path", type=click.Path(path_type=Path), default=Path("outbox.sqlite"), show_default=True
)
@click.option(
    "--key", "key_file", type=click.Path(path_type=Path), help="sign events that are not signed yet with this"
)
@click.option("--package", type=click.Path(path_type=Path), help="the election they are of, for signing")
@click.option("--keep-trying", is_flag=True, help="go on until everything is delivered, however long the line is down")
@click.option("--list", "list_only", is_flag=True, help="only show what is in the outbox")
def submit(
    files: tuple[Path, ...],
    url: str,
    outbox_path: Path,
    key_file: Path | None,
    package: Path | None,
    keep_trying: bool,
    list_only: bool,
) -> None:
    """Put the events of FILES into the outbox, then deliver all that waits there.

    A file holds one JSON object, or one a line: signed envelopes, or events to be signed with --key and --package.
    Without FILES only what waits is delivered. Exit code: 0 all delivered, 1 something was refused, 2 nothing could be
    put into the outbox, 75 something still waits.
    """
    try:
        outbox = Outbox(outbox_path)
    except OutboxError as error:
        _give_up(str(error))
    try:
        if list_only:
            for each in outbox.all():
                click.echo(_line(each))
            return
        _fill(outbox, files, key_file, package)
        refused = asyncio.run(_deliver(outbox, url, keep_trying))
        waiting = outbox.count()
    finally:
        outbox.close()
    if waiting:
        click.echo(f"{waiting:,} wait in {outbox_path}: {url} is away. `rekap submit` goes on later.", err=True)
        raise SystemExit(EXIT_STILL_WAITING)
    if refused:
        raise SystemExit(EXIT_REFUSED)


def _fill(outbox: Outbox, files: tuple[Path, ...], key_file: Path | None, package: Path | None) -> None:
    try:
        key = None if key_file is None else load_key_file(key_file)
        definition = None if package is None else Definition(load_package(package, problems))
    except (KeyFileError, PackageError) as error:
        _give_up(str(error))
    kept = known = 0
    for file in files:
        for number, text in _objects(file):
            try:
                new = _put(outbox, text, key, definition)
            except OutboxError as error:
                _give_up(f"{file}:{number}: {error}")
            kept += new
            known += not new
    if files:
        click.echo(f"{kept:,} put into the outbox, {known:,} were there already")


def _objects(file: Path) -> list[tuple[int, bytes]]:
    """(line, JSON text) of each object in a file: one over many lines, or one a line."""
    try:
        text = file.read_bytes()
    except OSError as error:
        _give_up(f"{file} cannot be read: {error.strerror}")
    try:
        orjson.loads(text)
    except ValueError:
        return [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    return [(1, text.strip())]


def _put(outbox: Outbox, text: bytes, key: Ed25519PrivateKey | None, definition: Definition | None) -> bool:
    try:
        given = orjson.loads(text)
    except ValueError as error:
        raise OutboxError(f"not JSON: {error}") from None
    if not isinstance(given, dict):
        raise OutboxError("expected a JSON object: a signed envelope or an event")
    if "signatures" in given:
        return outbox.keep(text)
    if key is None or definition is None:
        raise OutboxError("this event is not signed; --key and --package sign it")
    return outbox.sign(given, key, definition)


async def _deliver(outbox: Outbox, url: str, keep_trying: bool) -> int:
    """Send what waits, oldest first. Gives how many were refused; stops where the gateway is away."""
    refused = 0
    async with httpx.AsyncClient(timeout=60) as client:
        with Progress(console=Console(file=sys.stderr)) as progress:
            task = progress.add_task("delivering", total=outbox.count())
            while batch := outbox.waiting(BATCH_LINES):
                try:
                    attempts = 60 if keep_trying else 3
                    answers = await send_batch(client, url, [each.envelope for each in batch], attempts=attempts)
                except GatewayAwayError:
                    if not keep_trying:
                        return refused
                    await asyncio.sleep(TRY_AGAIN_SECONDS)
                    continue
                outbox.answer(
                    {
                        each.number: (answer["status"], answer.get("receipt") or answer["problem"])
                        for each, answer in zip(batch, answers, strict=True)
                    }
                )
                for each, answer in zip(batch, answers, strict=True):
                    if answer["status"] not in (200, 201):
                        refused += 1
                        click.echo(_line(Answered(each.event, answer["status"], answer["problem"])), err=True)
                progress.advance(task, len(batch))
    return refused


def _line(each: Answered) -> str:
    if each.status is None or each.answer is None:
        return f"{each.event} waiting"
    if each.status in (200, 201):
        return f"{each.event} delivered partition={each.answer['partition']} offset={each.answer['offset']}"
    field: Any = each.answer.get("field")
    return f"{each.event} refused ({each.status}) {field + ': ' if field else ''}{each.answer['detail']}"


def _give_up(sentence: str) -> NoReturn:
    click.echo(f"Error: {sentence}", err=True)
    raise SystemExit(EXIT_UNUSABLE)
