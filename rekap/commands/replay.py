"""`rekap replay`: fold a prefix of the log again, and show what the count was then.

In     a log (runtime/log_source.py), the package, and for each ledger partition the offset of the last event to count
Does   what tabulator, roll-up and recorder do, with the same pure folds, in memory, without Kafka's groups or a database
Out    what the API answered at that moment, as a table or as the same bytes

Signatures are checked as the tabulator checks them. That the log is the one that was signed is for the auditor to check.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import click
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from projections.area.rollup import Rollup
from projections.definition.checks import problems
from projections.definition.compiled import Definition, OfficeEntry
from projections.fold.records import Record, checked_record
from projections.fold.tabulation import GenesisError, PartitionFold
from projections.readmodel.rows import Batch, Watermarks
from projections.shown.answer_parts import (
    BEFORE_ALL,
    HISTORY_RECORDS,
    Part,
    Place,
    history_page,
    part_of_area,
    part_of_office,
)
from projections.shown.published import (
    Moment,
    answer_bytes,
    area_answer,
    as_of,
    contest_answer,
    office_answer,
    shard_as_of,
    station_answer,
    tallies_in,
)
from proofs.signatures import load_public_key
from rekap.commands.watch import PIPED_WIDTH, tally_table
from rekap.follow.replay_server import serve
from rekap.terminal import complain, say
from runtime.log_source import LogSource, LogSourceError, open_log
from runtime.package.errors import PackageError
from runtime.package.reading import load_package
from runtime.settings import Settings, SettingsError, read_settings
from schemas.codes import NOTHING_YET

EXIT_WRONG_QUESTION = 1
EXIT_CONFIGURATION = 2
EXIT_NO_LOG = 3
CHECKED_AT_ONCE = 250
"""Records that a thread checks in one go: 25 ms. At a tenth, handing over shows; at ten times, threads wait at the end."""
BLOCK_RECORDS = 5_000
_PLACES = re.compile(r"\d+:-?\d+(,\d+:-?\d+)*")
_PLACE = re.compile(r"[0-9]{1,4}/[0-9]{1,18}")


class ReplayError(LookupError):
    """What is asked cannot be shown; the sentence says why."""


class Replayed(NamedTuple):
    moment: Moment
    standings: Mapping[str, Mapping[str, Any]]
    """By contest what stands for the station that was asked for, as in the table `station_result`."""
    history: Sequence[Mapping[str, Any]]
    """All records of that station, in the order and form of queries.STATION_HISTORY."""


# ── the fold ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def fold_log(
    log: LogSource,
    definition: Definition,
    through: Mapping[int, int],
    *,
    station: str | None = None,
    advanced: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Fold each partition through its offset; keep records of one station only. `advanced` hears of records folded.
    Raises LogSourceError, ReplayError."""
    keys = {key_id: load_public_key(key.public_key) for key_id, key in definition.keys.items()}
    rollup = Rollup(definition)
    kept = Batch(definition, Watermarks({}, {}))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for partition, last in sorted(through.items()):
            fold = PartitionFold(definition, partition)
            async for entries in log.entries(partition, 0, last + 1):
                for record, holds in await checked_records(threads, fold.next_offset, entries, keys):
                    try:
                        fold.apply(record, holds)
                    except GenesisError as error:
                        raise ReplayError(f"{error}; is this the package of that log?") from None
                    if fold.next_offset % BLOCK_RECORDS == 0:
                        _tell(fold, rollup, kept, station)
                advanced(len(entries))
            _tell(fold, rollup, kept, station)
    for office in rollup.offices.values():
        result = office.keyframe()
        if result is not None:
            kept.add_result(result.to_bytes())
    moment = Moment(kept.watermarks.results, kept.watermarks.blocks, kept.tallies, kept.office_tallies)
    return Replayed(moment, {contest: row for (_, contest), row in kept.stations.items()}, _history(kept))


