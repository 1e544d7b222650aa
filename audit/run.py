"""An audit from beginning to end.

    1. package        read, and its definition hash computed; what else was given is read, and a checkpoint of each log with
                      the keys that were named: a mistake in these should not come out after minutes of downloads
    2. snapshots      fetched first: what is published must already be in the log
    3. checkpoints    of every log, no older than the snapshots; signatures of the log and of witnesses
    4. records        every bundle, every signature, the root; older checkpoints and receipts that somebody holds
    5. genesis        each log opens this election with this definition, and no other
    6. recount        from the records alone; and what the keys' numbers show, which is no part of the verdict
    7. comparison     each published tally at its own `as_of`

What is found at one step ends the audit there, for what follows would rest on it; differences of numbers are all listed.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from audit.count.numbering import Numbering
from audit.count.recount import Recount
from audit.count.values import Refused
from audit.report.compare import Claim, Comparison, Snapshots
from audit.report.findings import AuditError, Discovery, GivenError, NotWitnessedError, TamperedError, Verdict
from audit.sample import audit_stations
from audit.sources.archive import Archive
from audit.sources.ledger import copy_ledger
from audit.sources.package import Package, read_package
from audit.sources.package_files import PackageError
from audit.verify import Head, Keys, check_logs, check_other_checkpoint, checked_through, open_head
from proofs.notes import NoteError, parse_checkpoint, parse_note

PACKAGE = "package.zip"
PUBLISHED = "published.ndjson"
CHECKPOINT_SECONDS_MAX = 30
"""How long a checkpoint may lag behind a snapshot before that is a finding."""
PARTS_MAX = 100_000
"""Parts of one answer, each some megabytes: a server that announces more would keep the auditor busy for ever."""
REFUSED_SHOWN_MAX = 1_000

Say = Callable[[str], None]
Progress = Callable[[str, int, int], None]
"""What is done, how much of it, of how much."""


@dataclass(frozen=True)
class Wishes:
    """What to audit, and against what."""

    source: str
    brokers: str = ""
    """Kafka to take the records from; the archive is then filled from there."""
    package: Path | None = None
    keys: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()
    witnesses_min: int = 0
    checkpoints: tuple[Path, ...] = ()
    receipts: tuple[Path, ...] = ()
    since: tuple[Path, ...] = ()
    sample: int = 0
    seed: int = 0
    stations: bool = True
    areas_max: int | None = None
    """With a number: only the root and that many other areas, by chance."""
    client: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """How Kafka is reached, in aiokafka's words; with a password."""


@dataclass
class Report:
    """What an audit did and found."""

    source: str
    began_at: float
    election: str = ""
    mode: str = ""
    definition: str = ""
    heads: list[Head] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What a reader should know about how far the audit reaches."""
    records: dict[str, int] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    """Records in the log that must not count; a server that counts one DIFFERS."""
    numbering: Numbering | None = None
    """What the keys' numbers show; None where not all records were read."""
    compared: int = 0
    steps: list[tuple[str, float]] = field(default_factory=list)
    """Name and seconds."""
    discoveries: list[Discovery] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        return max((each.verdict for each in self.discoveries), key=lambda each: each.value, default=Verdict.VERIFIED)

    @property
    def line(self) -> str:
        """The last word."""
        size = sum(head.size for head in self.heads)
        if not self.discoveries:
            return f"VERIFIED: {size:,} records of {len(self.heads)} logs, {self.compared:,} published tallies"
        worst = [each for each in self.discoveries if each.verdict is self.verdict]
        more = f" (and {len(worst) - 1:,} more)" if len(worst) > 1 else ""
        return f"{self.verdict.name}: {worst[0]}{more}"


