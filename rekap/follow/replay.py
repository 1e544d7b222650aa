"""Fold a prefix of the log again, which gives the count of that moment.

In     a log (runtime/log_source.py), the package, and for each ledger partition the offset of the last event to count
Does   what tabulator, roll-up and recorder do, with the same pure folds, in memory, without Kafka's groups or a database
Out    what the API answered at that moment, as a table or as the same bytes

Signatures are checked as the tabulator checks them. Whether the log is the one that was signed, the auditor checks.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from projections.definition.compiled import Definition
from projections.fold.records import Record, checked_record
from projections.fold.rollup import Rollup
from projections.fold.tabulation import GenesisError, PartitionFold
from projections.readmodel.finance_queries import Position
from projections.readmodel.rows import Batch, Watermarks, finance_rows
from projections.shown.published import Moment
from proofs.signatures import load_public_key
from rekap.errors import UnusableError
from runtime.log_source import LogSource
from schemas.codes import NOTHING_YET
from schemas.derived.blocks import FINANCE, RecordRow

CHECKED_AT_ONCE = 250
"""Records that a thread checks in one call of 25 ms. At a tenth, the calls cost time; at ten times, threads wait at the end."""
BLOCK_RECORDS = 5_000
_OFFSETS = re.compile(r"\d+:-?\d+(,\d+:-?\d+)*")


class ReplayError(UnusableError, LookupError):
    """The question has no answer; the message states why."""


class Replayed(NamedTuple):
    moment: Moment
    results: Mapping[str, Mapping[str, Any]]
    """Result of the station that was asked for, by contest, as in the table `station_result`."""
    history: Sequence[Mapping[str, Any]]
    """All records of that station, in the order and form of event_queries.STATION_HISTORY."""
    finance: Sequence[Mapping[str, Any]] = ()
    """All campaign finance reports, in the order and form of finance_queries.ALL_REPORTS; none where they were not asked
    for."""


# ── the fold ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def fold_log(
    log: LogSource,
    definition: Definition,
    through: Mapping[int, int],
    *,
    station: str | None = None,
    finance: bool = False,
    advanced: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Fold each partition through its offset, and keep the records of one station only, or those of campaign finance.
    `advanced` is called with the number of records that were folded since its last call. Raises LogSourceError, ReplayError."""
    keys = {key_id: load_public_key(key.public_key) for key_id, key in definition.keys.items()}
    rollup = Rollup(definition)
    kept = Batch(definition, Watermarks({}, {}))
    wanted = _Wanted(station, finance)
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
                        _add_blocks(fold, rollup, kept, wanted)
                advanced(len(entries))
            _add_blocks(fold, rollup, kept, wanted)
            if finance and fold.finance_problem is not None:
                raise ReplayError(f"--finance: partition {partition} folds no finance reports: {fold.finance_problem}")
    for office in rollup.offices.values():
        result = office.keyframe()
        if result is not None:
            kept.add_result(result.to_bytes())
    moment = Moment(kept.watermarks.results, kept.watermarks.blocks, kept.tallies, kept.office_tallies)
    results = {contest: row for (_, contest), row in kept.stations.items()}
    return Replayed(moment, results, [] if finance else _history(kept), _finance(kept) if finance else [])


class _Wanted(NamedTuple):
    """Which records are kept."""

    station: str | None
    finance: bool

    def has(self, office: str, record: RecordRow) -> bool:
        return office == FINANCE if self.finance else self.station is not None and record["station"] == self.station


def _add_blocks(fold: PartitionFold, rollup: Rollup, kept: Batch, wanted: _Wanted) -> None:
    """Apply the blocks since the last call, as roll-up and recorder do, and drop all other records."""
    for block in fold.take_blocks():
        rollup.apply(block)
        kept.add_block(block.to_bytes())
    kept.records = [each for each in kept.records if wanted.has(each[1], each[2])]
    offsets = {(partition, row["offset"]) for partition, _, row in kept.records}
    kept.states = {offset: state for offset, state in kept.states.items() if offset in offsets}
    kept.stations = {(code, contest): row for (code, contest), row in kept.stations.items() if code == wanted.station}


def _finance(kept: Batch) -> list[dict[str, Any]]:
    records = {(partition, row["offset"]): row for partition, _, row in kept.records}
    rows = []
    for partition, offset, account, report, version, *_ in finance_rows(kept):
        record, state = records[partition, offset], kept.states[partition, offset]
        rows.append(
            {
                **Position(account, report, version, partition, offset)._asdict(),
                "event": record["event"],
                "state": state["state"],
                "findings": orjson.dumps(state["findings"]),
                "payload": orjson.dumps(record["payload"]),
                "received_us": record.get("received_us", 0),
            }
        )
    return sorted(rows, key=Position.of)


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
        offsets: Any
        if _OFFSETS.fullmatch(text):
            offsets = dict(each.split(":") for each in text.split(","))
        else:
            whole = orjson.loads(text)
            offsets = whole.get("as_of", whole)
        cut = {int(partition): int(offset) for partition, offset in offsets.items()}
    except (ValueError, TypeError, AttributeError):
        cut = {-1: -1}
    if min(cut, default=0) < 0 or min(cut.values(), default=0) < NOTHING_YET:
        raise ReplayError(f'--to: expected {{"0":12,"1":9}} or 0:12,1:9, got {text[:80]!r}')
    return cut


async def through_of(log: LogSource, definition: Definition, cut: Mapping[int, int] | None) -> dict[int, int]:
    """The offset of the last event to fold, by partition; without a cut that of the last one. Raises LogSourceError,
    ReplayError."""
    sizes = await asyncio.gather(*(log.size(partition) for partition in range(definition.partitions)))
    if cut is None:
        return {partition: size - 1 for partition, size in enumerate(sizes)}
    if missing := [str(partition) for partition in range(definition.partitions) if partition not in cut]:
        raise ReplayError(
            f"--to: has no offset for partition {', '.join(missing[:10])}{' and others' if missing[10:] else ''}; each of the "
            f"{definition.partitions} needs one, which is -1 if none of its events counts"
        )
    for partition, offset in cut.items():
        if partition >= definition.partitions:
            raise ReplayError(f"--to: there are partitions 0 to {definition.partitions - 1}, not {partition}")
        if offset >= sizes[partition]:
            raise ReplayError(
                f"--to: partition {partition} has {sizes[partition]} events in this log, none with offset {offset}"
            )
    return dict(cut)
