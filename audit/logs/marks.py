"""How far the logs were checked, kept with their rows in `checked/` of the auditor's directory.

    logs.json                     of the last whole audit: each log's size, root and right edge, and the files of its rows
    <partition>/<range>.parquet   rows of a chunk of records
    <partition>/<range>.mark      of an audit that was interrupted: the chunk is checked, and its hashes

Each holds only for the definition and the LAYOUT that it names.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from audit.logs.tree import CheckedLog
from audit.sources.extract import Chunk, ChunkResult
from audit.sources.package import Package

LAYOUT = 2
"""Raise it when extract.COLUMNS, or what is checked of a record, changes: all is then read again."""
STATE = "logs.json"


def rows_file(chunk: Chunk) -> str:
    return f"{chunk.partition}/{chunk.first:012}-{chunk.next:012}.parquet"


def mark_of(checked: Path, package: Package, chunk: Chunk) -> ChunkResult | None:
    """The result of a chunk that an interrupted audit has checked."""
    kept = _read(_mark_file(checked, chunk), package)
    if kept is None or not (checked / rows_file(chunk)).exists():
        return None
    return ChunkResult(
        chunk, bytes.fromhex(kept["first"]), bytes.fromhex(kept["bundles"]), bytes.fromhex(kept["partial"]), None
    )


def write_mark(checked: Path, package: Package, result: ChunkResult) -> None:
    _write(
        _mark_file(checked, result.chunk),
        package,
        {"first": result.first.hex(), "bundles": result.bundles.hex(), "partial": result.partial.hex()},
    )


def remove_marks(checked: Path, chunks: Sequence[Chunk]) -> None:
    for chunk in chunks:
        _mark_file(checked, chunk).unlink(missing_ok=True)


def _mark_file(checked: Path, chunk: Chunk) -> Path:
    return (checked / rows_file(chunk)).with_suffix(".mark")


def read_state(checked: Path, package: Package) -> dict[int, CheckedLog]:
    state = _read(checked / STATE, package)
    if state is None:
        return {}
    return {
        int(partition): CheckedLog(
            each["size"],
            each["root"],
            [bytes.fromhex(value) for value in each["bundle_hashes"]],
            bytes.fromhex(each["leaves"]),
            each["rows"],
        )
        for partition, each in state["logs"].items()
    }


def write_state(checked: Path, package: Package, logs: dict[int, CheckedLog]) -> None:
    state = {
        str(partition): {
            "size": log.size,
            "root": log.root,
            "bundle_hashes": [value.hex() for value in log.bundle_hashes],
            "leaves": log.leaves.hex(),
            "rows": log.rows,
        }
        for partition, log in logs.items()
    }
    _write(checked / STATE, package, {"logs": state})


def _read(file: Path, package: Package) -> dict[str, Any] | None:
    """None where the file is not there, or is of another definition or layout."""
    try:
        kept = orjson.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    is_current = isinstance(kept, dict) and (kept.get("definition"), kept.get("layout")) == (package.definition, LAYOUT)
    return kept if is_current else None


def _write(file: Path, package: Package, kept: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(".half")
    half.write_bytes(orjson.dumps({"definition": package.definition, "layout": LAYOUT, **kept}))
    half.rename(file)
