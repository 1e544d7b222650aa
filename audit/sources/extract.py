"""Records in, rows out: what a chunk of a log says, as a Parquet file for the count. Runs in processes of its own, for it
checks every signature.

A record that is no event has its `problem`; nothing is left out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.sources.events import IN_WORDS, NUMBERS, VOTER_ROWS, Opened
from audit.sources.package import Package, canonical
from proofs.merkle import leaf_hash
from proofs.signatures import UnfitKeyError, load_public_key, verify_by_openssl
from proofs.tiles import HASH_BYTES, TILE_WIDTH, TileError

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
"""`form_hash` tells two forms apart; `votes` is in the order of the ballot, 0 where a choice has no number."""
NO_EVENT = "unreadable"


class Ballots:
    """What reading a record needs of the package: keys, and the order of each ballot."""

    def __init__(self, package: Package) -> None:
        self._keys = {row["key_id"]: base64.b64decode(row["public_key"]) for row in package.tables["keys"]}
        self._loaded: dict[str, Ed25519PublicKey | None] = {}
        self.places: dict[str, dict[str, int]] = {row["id"]: {} for row in package.tables["contests"]}
        self.of_party: dict[tuple[str, str], list[str]] = {}
        for row in sorted(package.tables["choices"], key=lambda row: int(row["order"])):
            places = self.places[row["contest"]]
            places[row["id"]] = len(places)
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
    leaves: bytes
    """Leaf hashes of all bundles of the chunk, also of entries that were checked before."""
    problem: tuple[str, str] | None
    """(where, sentence): the first thing that is wrong with the files."""


_ballots: Ballots | None = None


def start(ballots: Ballots) -> None:
    """Called once in each process."""
    global _ballots
    _ballots = ballots


def check_chunk(chunk: Chunk, files: Sequence[tuple[str, str]], output: str) -> ChunkResult:
    """Compare the bundles with their tiles, check every signature, and write the rows to `output`. `files` has for each
    bundle the paths of its entries and of its tile."""
    assert _ballots is not None
    leaves: list[bytes] = []
    rows: list[dict[str, Any]] = []
    for (index, width), (entries_file, tile_file) in zip(chunk.bundles, files, strict=True):
        begin = index * TILE_WIDTH
        try:
            entries = _entries(Path(entries_file), width)
        except TileError as error:
            return ChunkResult(chunk, b"", (_where(chunk, begin), str(error)))
        own = [leaf_hash(entry) for entry in entries]
        problem = _compare(chunk, begin, own, Path(tile_file).read_bytes()[: width * HASH_BYTES])
        if problem is not None:
            return ChunkResult(chunk, b"", problem)
        leaves += own
        rows += [
            read_row(_ballots, chunk.partition, offset, entry, leaf)
            for offset, entry, leaf in zip(range(begin, begin + width), entries, own, strict=True)
            if chunk.first <= offset < chunk.next
        ]
    write_rows(rows, Path(output))
    return ChunkResult(chunk, b"".join(leaves), None)


def _entries(file: Path, width: int) -> list[bytes]:
    """Up to `width` entries: a full bundle may have taken the place of the partial one. Raises TileError."""
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
    told = [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]
    if own == told:
        return None
    place = next((n for n, (a, b) in enumerate(zip(own, told, strict=False)) if a != b), min(len(own), len(told)))
    if own[place : len(told) - 1] == told[place + 1 :]:
        what = "a record was removed here"
    elif own[place + 1 :] == told[place : len(own) - 1]:
        what = "a record was inserted here"
    elif sorted(own) == sorted(told):
        what = "the records stand in another order than was signed"
    elif len(own) != len(told):
        what = f"the tile has {len(told)} hashes for {len(own)} records"
    else:
        what = "the record was altered: its hash is not the one in the tile"
    return _where(chunk, begin + place), what


def read_row(ballots: Ballots, partition: int, offset: int, entry: bytes, leaf: bytes) -> dict[str, Any]:
    """What a record says, by COLUMNS."""
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
        *("partitions", "decision", "through_version", "supersedes", "seq", "prev"),
    ):
        row[name] = event.get(name)
    row["reviewed"] = event.get("event")
    row["withdrawn"] = event.get("annulment")
    if event["type"] == "result.reported":
        row |= _form(ballots, event["contest"], event["form"])
    return row


def _form(ballots: Ballots, contest: str, form: dict[str, Any]) -> dict[str, Any]:
    stated = {name: value for name, value in form.items() if value is not None}
    votes = form["votes"]
    places = ballots.places.get(contest, {})
    ordered = [0] * len(places)
    known = 0
    for choice, count in votes.items():
        place = places.get(choice)
        if place is not None:
            ordered[place] = count
            known += 1
    signatures = stated.get("signatures", {})
    return {
        **{name: stated.get(name) for name in (*VOTER_ROWS, *NUMBERS)},
        "form_hash": hashlib.sha256(canonical(_without_nulls(stated))).hexdigest(),
        "stated": list(stated),
        "officers": signatures.get("officers"),
        "witnesses": signatures.get("witnesses"),
        "votes": ordered,
        "votes_sum": sum(votes.values()),
        "votes_most": max(votes.values(), default=None),
        "votes_missing": len(places) - known,
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
    """An absent number and a null one say the same."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return value


def write_rows(rows: Iterable[dict[str, Any]], place: Path) -> None:
    """Write rows as Parquet, whole or not at all."""
    place.parent.mkdir(parents=True, exist_ok=True)
    lines = place.with_suffix(f".{os.getpid()}.ndjson")
    half = place.with_suffix(f".{os.getpid()}.half")
    with lines.open("wb") as file:
        for row in rows:
            file.write(orjson.dumps(row))
            file.write(b"\n")
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    with duckdb.connect(config={"threads": 1}) as connection:
        # File names cannot be parameters of COPY; ours are made of numbers below a directory that the user chose.
        source = f"read_json({_quoted(lines)}, format = 'newline_delimited', columns = {{{columns}}})"
        connection.execute(f"COPY (FROM {source}) TO {_quoted(half)} (FORMAT parquet, COMPRESSION zstd)")
    lines.unlink()
    half.rename(place)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
