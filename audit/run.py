"""An audit from beginning to end.

    0. files           of an archive that `rekap archive` has written: each is what the archive's list names
    1. package        read, and its definition hash computed; what else was given is read, and a checkpoint of each log with
                      the keys that were named: a mistake in these should not come out after minutes of downloads
    2. snapshots      fetched first: what is published must already be in the log
    3. checkpoints    of every log, no older than the snapshots; signatures of the log and of witnesses
    4. records        every bundle, every signature, the root; older checkpoints and receipts that somebody holds
    5. genesis        each log opens this election with this definition, and no other
    6. recount        from the records alone; and what the keys' numbers show, which is not part of the verdict
    7. comparison     each published tally at its own `as_of`

A finding at one step ends the audit there, because what follows would rest on it; differences of numbers are all listed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from audit.count.recount import Recount
from audit.findings import AuditError, TamperedError
from audit.given import check_receipt, package_of, read_file, read_given
from audit.logs.heads import Head, check_reach, covering_heads
from audit.logs.keys import Keys
from audit.logs.ledger import copy_ledger
from audit.logs.others import check_other_checkpoint, trusted_beginnings
from audit.logs.records import check_logs
from audit.published.answers import Published
from audit.published.claims import Claim, Snapshots
from audit.published.compare import Comparison
from audit.report.outcome import Report
from audit.sample import audit_stations
from audit.sources.archive import Archive
from audit.sources.package import Package
from audit.sources.written_archive import WrittenArchive
from audit.wishes import Wishes
from audit.workspace import workspace
from proofs.notes import NoteError

Progress = Callable[[str, int, int], None]
"""Name of a step, how much of it is done, and of how much."""


def audit(archive: Archive, published: Archive | None, work: Path, wishes: Wishes, progress: Progress) -> Report:
    """Audit the logs in `archive` and the snapshots of `published`, which is the same where a server serves both. Raises
    AuditError where the audit could not be made; what it found is in the report."""
    report = Report(wishes.source, time.time())
    try:
        with workspace(work):
            _audit(archive, published, work, wishes, progress, report)
    except TamperedError as error:
        report.discoveries.append(error.discovery)
    except NoteError as error:
        raise AuditError(str(error)) from None
    return report


def _audit(
    archive: Archive, published: Archive | None, work: Path, wishes: Wishes, progress: Progress, report: Report
) -> None:
    keys = Keys(wishes.keys, wishes.witnesses, wishes.witnesses_min)
    written = WrittenArchive(archive) if archive.is_fixed else None
    if written is not None:
        with report.step("files"):  # 0
            report.discoveries += written.check(lambda done, total: progress("files", done, total))
            report.notes += filter(None, [written.note()])
        if report.discoveries:
            return
    with report.step("package"):  # 1
        progress("package", 0, 1)
        package = package_of(archive, wishes.package)
        report.election, report.mode, report.definition = package.id, package.mode, package.definition
        read_given(wishes, package)
        if archive.is_live and not wishes.brokers:
            covering_heads(archive, package, keys, [])
        progress("package", 1, 1)
    if wishes.sample:
        _audit_sample(archive, wishes, package, keys, report)
        return
    with report.step("snapshots"):  # 2
        files = None if written is None else written.answers
        answers = None if wishes.since or published is None else _answers(published, wishes, report, files)
        snapshots = Snapshots(package)
        claims = [] if answers is None else _claims(answers, snapshots, package, wishes, progress)
        if published is None:
            report.notes.append("Nothing published was compared: name the server with --published.")
    with report.step("checkpoints"):  # 3
        heads = report.heads = _heads(archive, published, package, keys, wishes, progress, claims)
        if keys.pinned_now:
            report.notes.append(
                f"The keys of {len(keys.pinned_now)} logs were taken from the source itself. Compare "
                f"{'log/*/keys' if archive.is_fixed else 'pins.json'} with keys that you have from elsewhere, or give them "
                "with --key."
            )
        if not wishes.witnesses:
            report.notes.append("No witness was named (--witness): other readers may have been shown another log.")
    with report.step("records"):  # 4
        rows = _records(archive, work, package, wishes, progress, heads)
        for path in wishes.checkpoints:
            check_other_checkpoint(archive, published or archive, package, heads, keys, path.name, read_file(path))
    if rows is None:
        report.notes.append(
            "Only new records were checked; to compare numbers, all are needed (give --archive instead)."
        )
        return
    with report.step("recount"):
        recount = Recount(package, rows, work, lambda done, total: progress("recount", done, total))
        _check_genesis(package, recount)  # 5
        for path in wishes.receipts:
            check_receipt(recount, package, path)
        report.records = recount.records()
        report.refused = recount.refused()
        report.finance = recount.finance()
        comparison = Comparison(package, recount)  # 6
    with report.step("numbers"):
        report.numbering = recount.numbering(lambda done, total: progress("numbers", done, total))
    with report.step("comparison"):  # 7
        if answers is not None:
            _compare(comparison, claims, answers, snapshots, progress, report)
        report.compared = comparison.compared
    recount.close()


# ── 2 ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _answers(published: Archive, wishes: Wishes, report: Report, files: Mapping[str, str] | None = None) -> Published:
    """The answers of the server. Those of an interrupted audit are taken too, unless some areas were to be chosen anew. `files`
    as in Published."""
    answers = Published(published, continues=wishes.areas_max is None, files=files)
    if answers.continued:
        report.notes.append(
            f"{answers.continued:,} published answers are those of an audit that was interrupted within the last hour."
        )
    return answers


def _claims(
    answers: Published, snapshots: Snapshots, package: Package, wishes: Wishes, progress: Progress
) -> list[Claim]:
    """What is published, from the server or as it was kept."""
    claims: list[Claim] = []
    for path in snapshots.office_paths():
        for part, answer in answers.parts(path):
            claims += snapshots.claims(part, snapshots.of_office(answer))
    for path in snapshots.contest_paths():
        claims += snapshots.claims(path, snapshots.of_contest(answers.ask(path)))
    paths = snapshots.area_paths()
    if wishes.areas_max is not None:
        root = f"v1/areas/{snapshots.root}"
        others = [path for path in paths if path != root]
        paths = [root, *random.Random(wishes.seed).sample(others, min(wishes.areas_max, len(others)))]
    contests = [row["id"] for row in package.tables["contests"]] if wishes.stations else []
    total = len(paths) + len(contests)
    for number, path in enumerate(paths, start=1):
        for part, answer in answers.parts(path):
            claims += snapshots.claims(part, snapshots.of_area(answer))
        progress("snapshots", number, total)
    for number, contest in enumerate(contests, start=len(paths) + 1):
        for page, published in snapshots.stations(answers.ask, contest):
            claims += snapshots.claims(page, published)
        progress("snapshots", number, total)
    answers.keep()
    return claims


# ── 3 ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _heads(
    archive: Archive,
    published: Archive | None,
    package: Package,
    keys: Keys,
    wishes: Wishes,
    progress: Progress,
    claims: list[Claim],
) -> list[Head]:
    if not wishes.brokers:
        return covering_heads(archive, package, keys, claims)
    heads = _heads_of_ledger(archive, published, package, keys, wishes, progress)
    check_reach(heads, claims)
    return heads


def _heads_of_ledger(
    archive: Archive, published: Archive | None, package: Package, keys: Keys, wishes: Wishes, progress: Progress
) -> list[Head]:
    """The trees over what Kafka holds; what the server has signed must be their beginnings. Raises TamperedError."""
    signed: list[tuple[str, bytes]] = []
    if published is not None:
        for partition in range(package.partitions):
            name = f"log/{partition}/checkpoint"
            data = published.newest(name)
            if data is None:
                raise AuditError(f"{name}: the server has none yet")
            signed.append((name, data))
    # After the checkpoints, so that all that they promise must be in the ledger.
    heads = copy_ledger(
        wishes.brokers, wishes.client, package, archive, lambda done, total: progress("ledger", done, total)
    )
    for name, data in signed:
        check_other_checkpoint(archive, published or archive, package, heads, keys, name, data)
    return heads


# ── 4 ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _records(
    archive: Archive, work: Path, package: Package, wishes: Wishes, progress: Progress, heads: list[Head]
) -> list[Path] | None:
    since = trusted_beginnings(archive, heads, wishes.since) if wishes.since else None
    total = sum(head.size for head in heads) - sum(log.size for log in (since or {}).values())
    done = 0

    def count(records: int) -> None:
        nonlocal done
        done += records
        progress("records", done, total)

    return check_logs(archive, work, package, heads, count, since)


# ── 5 ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _check_genesis(package: Package, recount: Recount) -> None:
    """Record 0 of each log opens this election, under the definition that the package hashes to. Raises TamperedError."""
    rows = recount.genesis()
    if len(rows) != package.partitions:
        raise TamperedError("genesis", f"{len(rows)} logs have a first record, the election has {package.partitions}")
    for partition, _, kind, definition, refusal in rows:
        where = f"log {partition}, record 0"
        if definition is not None and definition != package.definition:
            raise TamperedError(
                where,
                f"the election was opened with the definition {definition}, but the package hashes to "
                f"{package.definition}: one of them was swapped",
            )
        if kind != "election.opened" or refusal is not None:
            raise TamperedError(where, f"is not the genesis of this election ({kind}, rule {refusal})")
    if len({event for _, event, _, _, _ in rows}) != 1:
        raise TamperedError("genesis", "the logs were opened with different events")


# ── 7 ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _compare(
    comparison: Comparison,
    claims: list[Claim],
    answers: Published,
    snapshots: Snapshots,
    progress: Progress,
    report: Report,
) -> None:
    seen = 0

    def compared(claims_: int) -> None:
        nonlocal seen
        seen += claims_
        progress("tallies", seen, len(claims))

    def read(claim: Claim) -> Any:
        return snapshots.published(claim, answers.ask(claim.path))

    report.discoveries += comparison.compare(claims, read, compared)


# ── a sample instead of all ──────────────────────────────────────────────────────────────────────────────────────────


def _audit_sample(archive: Archive, wishes: Wishes, package: Package, keys: Keys, report: Report) -> None:
    published = Published(archive)
    codes = sorted(row["code"] for row in package.tables["stations"])
    chosen = random.Random(wishes.seed).sample(codes, min(wishes.sample, len(codes)))
    with report.step("snapshots"):
        answers = {code: published.station(code) for code in chosen}
    with report.step("checkpoints"):
        cuts = [
            Claim(f"v1/stations/{code}", office, tuple((int(p), o) for p, o in cut.items()), "", "", "", b"", 0)
            for code, answer in answers.items()
            for office, cut in answer["shard_as_of"].items()
        ]
        report.heads = covering_heads(archive, package, keys, cuts)
    with report.step("stations"):
        report.compared, found = audit_stations(archive, package, report.heads, answers)
        report.discoveries += found
    report.notes.append(
        f"{len(chosen)} stations by chance (seed {wishes.seed}): what the server shows of them is in the log, signed, and "
        "agrees with the recount. Only a whole audit can show that the server shows all that the log has of them."
    )