def _tell(fold: PartitionFold, rollup: Rollup, kept: Batch, station: str | None) -> None:
    """What the blocks since the last call change, as roll-up and recorder take it; then forget all other stations."""
    for block in fold.take_blocks():
        rollup.apply(block)
        kept.add_block(block.to_bytes())
    kept.records = [each for each in kept.records if station is not None and each[2]["station"] == station]
    places = {(partition, row["offset"]) for partition, _, row in kept.records}
    kept.states = {place: state for place, state in kept.states.items() if place in places}
    kept.stations = {place: row for place, row in kept.stations.items() if place[0] == station}


def _history(kept: Batch) -> list[dict[str, Any]]:
    history = []
    for partition, _, row in sorted(kept.records, key=lambda each: (each[2]["offset"], each[0])):
        state = kept.states[partition, row["offset"]]
        payload = orjson.dumps(row["payload"]) if "payload" in row else None
        findings = orjson.dumps(state["findings"])
        history.append(
            {
                **row,
                "partition": partition,
                "leaf": bytes.fromhex(row["leaf"]),
                "payload": payload,
                "state": state["state"],
                "findings": findings,
                "bytes": len(payload or b"") + len(findings),
            }
        )
    return history


async def checked_records(
    threads: ThreadPoolExecutor, first: int, entries: Sequence[bytes], keys: Mapping[str, Ed25519PublicKey]
) -> list[tuple[Record, bool]]:
    def check(start: int) -> list[tuple[Record, bool]]:
        values = entries[start : start + CHECKED_AT_ONCE]
        return [checked_record(offset, value, keys) for offset, value in enumerate(values, first + start)]

    loop = asyncio.get_running_loop()
    parts = await asyncio.gather(
        *(loop.run_in_executor(threads, check, start) for start in range(0, len(entries), CHECKED_AT_ONCE))
    )
    return [each for part in parts for each in part]


def cut_of(text: str) -> dict[int, int]:
    """The `--to` of a replay: an `as_of` as snapshots have it, or `partition:offset,…`. Raises ReplayError."""
    try:
        said: Any
        if _PLACES.fullmatch(text):
            said = dict(place.split(":") for place in text.split(","))
        else:
            said = orjson.loads(text)
            said = said.get("as_of", said)
        cut = {int(partition): int(offset) for partition, offset in said.items()}
    except (ValueError, TypeError, AttributeError):
        cut = {-1: -1}
    if min(cut, default=0) < 0 or min(cut.values(), default=0) < NOTHING_YET:
        raise ReplayError(f'--to: expected {{"0":12,"1":9}} or 0:12,1:9, got {text[:80]!r}')
    return cut


async def through_of(log: LogSource, definition: Definition, to: str | None) -> dict[int, int]:
    """For each partition that is read the offset of its last event. Raises LogSourceError, ReplayError."""
    sizes = await asyncio.gather(*(log.size(partition) for partition in range(definition.partitions)))
    if to is None:
        return {partition: size - 1 for partition, size in enumerate(sizes)}
    cut = cut_of(to)
    if missing := [str(partition) for partition in range(definition.partitions) if partition not in cut]:
        raise ReplayError(
            f"--to: names nothing for partition {', '.join(missing[:10])}{' and others' if missing[10:] else ''}; each of the "
            f"{definition.partitions} must be named, with -1 where none of its events counts"
        )
    for partition, offset in cut.items():
        if partition >= definition.partitions:
            raise ReplayError(f"--to: there are partitions 0 to {definition.partitions - 1}, not {partition}")
        if offset >= sizes[partition]:
            raise ReplayError(
                f"--to: partition {partition} has {sizes[partition]} events there, none with offset {offset}"
            )
    return cut


# ── what is shown ────────────────────────────────────────────────────────────────────────────────────────────────────


