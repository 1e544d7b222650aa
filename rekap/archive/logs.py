"""The part of an archive that proves the rest: each log up to its checkpoint, as C2SP tlog-tiles.

An archive has the files that a log of this size has and no others, so a partial tile is cut to its width where the log has
grown meanwhile. What is copied is checked against its tiles and against the root that was signed, because an archive with a
record that the disk has damaged would be found out years later.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from proofs.merkle import leaf_hash, root_hash
from proofs.notes import Checkpoint, NoteError, parse_checkpoint, parse_note
from proofs.tiles import (
    CHECKPOINT,
    HASH_BYTES,
    TileError,
    TileHashes,
    entries_files,
    entries_path,
    entry_bundle,
    levels_of,
    read_bundle,
    read_first,
    tile_files,
    tile_path,
    tiles_of,
)
from rekap.archive.cut_writer import BYTES, TEXT, CutWriter
from rekap.archive.moment import ArchivedMoment
from rekap.errors import NotReachedError
from runtime.files.tile_store import TileStore, TileStoreError
from schemas.served.logs import KEYS_FILE, folder_of

FOLDER = "log"
COVERED_SECONDS_MAX = 60.0
"""How long a checkpoint may lag behind the numbers that are archived. The notary signs each second, and witnesses need some."""
LOOK_SECONDS = 0.2


class LogUnfitError(NotReachedError):
    """The files of a log cannot be archived; the message names the file and what is wrong."""


async def wait_until_covered(moment: ArchivedMoment) -> None:
    """Wait until the checkpoint of each log covers the moment. Raises LogUnfitError where one does not in time."""
    deadline = asyncio.get_running_loop().time() + COVERED_SECONDS_MAX
    for partition in range(moment.definition.partitions):
        store = _store(moment, partition)
        while (size := size_of(store)) <= moment.reach(partition):
            if asyncio.get_running_loop().time() > deadline:
                raise LogUnfitError(
                    f"log {partition} has a checkpoint of {size} records, but record {moment.reach(partition)} is counted; "
                    "does the notary run, and is REKAP_LOG_DIRECTORY its directory?"
                )
            await asyncio.sleep(LOOK_SECONDS)


def size_of(store: TileStore) -> int:
    """Size of the newest checkpoint; 0 where there is none. Raises LogUnfitError."""
    note = store.read(CHECKPOINT)
    return 0 if note is None else _checkpoint(store.path_of(CHECKPOINT), note).size


def write_logs(moment: ArchivedMoment, files: CutWriter) -> None:
    """Raises OSError, LogUnfitError."""
    for partition in range(moment.definition.partitions):
        _write_log(_store(moment, partition), f"{FOLDER}/{partition}", files)


def _write_log(store: TileStore, folder: str, files: CutWriter) -> None:
    note, keys = store.read(CHECKPOINT), store.read(KEYS_FILE)
    if note is None or keys is None:
        raise LogUnfitError(f"{store.path_of(CHECKPOINT if note is None else KEYS_FILE)} is missing")
    checkpoint = _checkpoint(store.path_of(CHECKPOINT), note)
    size = checkpoint.size
    try:
        for level in range(levels_of(size)):
            for index, width in tiles_of(level, size):
                name = f"{folder}/{tile_path(level, index, width)}"
                if not files.add_same(name):
                    tile, _ = read_first(store.read, tile_files(level, index, width))
                    files.add(name, tile[: width * HASH_BYTES], BYTES)
        for index, width in tiles_of(0, size):
            name = f"{folder}/{entries_path(index, width)}"
            if not files.add_same(name):
                files.add(name, _checked_bundle(store, files.directory / folder, index, width), BYTES)
        own = TileStore(files.directory / folder)
        root = root_hash(size, TileHashes(size, lambda *tile: own.read(tile_path(*tile)) or b""))
    except TileStoreError as error:
        raise LogUnfitError(str(error)) from None
    except TileError as error:
        raise LogUnfitError(f"{store.path_of('')}: {error}") from None
    if root != checkpoint.root:
        raise LogUnfitError(
            f"{store.path_of('')}: the tiles of {size} records give the root {root.hex()}, but the checkpoint has "
            f"{checkpoint.root.hex()}"
        )
    files.add(f"{folder}/{KEYS_FILE}", keys, TEXT)
    files.add(f"{folder}/{CHECKPOINT}", note, TEXT)


def _checked_bundle(store: TileStore, written: Path, index: int, width: int) -> bytes:
    """The first `width` entries of a bundle, whose leaf hashes are those of the tile. Raises TileError."""
    bundle, file = read_first(store.read, entries_files(index, width))
    entries = read_bundle(bundle, file.width)[:width]
    if b"".join(map(leaf_hash, entries)) != (written / tile_path(0, index, width)).read_bytes():
        raise TileError(f"{file.path} does not hold the records of {tile_path(0, index, width)}")
    return entry_bundle(entries)


def _store(moment: ArchivedMoment, partition: int) -> TileStore:
    return TileStore(moment.logs / folder_of(moment.definition.election, partition))


def _checkpoint(path: Path, note: bytes) -> Checkpoint:
    try:
        return parse_checkpoint(parse_note(note).text)
    except NoteError as error:
        raise LogUnfitError(f"{path}: {error}") from None
