"""`rekap audit`: check everything that a server publishes, and count it again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import click

from audit.count.numbering import Irregular, Numbering
from audit.findings import AuditError, Verdict
from audit.report.outcome import Report
from audit.report.report import as_html, as_json
from audit.run import audit as run_audit
from audit.sources.archive import Archive, Server
from audit.sources.written_archive import archive_in
from audit.wishes import Wishes
from proofs.notes import NoteError, parse_key
from rekap.given import KAFKA, WEB, see_that_it_can_be_a_source, see_that_it_can_be_written
from rekap.progress import shown_progress
from rekap.terminal import complain, print_lines
from runtime.files.atomic_write import replace_file
from runtime.files.temporary import temporary_directory
from runtime.kafka.security import client_options
from runtime.settings import read_settings

WATCHED_AREAS = 20
FINDINGS_SHOWN_MAX = 3
"""Findings shown of one kind about the keys' numbers; there are ten kinds, and the verdict should stay on the screen."""
EXISTING = click.Path(path_type=Path, exists=True)


@click.command("audit")
@click.argument("source")
@click.option(
    "--archive",
    type=click.Path(path_type=Path, file_okay=False),
    help="directory that keeps all downloads; a later audit continues from it",
)
@click.option("--package", type=EXISTING, help="the election package, if you have it from elsewhere")
@click.option("--published", help="server whose snapshots are compared, if SOURCE is Kafka")
@click.option(
    "--key", "keys", multiple=True, help="verifier key of a log, from elsewhere  [default: the key that was seen first]"
)
@click.option("--witness", "witnesses", multiple=True, help="verifier key of a witness whose cosignature counts")
@click.option("--witnesses-min", type=click.IntRange(0), help="how many of them must have signed  [default: all]")
@click.option(
    "--checkpoint", "checkpoints", multiple=True, type=EXISTING, help="a checkpoint that another reader was shown"
)
@click.option("--receipt", "receipts", multiple=True, type=EXISTING, help="a receipt of the gateway")
@click.option("--since", multiple=True, type=EXISTING, help="a checkpoint already trusted: check only what is newer")
@click.option("--sample", type=click.IntRange(0), default=0, help="check only this many stations, chosen by chance")
@click.option(
    "--seed", type=int, default=None, help="seed of the choice  [default: another each time; the report names it]"
)
@click.option("--stations/--no-stations", default=True, help="compare each station, not only areas", show_default=True)
@click.option("--watch", is_flag=True, help="audit in rounds until Ctrl-C, each round what is new")
@click.option("--every", type=click.IntRange(1), default=5, show_default=True, help="seconds between two rounds")
@click.option(
    "--report", "report_name", type=click.Path(path_type=Path), default=Path("rekap-audit"), show_default=True,
    help="name of the report, which is written with .json and .html",
)  # fmt: skip
def audit(
    source: str,
    archive: Path | None,
    published: str | None,
    witnesses_min: int | None,
    seed: int | None,
    watch: bool,
    every: int,
    report_name: Path,
    package: Path | None,
    keys: tuple[str, ...],
    witnesses: tuple[str, ...],
    checkpoints: tuple[Path, ...],
    receipts: tuple[Path, ...],
    since: tuple[Path, ...],
    sample: int,
    stations: bool,
) -> None:
    """Check everything that SOURCE publishes, and count it again.

    SOURCE is the address of a Rekap server, a directory that `rekap archive` has written or that an audit has kept
    (--archive), or Kafka (kafka://host:port, with --package and, to compare, --published). The last line is VERIFIED (exit
    code 0), DIFFERS (1: a published number is not what the log counts to) or TAMPERED (4: the log, a signature, the package or
    a file of an archive is not what it was). Exit code 2: what was given cannot be used; 3: the audit could not be made.

    \b
    Examples:
      rekap audit https://count.example --archive my-audit
      rekap audit my-audit --sample 20
    """
    see_that_it_can_be_a_source(source)
    if report_name.absolute().parent.exists():  # or else it is made
        see_that_it_can_be_written(report_name)
    seed = int(time.time()) if seed is None else seed
    brokers = source.removeprefix(KAFKA) if source.startswith(KAFKA) else ""
    if brokers and package is None:
        raise click.UsageError("Kafka has no election package: name it with --package")
    if published is not None and not brokers:
        raise click.UsageError("--published goes with a SOURCE kafka://…; a server publishes its own snapshots")
    wishes = Wishes(
        source, brokers, package, keys, witnesses, len(witnesses) if witnesses_min is None else witnesses_min, checkpoints,
        receipts, since, sample, seed, stations, client=_client(brokers),
    )  # fmt: skip
    if witnesses_min is not None and witnesses_min > len(witnesses):
        raise click.UsageError("--witnesses-min asks for more witnesses than --witness names")
    try:
        for text in (*keys, *witnesses):
            parse_key(text)
    except NoteError as error:
        raise click.UsageError(str(error)) from None
    with _sources(source, published, archive) as sources:
        verdict = _watch(sources, wishes, every, report_name) if watch else _once(sources, wishes, report_name)
    raise SystemExit(verdict.value)