def audit(archive: Archive, published: Archive | None, work: Path, wishes: Wishes, progress: Progress) -> Report:
    """Audit the logs in `archive` and the snapshots of `published`, which is the same where a server serves both. Raises
    AuditError where the audit could not be made; what it found is in the report."""
    report = Report(wishes.source, time.time())
    try:
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
    with _step(report, "package"):  # 1
        package = _package(archive, wishes)
        report.election, report.mode, report.definition = package.id, package.mode, package.definition
        _read_given(wishes, package)
        if archive.is_live and not wishes.brokers:
            _heads(archive, package, keys, [])
    if wishes.sample:
        _audit_sample(archive, wishes, package, keys, report)
        return
    with _step(report, "snapshots"):  # 2
        claims = [] if wishes.since or published is None else _claims(published, package, wishes, progress)
        if published is None:
            report.notes.append("Nothing published was compared: name the server with --published.")
    with _step(report, "checkpoints"):  # 3
        if wishes.brokers:
            heads = report.heads = _heads_of_ledger(archive, published, package, keys, wishes, progress)
            _check_reach(heads, claims)
        else:
            heads = report.heads = _heads(archive, package, keys, claims)
        if keys.pinned_now:
            report.notes.append(
                f"The keys of {len(keys.pinned_now)} logs were taken from the source itself. Compare pins.json with keys "
                "that you have from elsewhere, or give them with --key."
            )
        if not wishes.witnesses:
            report.notes.append("No witness was named (--witness): other readers may have been shown another log.")
    with _step(report, "records"):  # 4
        since = _since(archive, heads, wishes) if wishes.since else None
        total = sum(head.size for head in heads) - sum(log.size for log in (since or {}).values())
        done = 0

        def count(records: int) -> None:
            nonlocal done
            done += records
            progress("records", done, total)

        rows = check_logs(archive, work, package, heads, count, since)
        for path in wishes.checkpoints:
            check_other_checkpoint(archive, published or archive, package, heads, keys, path.name, _read(path))
    if rows is None:
        report.notes.append(
            "Only new records were checked; to compare numbers, all are needed (give --archive instead)."
        )
        return
    with _step(report, "recount"):
        recount = Recount(package, rows, work, lambda done, total: progress("recount", done, total))
        _check_genesis(package, recount)  # 5
        for path in wishes.receipts:
            _check_receipt(recount, package, path)
        report.records = recount.records()
        report.refused = recount.refused()
        comparison = Comparison(package, recount)  # 6
    with _step(report, "numbers"):
        report.numbering = recount.numbering()
    with _step(report, "comparison"):  # 7
        seen = 0

        def compared(claims_: int) -> None:
            nonlocal seen
            seen += claims_
            progress("tallies", seen, len(claims))

        report.discoveries += comparison.compare(claims, compared)
        report.compared = comparison.compared


@contextmanager
def _step(report: Report, name: str) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        report.steps.append((name, time.perf_counter() - began))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise GivenError(f"{path} cannot be read: {error.strerror}") from None


def _package(archive: Archive, wishes: Wishes) -> Package:
    given = wishes.package
    if given is None and not archive.is_live:
        folder = archive.directory / "package"
        given = folder if folder.is_dir() else archive.directory / PACKAGE
    try:
        if given is not None:
            return read_package(given)
        data = archive.newest(f"v1/{PACKAGE}")
        if data is None:
            raise AuditError("the source has no election package; give one with --package")
        archive.keep(PACKAGE, data)
        return read_package(archive.directory / PACKAGE)
    except PackageError as error:
        raise (AuditError if given is None else GivenError)(f"package: {error}") from None


def _read_given(wishes: Wishes, package: Package) -> None:
    """Whether checkpoints and receipts that were given can be read, and are of this election. Raises AuditError."""
    origins = {package.origin(partition) for partition in range(package.partitions)}
    for path in (*wishes.checkpoints, *wishes.since):
        try:
            origin = parse_checkpoint(parse_note(_read(path)).text).origin
        except NoteError as error:
            raise GivenError(f"{path}: {error}") from None
        if origin not in origins:
            raise GivenError(f"{path} is a checkpoint of {origin!r}, which is not a log of this election")
    for path in wishes.receipts:
        _read_receipt(path, package)


# ── 2 ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _claims(archive: Archive, package: Package, wishes: Wishes, progress: Progress) -> list[Claim]:
    """What is published, from the server or as it was kept."""
    published = Published(archive)
    snapshots = Snapshots(package)
    claims: list[Claim] = []
    for path in snapshots.office_paths():
        for part, answer in published.parts(path):
            claims += _claimed(part, snapshots, snapshots.of_office(part, answer))
    for path in snapshots.contest_paths():
        claims += _claimed(path, snapshots, snapshots.of_contest(path, published.ask(path)))
    paths = snapshots.area_paths()
    if wishes.areas_max is not None:
        root = f"v1/areas/{snapshots.root}"
        others = [path for path in paths if path != root]
        paths = [root, *random.Random(wishes.seed).sample(others, min(wishes.areas_max, len(others)))]
    for number, path in enumerate(paths):
        for part, answer in published.parts(path):
            claims += _claimed(part, snapshots, snapshots.of_area(part, answer))
        progress("snapshots", number + 1, len(paths))
    if wishes.stations:
        for row in package.tables["contests"]:
            claims += _claimed(f"stations of {row['id']}", snapshots, snapshots.stations(published.ask, row["id"]))
    published.keep()
    return claims


