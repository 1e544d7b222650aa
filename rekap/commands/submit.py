"""`rekap submit`: hand in results and finance reports through an outbox that outlives restarts and bad lines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from rekap.client.errors import RefusedError
from rekap.client.server import Server
from rekap.exit_codes import ExitCode
from rekap.station.delivery import Cause, Delivery, Outcome
from rekap.station.event_files import see_that_each_can_be_read
from rekap.station.filling import Signing, begin, fill, pin, signing_with
from rekap.station.outbox import DELIVERED, Kept, Outbox, opened_outbox
from rekap.station.outcomes import ask_outcomes, outcome_lines
from rekap.terminal import cell, complain, print_lines
from runtime.http_client import AwayError, base_url, client_for
from runtime.package.reading import load_package

HTTP_SECONDS_MAX = 60.0
OUTCOME_SECONDS = 15.0
"""The count has a form within a second of its receipt on a quiet machine, and within some seconds on a busy night."""


@click.command("submit")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="address of a Rekap gateway")
@click.option(
    "--outbox", "outbox_path", type=click.Path(path_type=Path), default=Path("outbox.sqlite"), show_default=True,
    help="file that keeps what is to be delivered; made where there is none",
)  # fmt: skip
@click.option(
    "--key", "key_file", type=click.Path(path_type=Path), help="private key that signs events that are not signed yet"
)
@click.option("--package", type=click.Path(path_type=Path), help="election package, for signing and checking")
@click.option("--anyway", is_flag=True, help="sign forms also where the package's rules find a mistake")
@click.option(
    "--correct", is_flag=True, help="a form that differs from one signed here before becomes its next version"
)
@click.option(
    "--gateway-key",
    "gateway_keys",
    multiple=True,
    metavar="KEY",
    help="believe also the receipts and refusals that this key signs",
)
@click.option(
    "--wait", "seconds", type=click.FloatRange(0, 3600), default=OUTCOME_SECONDS, show_default=True,
    help="seconds to wait for what becomes of the delivered forms; with 0 nothing is asked",
)  # fmt: skip
@click.option("--keep-trying", is_flag=True, help="try until everything is delivered, however long the line is down")
def submit(
    files: tuple[Path, ...],
    url: str,
    outbox_path: Path,
    key_file: Path | None,
    package: Path | None,
    anyway: bool,
    correct: bool,
    gateway_keys: tuple[str, ...],
    seconds: float,
    keep_trying: bool,
) -> None:
    """Put the events of FILES into the outbox, then deliver all that waits there.

    A file holds one JSON object, or one on each line: signed envelopes, or events to be signed with --key and --package. A file
    whose name ends in .csv holds campaign finance reports, a row for each line of a report (docs/finance.md).
    All of them are checked first. If one of them cannot be taken, nothing is signed or kept. Without FILES, only what
    waits is delivered; `rekap outbox` shows it. A form counts as delivered, or as refused, only when the gateway has signed
    that answer: with a key that the package registers, or else with the key that it had at the first use. At the end the
    server is asked what became of each delivered form: counted, flagged, or held, and by which rule.

    Exit codes: 0 all delivered; 1 something was refused; 2 nothing could be put into the outbox; 75 something still waits.

    \b
    Examples:
      rekap submit form.json --key officer.pem --package my-election
      rekap submit corrected.json --key officer.pem --package my-election --correct
      rekap submit finance.csv --key finance.pem --package my-election
      rekap submit --url https://count.example --keep-trying
    """
    address = base_url(url)
    see_that_each_can_be_read(files)
    # Without files there must be an outbox. A mistyped name would look as if everything had been delivered.
    with opened_outbox(outbox_path, must_exist=not files) as outbox:
        definition = None if package is None else Definition.of(load_package(package, problems))
        pin(outbox, definition, gateway_keys)
        signing = signing_with(key_file, definition, correct)
        if signing is not None and files:
            begin(outbox, signing, address)
        if files:
            _fill(outbox, files, signing, anyway)
        if not outbox.count():
            complain(f"nothing waits in {outbox_path}")
            return
        outcome, delivered = asyncio.run(_deliver(outbox, address, keep_trying))
        waiting = outbox.count()
        if delivered and seconds:
            asyncio.run(
                _show_outcomes(address, [form for form in outbox.all(DELIVERED) if form.event in delivered], seconds)
            )
    if outcome.refused:
        complain(
            f"{outcome.refused:,} refused, each named above with file, line and reason; correct and submit them again"
        )
    if waiting:
        complain(
            f"{waiting:,} wait in {outbox_path}: {url} {WAIT_BECAUSE[outcome.cause]}.",
            f"{outcome.why.rstrip('.')}. `rekap submit` continues later."
            if outcome.why
            else "`rekap submit` continues later.",
        )
        raise SystemExit(ExitCode.STILL_WAITING)
    if outcome.refused:
        raise SystemExit(ExitCode.BAD_OUTCOME)


def _fill(outbox: Outbox, files: tuple[Path, ...], signing: Signing | None, anyway: bool) -> None:
    began = time.monotonic()
    with _bar("checking") as (bar, task):

        def advanced(count: int) -> None:
            bar.update(task, completed=count, rate=count / (time.monotonic() - began + 1e-9))

        fill(outbox, files, signing, anyway, advanced=advanced)


WAIT_BECAUSE: dict[Cause, str] = {
    "away": "is away",
    "busy": "is busy",
    "not believed": "answers, but not as a gateway that is believed",
}


async def _show_outcomes(url: str, forms: list[Kept], seconds: float) -> None:
    try:
        async with Server(url) as server:
            became = await ask_outcomes(server, forms, seconds_max=seconds)
    except (AwayError, RefusedError) as error:
        complain(f"all have a receipt; what became of them in the count cannot be asked now: {error}")
        return
    print_lines(*outcome_lines(forms, became))


async def _deliver(outbox: Outbox, url: str, keep_trying: bool) -> tuple[Outcome, set[str]]:
    """The outcome, and the ids of the events that were delivered."""
    total = outbox.count()
    if not total:
        return Outcome(), set()
    began, done = time.monotonic(), 0
    with _bar("delivering", total) as (bar, task):

        def advance(more: int) -> None:
            nonlocal done
            done += more
            bar.update(task, completed=done, rate=done / (time.monotonic() - began + 1e-9))

        def report(line: str) -> None:
            bar.console.print(cell(line), soft_wrap=True)

        async with client_for(url, seconds_max=HTTP_SECONDS_MAX) as client:
            delivery = Delivery(outbox, client, url, report=report, advance=advance)
            return await delivery.run(keep_trying=keep_trying), set(delivery.delivered)


@contextmanager
def _bar(what: str, total: int | None = None) -> Iterator[tuple[Progress, TaskID]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:,.0f}/s"),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield bar, bar.add_task(what, total=total, rate=0.0)
