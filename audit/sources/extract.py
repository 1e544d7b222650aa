"""Records in, rows out: what a chunk of a log states, as a Parquet file for the count. Runs in processes of its own, because it
checks every signature.

A record that is not an event has its `problem`; nothing is left out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import signal
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.sources.event_shapes import IN_WORDS, NUMBERS, VOTER_ROWS
from audit.sources.events import Opened
from audit.sources.package import Package, canonical
from proofs.merkle import leaf_hash
from proofs.signatures import UnfitKeyError, load_public_key, verify_by_openssl
from proofs.tiles import HASH_BYTES, TILE_WIDTH, TileError, subtree_hash

_VOTERS = "STRUCT(L BIGINT, P BIGINT, J BIGINT)"
COLUMNS: dict[str, str] = {
    "partition": "INTEGER",
    "offset": "BIGINT",
    "event": "VARCHAR",
    "leaf": "VARCHAR",
    "type": "VARCHAR",
    "problem": "VARCHAR",
    "key": "VARCHAR",
    "signed": "BOOLEAN",
    "election": "VARCHAR",
    "mode": "VARCHAR",
    "definition": "VARCHAR",
    "station": "VARCHAR",
    "contest": "VARCHAR",
    "version": "BIGINT",
    "seq": "BIGINT",
    "prev": "VARCHAR",
    "partitions": "BIGINT",
    "area": "VARCHAR",
    "party": "VARCHAR",
    "choice": "VARCHAR",
    "balance_off": "BIGINT",
    "reviewed": "VARCHAR",
    "decision": "VARCHAR",
    "through_version": "BIGINT",
    "withdrawn": "VARCHAR",
    "supersedes": "VARCHAR",
    "form_hash": "VARCHAR",
    "stated": "VARCHAR[]",
    **dict.fromkeys(VOTER_ROWS, _VOTERS),
    **dict.fromkeys(NUMBERS, "BIGINT"),
    "officers": "BIGINT",
    "witnesses": "BIGINT",
    "votes": "BIGINT[]",
    "votes_sum": "BIGINT",
    "votes_most": "BIGINT",
    "votes_missing": "BIGINT",
    "votes_unknown": "BIGINT",
    "party_totals": "STRUCT(stated BIGINT, counted BIGINT)[]",
    "words": "STRUCT(stated BIGINT, digits BIGINT)[]",
}
"""`balance_off` is how far a finance report's closing balance is from what its other amounts give; `form_hash` differs for two
different forms; `votes` is in the order of the ballot, 0 where a choice has no number."""
NO_EVENT = "unreadable"
PARENT_SECONDS = 1.0
"""How often a process looks whether its parent still lives."""


class Ballots:
    """What reading a record needs of the package: keys, and the order of each ballot."""

    def __init__(self, package: Package) -> None:
        self._keys = {row["key_id"]: base64.b64decode(row["public_key"]) for row in package.tables["keys"]}
        self._loaded: dict[str, Ed25519PublicKey | None] = {}
        self.order: dict[str, dict[str, int]] = {row["id"]: {} for row in package.tables["contests"]}
        """Contest → each choice and its index on the ballot, in that order."""
        self.of_party: dict[tuple[str, str], list[str]] = {}
        for row in sorted(package.tables["choices"], key=lambda row: int(row["order"])):
            order = self.order[row["contest"]]
            order[row["id"]] = len(order)
            if row["party"] is not None:
                self.of_party.setdefault((row["contest"], row["party"]), []).append(row["id"])

    def holds(self, key_id: str, signature: bytes, payload: bytes) -> bool:
        """Whether the signature is that key's. False also for keys that are not in the package, or unfit."""
        if key_id not in self._loaded:
            try:
                self._loaded[key_id] = load_public_key(self._keys[key_id])
            except (KeyError, UnfitKeyError, binascii.Error):
                self._loaded[key_id] = None
        key = self._loaded[key_id]
        return key is not None and verify_by_openssl(key, signature, payload)