def _client(brokers: str) -> dict[str, Any]:
    """Options of a Kafka client for these brokers, by the settings of the environment. Raises SettingsError."""
    return client_options(replace(read_settings(), kafka=brokers)) if brokers else {}


class Sources(NamedTuple):
    logs: Archive
    published: Archive | None
    work: Path
    """Directory in which the audit keeps what it has checked."""


@contextmanager
def _sources(source: str, published: str | None, archive: Path | None) -> Iterator[Sources]:
    """The archives of logs and snapshots that SOURCE means."""
    with temporary_directory("rekap-audit-") as temporary, ExitStack() as servers:
        work = archive or temporary

        def server(url: str) -> Server:
            return servers.enter_context(closing(Server(url)))

        if source.startswith(KAFKA):
            # Files from Kafka and files from the server are kept apart.
            served = None if published is None else Archive(work, server(published))
            yield Sources(Archive(work / "kafka", None), served, work / "kafka")
        elif source.startswith(WEB):
            files = Archive(work, server(source))
            yield Sources(files, files, work)
        else:
            files = archive_in(Path(source))
            yield Sources(files, files, work)


def _once(sources: Sources, wishes: Wishes, report_name: Path) -> Verdict:
    try:
        with shown_progress() as progress:
            report = run_audit(*sources, wishes, progress)
    except KeyboardInterrupt:
        complain("interrupted; with the same --archive the next audit continues with its downloads and checks")
        raise
    _write(report, report_name)
    for note in report.notes:
        complain(f"note: {note}")
    if report.refused:
        complain(f"note: {len(report.refused):,} records in the logs must not count; the report lists them")
    if report.finance is not None and report.finance.reports:
        print_lines(f"{report.finance.line} (not part of the verdict)")
    if report.numbering is not None:
        for finding in _shown(report.numbering):
            print_lines(f"finding: {finding.sentence}")
        print_lines(f"{report.numbering.line} (not part of the verdict)")
    for each in report.discoveries[:20]:
        print_lines(f"{each.verdict.name.lower()}: {each}")
    print_lines(report.line)
    return report.verdict


def _shown(numbering: Numbering) -> list[Irregular]:
    """The first of each kind."""
    shown: dict[str, list[Irregular]] = {}
    for each in numbering.first:
        shown.setdefault(each.kind, []).append(each)
    return [each for kind in shown.values() for each in kind[:FINDINGS_SHOWN_MAX]]


def _write(report: Report, name: Path) -> None:
    try:
        name.parent.mkdir(parents=True, exist_ok=True)
        replace_file(name.with_name(f"{name.name}.json"), [as_json(report)], mode=0o666)
        replace_file(name.with_name(f"{name.name}.html"), [as_html(report)], mode=0o666)
    except OSError as error:
        raise AuditError(f"the report cannot be written: {error.strerror}: {name}") from None


def _watch(sources: Sources, wishes: Wishes, every: int, report_name: Path) -> Verdict:
    """Audit in rounds until Ctrl-C or a verdict TAMPERED. Each round compares the nation and
    WATCHED_AREAS other areas, chosen anew."""
    if not sources.logs.is_live:
        raise AuditError("--watch needs the address of a server")
    worst, number = Verdict.VERIFIED, 0
    findings_shown = ""
    try:
        while worst is not Verdict.TAMPERED:
            began = time.monotonic()
            round_ = replace(
                wishes, stations=False, areas_max=WATCHED_AREAS, seed=wishes.seed + number, sample=0, since=()
            )
            try:
                report = run_audit(*sources, round_, lambda *_: None)
            except AuditError as error:
                complain(f"{time.strftime('%H:%M:%S')} not audited: {error}")
            else:
                for each in report.discoveries[:20]:
                    print_lines(f"{time.strftime('%H:%M:%S')} {each.verdict.name}: {each}")
                if report.numbering is not None and (findings := report.numbering.findings) != findings_shown:
                    findings_shown = findings
                    print_lines(f"{time.strftime('%H:%M:%S')} {report.numbering.line} (not part of the verdict)")
                print_lines(f"{time.strftime('%H:%M:%S')} {report.line} ({time.monotonic() - began:.1f} s)")
                _write(report, report_name)
                worst = max(worst, report.verdict, key=lambda verdict: verdict.value)
            number += 1
            time.sleep(max(0.0, every - (time.monotonic() - began)))
    except KeyboardInterrupt:
        print_lines(f"stopped after {number} rounds; the worst was {worst.name}")
    return worst