def _claimed(path: str, snapshots: Snapshots, claims: Iterator[Claim]) -> list[Claim]:
    """Raises AuditError where an answer has not the shape that its description gives it."""
    try:
        found = list(claims)
        for claim in found:
            snapshots.check(claim)
        return found
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise AuditError(f"{path}: the answer has not its shape ({type(error).__name__}: {error})") from None


class Published:
    """Answers of the server, or those that were kept with an archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._lines: list[bytes] = []
        self._kept: dict[str, Any] = {}
        if not archive.is_live:
            for line in archive.lines(PUBLISHED):
                try:
                    entry = orjson.loads(line)
                    self._kept[entry["path"]] = entry["answer"]
                except (ValueError, KeyError, TypeError):
                    raise AuditError(f"{PUBLISHED} is not a file of kept answers") from None

    def ask(self, path: str) -> dict[str, Any]:
        """Raises AuditError where there is no answer, or none that is JSON."""
        if not self._archive.is_live:
            if path not in self._kept:
                raise AuditError(
                    f"the archive has no answer of {path}; audit the server, or an archive of an audit of it"
                )
            return self._object(path, self._kept[path])
        data = self._archive.newest(path)
        if data is None:
            raise AuditError(f"the server has no {path}")
        try:
            answer = orjson.loads(data)
        except ValueError:
            raise AuditError(f"{path}: the answer is not JSON") from None
        # Said anew and not copied: whatever the answer looks like, it stays one line.
        self._lines.append(b'{"path":%b,"answer":%b}' % (orjson.dumps(path), orjson.dumps(answer)))
        return self._object(path, answer)

    def _object(self, path: str, answer: Any) -> dict[str, Any]:
        if not isinstance(answer, dict):
            raise AuditError(f"{path}: the answer is not an object")
        return answer

    def parts(self, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """An answer that may come in several parts: the path of each, and it. Raises AuditError."""
        answer = self.ask(path)
        yield path, answer
        parts = answer.get("parts")
        if type(parts) is not int or not 1 <= parts <= PARTS_MAX:
            raise AuditError(f"{path}: expected 1 to {PARTS_MAX} parts, got {parts!r}")
        for number in range(2, parts + 1):
            yield f"{path}?part={number}", self.ask(f"{path}?part={number}")

    def station(self, code: str) -> dict[str, Any]:
        """A station as its first page shows it, with its whole history up to what that page is as of: what has come since is
        another count's. Raises AuditError."""
        path = f"v1/stations/{code}"
        answer = self.ask(path)
        reach: dict[str, int] = {}
        for cut in answer["shard_as_of"].values():
            for partition, offset in cut.items():
                reach[partition] = max(offset, reach.get(partition, -1))
        history, after = list(answer["history"]), answer["next"]
        last = max(map(_place_of, history), default=(-1, -1))
        while after is not None and last[0] <= max(reach.values(), default=-1):
            query = f"{path}?after={after}"
            page = self.ask(query)
            places = list(map(_place_of, page["history"]))
            if not places or min(places) <= last:
                raise AuditError(f"{query}: the page does not begin after {after}")
            history += [each for each in page["history"] if each["offset"] <= reach.get(str(each["partition"]), -1)]
            last, after = max(places), page["next"]
        return {**answer, "history": history}

    def keep(self) -> None:
        if self._archive.is_live:
            self._archive.keep(PUBLISHED, b"\n".join(self._lines) + b"\n")


def _place_of(entry: Mapping[str, Any]) -> tuple[int, int]:
    return int(entry["offset"]), int(entry["partition"])


# ── 3 ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _heads(archive: Archive, package: Package, keys: Keys, claims: Sequence[Claim]) -> list[Head]:
    """A checkpoint of each log that covers what is published and that enough witnesses have signed. Raises TamperedError
    where none comes in time."""
    reach = _reach(claims)
    heads = []
    deadline = time.monotonic() + CHECKPOINT_SECONDS_MAX
    for partition in range(package.partitions):
        while True:
            is_last = not archive.is_live or time.monotonic() > deadline
            try:
                head, data = open_head(archive, package, partition, keys)
                if is_last or head.size > reach.get(partition, (-1, ""))[0]:
                    break
            except NotWitnessedError:
                if is_last:
                    raise
            time.sleep(0.5)
        archive.keep(f"log/{partition}/checkpoint", data)
        heads.append(head)
    _check_reach(heads, claims)
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