class Chunk(NamedTuple):
    """Bundles of one log, in the archive's directory: (index, width), of which `first` … `next` are new."""

    partition: int
    first: int
    next: int
    bundles: tuple[tuple[int, int], ...]


class ChunkResult(NamedTuple):
    chunk: Chunk
    first: bytes
    """Leaf hashes of the first bundle, also of entries that were checked before."""
    bundles: bytes
    """The hash of each full bundle's tree."""
    partial: bytes
    """Leaf hashes of the last bundle, where it is not full."""
    problem: tuple[str, str] | None
    """(where, sentence): the first thing that is wrong with the files."""


_ballots: Ballots | None = None


def start(ballots: Ballots, parent: int) -> None:
    """Prepare a process, once. Ctrl-C reaches every process of the terminal, so this one leaves it to the parent."""
    global _ballots
    _ballots = ballots
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process once its parent was killed, because it would wait for its next chunk for ever."""
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(1)


def check_chunk(chunk: Chunk, files: Sequence[tuple[str, str]], output: str) -> ChunkResult:
    """Compare the bundles with their tiles, check every signature, and write the rows to `output`. `files` has for each
    bundle the paths of its entries and of its tile."""
    assert _ballots is not None
    first = partial = b""
    bundles: list[bytes] = []
    rows: list[dict[str, Any]] = []
    for (index, width), (entries_file, tile_file) in zip(chunk.bundles, files, strict=True):
        begin = index * TILE_WIDTH
        try:
            entries = _entries(Path(entries_file), width)
        except TileError as error:
            return ChunkResult(chunk, b"", b"", b"", (_where(chunk, begin), str(error)))
        own = [leaf_hash(entry) for entry in entries]
        problem = _compare(chunk, begin, own, Path(tile_file).read_bytes()[: width * HASH_BYTES])
        if problem is not None:
            return ChunkResult(chunk, b"", b"", b"", problem)
        leaves = b"".join(own)
        first = first or leaves
        if width == TILE_WIDTH:
            bundles.append(subtree_hash(leaves))
        else:
            partial = leaves
        rows += [
            read_row(_ballots, chunk.partition, offset, entry, leaf)
            for offset, entry, leaf in zip(range(begin, begin + width), entries, own, strict=True)
            if chunk.first <= offset < chunk.next
        ]
    write_rows(rows, Path(output))
    return ChunkResult(chunk, first, b"".join(bundles), partial, None)


def _entries(file: Path, width: int) -> list[bytes]:
    """The first `width` entries, or all: a full bundle may have replaced the partial one. Raises TileError."""
    data = file.read_bytes()
    entries: list[bytes] = []
    at = 0
    while at < len(data) and len(entries) < width:
        length = int.from_bytes(data[at : at + 2], "big")
        entries.append(data[at + 2 : at + 2 + length])
        at += 2 + length
        if at > len(data):
            raise TileError(f"the bundle breaks off in its entry {len(entries) - 1}")
    return entries


def _where(chunk: Chunk, offset: int) -> str:
    return f"log {chunk.partition}, record {offset}"


def _compare(chunk: Chunk, begin: int, own: list[bytes], tile: bytes) -> tuple[str, str] | None:
    """What was done to the entries of a bundle, where their hashes are not those of its tile."""
    expected = [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]
    if own == expected:
        return None
    at = next((n for n, (a, b) in enumerate(zip(own, expected, strict=False)) if a != b), min(len(own), len(expected)))
    if own[at : len(expected) - 1] == expected[at + 1 :]:
        what = "a record was removed here"
    elif own[at + 1 :] == expected[at : len(own) - 1]:
        what = "a record was inserted here"
    elif sorted(own) == sorted(expected):
        what = "the records are in another order than was signed"
    elif len(own) != len(expected):
        what = f"the tile has {len(expected)} hashes for {len(own)} records"
    else:
        what = "the record was altered: its hash is not the one in the tile"
    return _where(chunk, begin + at), what


def read_row(ballots: Ballots, partition: int, offset: int, entry: bytes, leaf: bytes) -> dict[str, Any]:
    """A record's columns, by COLUMNS."""
    opened = Opened(entry)
    row: dict[str, Any] = {
        "partition": partition,
        "offset": offset,
        "event": opened.event_id,
        "leaf": leaf.hex(),
        "key": opened.key_id,
        "type": NO_EVENT,
        "problem": opened.problem or None,
    }
    event = opened.event
    if event is None:
        return row
    row["signed"] = ballots.holds(opened.key_id, opened.signature, opened.payload)
    for name in (
        *("type", "election", "mode", "definition", "station", "contest", "version"),
        *("partitions", "decision", "through_version", "supersedes", "seq", "prev", "area", "party", "choice"),
    ):
        row[name] = event.get(name)
    row["reviewed"] = event.get("event")
    row["withdrawn"] = event.get("annulment")
    if event["type"] == "result.reported":
        row |= _form(ballots, event["contest"], event["form"], has_nulls=b"null" in opened.payload)
    elif event["type"] == "finance.reported":
        row["balance_off"] = _balance_off(event)
    return row