class Question(NamedTuple):
    """What of the election is shown: one of these, or an area or a level with an office."""

    area: str | None = None
    contest: str | None = None
    office: str | None = None
    station: str | None = None
    level: str | None = None
    part: int | None = None
    """Part of an area or an office; None is the first."""
    after: str | None = None
    """A place in a station's history, behind which the page begins."""

    def check(self, definition: Definition) -> None:
        """Raises ReplayError."""
        given = [name for name in ("area", "contest", "office", "station", "level") if getattr(self, name) is not None]
        if len(given) > 1 and not (len(given) == 2 and "office" in given and {"area", "level"} & set(given)):
            raise ReplayError(f"--{' and --'.join(given)} do not go together")
        for name, known in (
            ("area", definition.area_number),
            ("contest", definition.contest_number),
            ("office", definition.office_number),
            ("station", definition.station_number),
            ("level", definition.level_ids[:-1]),
        ):
            value = getattr(self, name)
            if value is not None and value not in known:
                raise ReplayError(f"--{name}: there is no {name} {value!r} in this election")
        if self.part is not None and {"contest", "station", "level"} & set(given):
            raise ReplayError(f"--part: only an area or an office is shown in parts; --{given[-1]} is shown whole")
        if self.part is not None:
            self._part(definition)
        if self.after is not None and self.station is None:
            raise ReplayError("--after: goes with --station only")
        if self.after is not None and not _PLACE.fullmatch(self.after):
            raise ReplayError(f"--after: expected the partition/offset of a record, as 0/12, got {self.after[:80]!r}")

    def _offices(self, definition: Definition) -> Sequence[OfficeEntry]:
        if self.office is None:
            return definition.offices
        return [definition.offices[definition.office_number[self.office]]]

    def _area(self, definition: Definition) -> int:
        return definition.root if self.area is None else definition.area_number[self.area]

    def _part(self, definition: Definition) -> Part:
        """Raises ReplayError."""
        number, offices = self.part or 1, self._offices(definition)
        try:
            if self.office is not None and self.area is None:
                return part_of_office(definition, offices[0], number)
            return part_of_area(definition, self._area(definition), offices, number)
        except LookupError as error:
            raise ReplayError(f"--part: {error}") from None

    def answer(self, definition: Definition, replayed: Replayed) -> dict[str, Any]:
        """What the API answers: GET /v1/contests/…, areas/…, offices/…, stations/…; of a level the tallies of its areas."""
        moment = replayed.moment
        if self.station is not None:
            number = definition.station_number[self.station]
            last = BEFORE_ALL if self.after is None else _place(self.after)
            rest = (row for row in replayed.history if (row["offset"], row["partition"]) > last)
            page = history_page(rest, HISTORY_RECORDS)
            return station_answer(definition, number, replayed.standings, page, moment)
        if self.contest is not None:
            return contest_answer(definition, definition.contests[definition.contest_number[self.contest]], moment)
        offices = self._offices(definition)
        if self.level is not None:
            level = definition.level_ids.index(self.level)
            areas = [number for number, each in enumerate(definition.area_level) if each == level]
            return {
                "level": self.level,
                "offices": [
                    {
                        "office": office.id,
                        "as_of": as_of(moment, office),
                        "shard_as_of": shard_as_of(definition, moment, office),
                        "contests": tallies_in(definition, office, areas, moment),
                    }
                    for office in offices
                ],
            }
        if self.office is not None and self.area is None:
            return office_answer(definition, offices[0], moment, self._part(definition))
        return area_answer(definition, self._area(definition), offices, moment, self._part(definition))


def _place(text: str) -> Place:
    partition, _, offset = text.partition("/")
    return Place(int(offset), int(partition))


def _rest_note(answer: Mapping[str, Any]) -> str:
    """How to see what this answer leaves out; empty where it leaves nothing out."""
    if answer.get("next") is not None:
        return f"\nmore records follow: --after {answer['next']}"
    if answer.get("parts", 1) > 1:
        return f"\npart {answer['part']} of {answer['parts']}: --part shows another"
    return ""


def table_of(answer: dict[str, Any], definition: Definition, records: int) -> Table:
    """The tallies of an answer, or a station's history."""
    caption = f"folded from {records:,} ledger records{_rest_note(answer)}"
    if "history" in answer:
        return _history_table(answer, caption)
    listed = [answer["tally"]] if "contest" in answer else list(answer.get("contests", []))
    for office in answer.get("offices", []):
        listed += office["contests"] + office.get("children", [])
    tallies = {(tally["area"], tally["contest"]): tally for tally in listed}
    names = dict(zip(definition.area_codes, definition.area_names, strict=True))
    choices = {
        str(contest.id): [{"id": choice.id, "name": choice.name} for choice in contest.ballot]
        for contest in definition.contests
    }
    return tally_table(tallies, names, choices, caption)


