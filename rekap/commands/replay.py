"""`rekap replay`: fold a prefix of the log again, and print what the count was then."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.progress import Progress

from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from projections.shown.published import answer_bytes
from rekap.client.served_package import served_package
from rekap.follow.question import Question
from rekap.follow.replay import Replayed, cut_of, fold_log, through_of
from rekap.follow.replay_server import serve
from rekap.follow.replay_tables import table_of
from rekap.follow.tally_table import PIPED_WIDTH
from rekap.given import WEB, see_that_it_can_be_a_source
from rekap.terminal import print_lines
from runtime.log_source import open_log
from runtime.package.reading import load_package
from runtime.settings import Settings, read_settings
from schemas.definition.package import ElectionPackage


@click.command("replay")
@click.argument("source")
@click.option("--to", help='fold through these offsets: {"0":12,"1":9}, a snapshot\'s JSON, or 0:12,1:9 (default: all)')
@click.option("--area", help="this area with its children (default: the whole election)")
@click.option("--contest", help="this contest as a whole")
@click.option("--office", help="this office and all its contests; with --area or --level only this office")
@click.option("--station", help="this station with its history")
@click.option("--level", help="all areas of this level")
@click.option("--finance", is_flag=True, help="campaign finance reports, which change no number of votes")
@click.option(
    "--part",
    type=click.IntRange(min=1),
    help="which part of an area or an office that is too long for one (default: 1)",
)
@click.option("--after", help="with --station or --finance: the page behind `next` of the page before")
@click.option(
    "--package", type=click.Path(path_type=Path),
    help="the election package (default: that of the server, and without a server REKAP_PACKAGE)",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="print what the API answers, byte for byte")
@click.option("--serve", "port", type=click.IntRange(1, 65535), help="answer /v1/areas, contests, offices at this port")
def replay(
    source: str,
    to: str | None,
    area: str | None,
    contest: str | None,
    office: str | None,
    station: str | None,
    level: str | None,
    finance: bool,
    part: int | None,
    after: str | None,
    package: Path | None,
    as_json: bool,
    port: int | None,
) -> None:
    """Count a prefix of a log again. SOURCE is the address of a Rekap API, a directory of log files, or kafka://HOST:PORT.

    A server is also asked for the election package, unless --package names one.

    Exit codes: 0 done; 2 the question, the settings or the package cannot be used; 3 the log cannot be read.

    \b
    Examples:
      rekap replay http://127.0.0.1:8000 --contest president
      rekap replay http://127.0.0.1:8000 --to '{"0":12,"1":9}'
    """
    question = Question(area, contest, office, station, level, part, after, finance)
    see_that_it_can_be_a_source(source)
    cut = None if to is None else cut_of(to)
    settings = read_settings()
    definition = Definition.of(_package(source, package, settings))
    question.check(definition)
    replayed, records = asyncio.run(_replay(source, cut, question, definition, settings))
    if port is not None:
        print_lines(
            f"Serving http://127.0.0.1:{port}/v1/areas/{definition.tree.codes[definition.tree.root]}; stop: Ctrl-C"
        )
        serve(lambda kind, code, only, part: _served(kind, code, only, part, definition, replayed), port)
        return
    answer = answer_bytes(definition, question.answer(definition, replayed))
    if as_json:
        sys.stdout.buffer.write(answer)
        sys.stdout.flush()
    else:
        console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
        console.print(table_of(orjson.loads(answer), definition, records))


def _package(source: str, package: Path | None, settings: Settings) -> ElectionPackage:
    """The package that was given, or else that of the server, or else that of the settings."""
    if package is None and source.startswith(WEB):
        return asyncio.run(served_package(source))
    return load_package(package or settings.package, problems)


def _served(
    kind: str, code: str, office: str | None, part: int | None, definition: Definition, replayed: Replayed
) -> bytes:
    """Raises ReplayError."""
    asked = {"office": office} | {kind: code}
    question = Question(asked.get("area"), asked.get("contest"), asked["office"], part=part)
    question.check(definition)
    return answer_bytes(definition, question.answer(definition, replayed))


async def _replay(
    source: str, cut: dict[int, int] | None, question: Question, definition: Definition, settings: Settings
) -> tuple[Replayed, int]:
    """The count, and the number of records that it is of."""
    async with open_log(source, definition.election, settings) as log:
        through = await through_of(log, definition, cut)
        records = sum(offset + 1 for offset in through.values())
        with Progress(console=Console(file=sys.stderr)) as progress:
            task = progress.add_task("folding", total=records)
            replayed = await fold_log(
                log,
                definition,
                through,
                station=question.station,
                finance=question.finance,
                advanced=lambda count: progress.advance(task, count),
            )
    return replayed, records