def _reach(claims: Sequence[Claim]) -> dict[int, tuple[int, str]]:
    """Partition → the last record that a published number is of, and its path."""
    reach: dict[int, tuple[int, str]] = {}
    for claim in claims:
        for partition, offset in claim.cut:
            if offset > reach.get(partition, (-1, ""))[0]:
                reach[partition] = (offset, claim.path)
    return reach


def _check_reach(heads: Sequence[Head], claims: Sequence[Claim]) -> None:
    """Nothing is published that the log does not have. Raises TamperedError."""
    for partition, (offset, path) in _reach(claims).items():
        size = heads[partition].size if partition < len(heads) else 0
        if size <= offset:
            raise TamperedError(
                f"/{path}", f"it is as of record {offset} of log {partition}, which has only {size} records"
            )


def _since(archive: Archive, heads: Sequence[Head], wishes: Wishes) -> dict[int, Any]:
    found = {}
    for path in wishes.since:
        try:
            checkpoint = parse_checkpoint(parse_note(_read(path)).text)
        except NoteError as error:
            raise AuditError(f"{path}: {error}") from None
        head = next((each for each in heads if each.origin == checkpoint.origin), None)
        if head is None:
            raise TamperedError(
                str(path), f"is a checkpoint of {checkpoint.origin!r}, which is not a log of this election"
            )
        found[head.partition] = checked_through(archive, head, checkpoint.size, checkpoint.root)
    return found


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
            raise TamperedError(where, f"is no genesis of this election ({kind}, rule {refusal})")
    if len({event for _, event, _, _, _ in rows}) != 1:
        raise TamperedError("genesis", "the logs were opened with different events")


_RECEIPT = re.compile(
    r"rekap receipt v1\nelection (?P<election>.*)\nsubmission (?P<submission>.*)\npartition (?P<partition>\d+)\n"
    r"offset (?P<offset>\d+)\nleaf (?P<leaf>[0-9a-f]{64})\nreceived .*\n"
)


def _read_receipt(path: Path, package: Package) -> re.Match[str]:
    """A receipt as the gateway answered it (JSON), or its signed note alone. Raises AuditError."""
    text = _read(path).decode(errors="replace")
    with suppress(ValueError, AttributeError):
        text = orjson.loads(text).get("signed", "")
    found = _RECEIPT.match(text)
    if found is None:
        raise GivenError(f"{path} is not a receipt of a Rekap gateway")
    if found["election"] != package.id:
        raise GivenError(f"{path} is a receipt of the election {found['election']!r}")
    return found


def _check_receipt(recount: Recount, package: Package, path: Path) -> None:
    """What a gateway has signed is in the log, at its place, with its leaf hash. Raises TamperedError, AuditError.

    Whose signature it is does not matter here: a leaf that is there needs no witness.
    """
    found = _read_receipt(path, package)
    partition, offset = int(found["partition"]), int(found["offset"])
    record = recount.leaf(partition, offset)
    if record is None or record != (found["submission"], found["leaf"]):
        what = (
            "the log does not reach so far" if record is None else f"another record stands there, with leaf {record[1]}"
        )
        raise TamperedError(
            f"log {partition}, record {offset}", f"{path.name} promises leaf {found['leaf']}, but {what}"
        )


# ── a sample instead of all ──────────────────────────────────────────────────────────────────────────────────────────


def _audit_sample(archive: Archive, wishes: Wishes, package: Package, keys: Keys, report: Report) -> None:
    published = Published(archive)
    codes = sorted(row["code"] for row in package.tables["stations"])
    chosen = random.Random(wishes.seed).sample(codes, min(wishes.sample, len(codes)))
    with _step(report, "snapshots"):
        answers = {code: published.station(code) for code in chosen}
    with _step(report, "checkpoints"):
        cuts = [
            Claim(f"v1/stations/{code}", office, tuple((int(p), o) for p, o in cut.items()), "", "", "", None)
            for code, answer in answers.items()
            for office, cut in answer["shard_as_of"].items()
        ]
        report.heads = _heads(archive, package, keys, cuts)
    with _step(report, "stations"):
        report.compared, found = audit_stations(archive, package, report.heads, answers)
        report.discoveries += found
    report.notes.append(
        f"{len(chosen)} stations by chance (seed {wishes.seed}): what the server shows of them is in the log, signed, and "
        "counts to what it says. That it shows all that the log has of them, only a whole audit can tell."
    )