def _history_table(answer: dict[str, Any], caption: str) -> Table:
    table = Table(caption=caption, caption_justify="left")
    for name in ("partition", "offset", "type", "contest", "version", "received", "state", "rules"):
        table.add_column(name)
    for entry in answer["history"]:
        rules = [finding["rule"] for finding in entry["findings"]]
        columns = [
            entry[name] for name in ("partition", "offset", "type", "contest", "version", "received_at", "state")
        ]
        table.add_row(*("" if each is None else str(each) for each in columns), " ".join(rules))
    return table


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────────────


@click.command("replay")
@click.argument("source")
@click.option("--to", help='fold through these offsets: {"0":12,"1":9}, a snapshot\'s JSON, or 0:12,1:9 (default: all)')
@click.option("--area", help="this area with its children (default: the whole election)")
@click.option("--contest", help="this contest as a whole")
@click.option("--office", help="this office and all its contests; with --area or --level only this office")
@click.option("--station", help="this station with its history")
@click.option("--level", help="all areas of this level")
@click.option(
    "--part",
    type=click.IntRange(min=1),
    help="which part of an area or an office that is too long for one (default: 1)",
)
@click.option("--after", help="the page of a station's history behind this record: `next` of the page before, as 0/12")
@click.option("--package", type=click.Path(path_type=Path), help="the election package (default: REKAP_PACKAGE)")
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
    part: int | None,
    after: str | None,
    package: Path | None,
    as_json: bool,
    port: int | None,
) -> None:
    """Count a prefix of a log again. SOURCE is the address of a Rekap API, a directory of log files, or kafka://HOST:PORT.

    Exit code 1: what is asked is not there; 2: settings or package; 3: the log cannot be read.

    Example: rekap replay http://127.0.0.1:8000 --package my-election --contest president --to '{"0":12,"1":9}'
    """
    question = Question(area, contest, office, station, level, part, after)
    try:
        settings = read_settings()
        definition = Definition(load_package(package or settings.package, problems))
        question.check(definition)
        replayed, records = asyncio.run(_replay(source, to, question.station, definition, settings))
    except ReplayError as error:
        _fail(error, EXIT_WRONG_QUESTION)
    except (SettingsError, PackageError) as error:
        _fail(error, EXIT_CONFIGURATION)
    except LogSourceError as error:
        _fail(error, EXIT_NO_LOG)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    if port is not None:
        say(f"Serving http://127.0.0.1:{port}/v1/areas/{definition.area_codes[definition.root]}; stop: Ctrl-C")
        serve(lambda kind, code, only, part: _served(kind, code, only, part, definition, replayed), port)
        return
    answer = answer_bytes(definition, question.answer(definition, replayed))
    if as_json:
        sys.stdout.buffer.write(answer)
        sys.stdout.flush()
    else:
        console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
        console.print(table_of(orjson.loads(answer), definition, records))


def _fail(error: Exception, code: int) -> None:
    complain(*f"Error: {error}".split("\n"))
    raise SystemExit(code)


def _served(
    kind: str, code: str, office: str | None, part: int | None, definition: Definition, replayed: Replayed
) -> bytes:
    """Raises ReplayError."""
    asked = {"office": office} | {kind: code}
    question = Question(asked.get("area"), asked.get("contest"), asked["office"], part=part)
    question.check(definition)
    return answer_bytes(definition, question.answer(definition, replayed))


async def _replay(
    source: str, to: str | None, station: str | None, definition: Definition, settings: Settings
) -> tuple[Replayed, int]:
    """What was counted, and of how many records it is."""
    async with open_log(source, definition.election, settings) as log:
        through = await through_of(log, definition, to)
        records = sum(offset + 1 for offset in through.values())
        with Progress(console=Console(file=sys.stderr)) as progress:
            task = progress.add_task("folding", total=records)
            replayed = await fold_log(
                log,
                definition,
                through,
                station=station,
                advanced=lambda count: progress.advance(task, count),
            )
    return replayed, records