def _balance_off(report: dict[str, Any]) -> int:
    income, spending = (sum(int(line["amount"]) for line in report.get(name, ())) for name in ("income", "spending"))
    return int(report["opening"]) + income - spending - int(report["closing"])


def _form(ballots: Ballots, contest: str, form: dict[str, Any], *, has_nulls: bool) -> dict[str, Any]:
    """The form's columns. `has_nulls` may be true where there are none, and is never false where there is one."""
    stated = {name: value for name, value in form.items() if value is not None} if has_nulls else form
    votes = form["votes"]
    order = ballots.order.get(contest, {})
    if votes.keys() == order.keys():
        ordered, known = [votes[choice] for choice in order], len(order)
    else:
        ordered, known = [votes.get(choice, 0) for choice in order], len(votes.keys() & order.keys())
    signatures = stated.get("signatures", {})
    return {
        **{name: stated.get(name) for name in (*VOTER_ROWS, *NUMBERS)},
        "form_hash": hashlib.sha256(canonical(_without_nulls(stated) if has_nulls else stated)).hexdigest(),
        "stated": list(stated),
        "officers": signatures.get("officers"),
        "witnesses": signatures.get("witnesses"),
        "votes": ordered,
        "votes_sum": sum(votes.values()),
        "votes_most": max(votes.values(), default=None),
        "votes_missing": len(order) - known,
        "votes_unknown": len(votes) - known,
        "party_totals": [
            {"stated": total, "counted": sum(votes.get(each, 0) for each in ballots.of_party.get((contest, party), ()))}
            for party, total in stated["party_totals"].items()
        ]
        if "party_totals" in stated
        else None,
        "words": [
            {"stated": number, "digits": form.get(name) if name in IN_WORDS else votes.get(name)}
            for name, number in stated.get("words", {}).items()
        ],
    }


def _without_nulls(value: Any) -> Any:
    """An absent number and a null one are the same."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return value


def write_rows(rows: Iterable[dict[str, Any]], file: Path) -> None:
    """Write rows as Parquet, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = file.with_suffix(f".{os.getpid()}.ndjson")
    half = file.with_suffix(f".{os.getpid()}.half")
    with lines.open("wb") as output:
        output.writelines(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    with duckdb.connect(config={"threads": 1}) as connection:
        # File names cannot be parameters of COPY; ours are made of numbers below a directory that the user chose.
        source = f"read_json({_quoted(lines)}, format = 'newline_delimited', columns = {{{columns}}})"
        connection.execute(f"COPY (FROM {source}) TO {_quoted(half)} (FORMAT parquet, COMPRESSION zstd)")
    lines.unlink()
    half.rename(file)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
