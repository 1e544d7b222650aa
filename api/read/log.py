"""The public logs: their files as the notary wrote them, and proofs made from these files (DESIGN 5).

Any web server can serve the files as well; nothing here is needed to check anything.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from email.utils import formatdate
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse

from api.answers.file_response import WholeFile, length_of, opened
from api.described import BYTES, TEXT, described_as, problem_answers
from api.problems import Problem
from projections.definition.compiled import Definition
from proofs.merkle import consistency_proof, inclusion_proof, leaf_hash
from proofs.notes import parse_checkpoint, parse_note
from proofs.tiles import (
    CHECKPOINT,
    TILE_PATH_PATTERN,
    TILE_TYPE,
    TILE_WIDTH,
    TileHashes,
    entries_files,
    read_bundle,
    read_first,
    tile_files,
    tile_width,
)
from runtime.files.tile_store import TileStore, TileStoreError
from runtime.logs import log_line
from schemas.served.logs import KEYS_FILE, origin_of
from schemas.served.proofs import ConsistencyProof, InclusionProof, Logs

FILE_PATTERN = re.compile(rf"{CHECKPOINT}|{KEYS_FILE}|{TILE_PATH_PATTERN}")

logger = logging.getLogger("rekap.log")

router = APIRouter(tags=["log"])


class PublicLogs:
    """The logs of an election, as files and as what can be proved from them."""

    def __init__(self, definition: Definition, store: Callable[[int], TileStore], witnesses: Sequence[str]) -> None:
        """`store` gives the files of a ledger partition's log; `witnesses` are the keys of those that are asked to cosign."""
        self._store_of = store
        self.witnesses = witnesses
        self._election = definition.election
        self._partitions = definition.partitions

    def note(self, partition: int, path: str) -> bytes:
        """The checkpoint, or the keys. Read at once, because another file may be there a moment later. Raises Problem."""
        with _files_of_log(partition):
            content = self._store(partition).read(path)
        if content is None:
            raise _not_in_log(partition, path)
        return content

    def tile(self, partition: int, path: str) -> int:
        """Descriptor of a tile or an entry bundle. Raises Problem where there is no such file."""
        with _files_of_log(partition):
            try:
                return self._store(partition).descriptor(path)
            except (FileNotFoundError, NotADirectoryError):
                raise _not_in_log(partition, path) from None
            except OSError as error:
                raise TileStoreError(f"{path} cannot be read: {error.strerror}") from None

    def about(self) -> list[dict[str, Any]]:
        """Raises Problem."""
        found = []
        for partition in range(self._partitions):
            with _files_of_log(partition):
                found.append(self._about(partition))
        return found

    def _about(self, partition: int) -> dict[str, Any]:
        store = self._store(partition)
        keys = (store.read(KEYS_FILE) or b"").decode().splitlines()
        size = None
        note = store.read(CHECKPOINT)
        if note is not None:
            size = parse_checkpoint(parse_note(note).text).size
        return {
            "partition": partition,
            "origin": origin_of(self._election, partition),
            "keys": keys,
            "size": size,
            "url": f"/log/{partition}/",
        }

    def entry(self, partition: int, offset: int) -> bytes:
        """The bytes of a record in the log. Raises Problem where the log does not have it yet."""
        with _files_of_log(partition):
            size, _, _ = self._newest(partition)
            _check_within(partition, offset, size)
            return self._entry(partition, offset, size)

    def inclusion(self, partition: int, offset: int) -> dict[str, Any]:
        """Raises Problem where the log does not have the record yet."""
        with _files_of_log(partition):
            size, note, hashes = self._newest(partition)
            _check_within(partition, offset, size)
            return {
                "partition": partition,
                "offset": offset,
                "size": size,
                "leaf_hash": leaf_hash(self._entry(partition, offset, size)).hex(),
                "proof": [base64.b64encode(each).decode() for each in inclusion_proof(offset, size, hashes)],
                "checkpoint": note.decode(),
            }

    def consistency(self, partition: int, old: int, new: int | None) -> dict[str, Any]:
        with _files_of_log(partition):
            size, _, newest = self._newest(partition)
            new = size if new is None else new
            if not 0 <= old <= new <= size:
                raise Problem(
                    422,
                    "No such sizes",
                    f"Expected old <= new <= {size}, got {old} and {new}.",
                    field="old" if old > new else "new",
                )
            proof = consistency_proof(old, new, newest)
        return {
            "partition": partition,
            "old": old,
            "new": new,
            "proof": [base64.b64encode(each).decode() for each in proof],
        }

    def _entry(self, partition: int, offset: int, size: int) -> bytes:
        index, number = divmod(offset, TILE_WIDTH)
        store = self._store(partition)
        bundle, file = read_first(store.read, entries_files(index, tile_width(0, index, size)))
        return read_bundle(bundle, file.width)[number]

    def _newest(self, partition: int) -> tuple[int, bytes, TileHashes]:
        store = self._store(partition)
        note = store.read(CHECKPOINT)
        if note is None:
            raise Problem(503, "Try again", "This log has not been published yet.", retry_after_s=2)
        size = parse_checkpoint(parse_note(note).text).size

        def read_tile(level: int, index: int, width: int) -> bytes:
            return read_first(store.read, tile_files(level, index, width))[0]

        return size, note, TileHashes(size, read_tile)

    def _store(self, partition: int) -> TileStore:
        if partition >= self._partitions:
            raise Problem(
                404,
                "Not in this election",
                f"There are partitions 0 to {self._partitions - 1}, not {partition}.",
                field="partition",
            )
        return self._store_of(partition)


@contextmanager
def _files_of_log(partition: int) -> Iterator[None]:
    """Raises Problem where a file of the log is damaged, or is not a file."""
    try:
        yield
    except (TileStoreError, ValueError) as error:  # TileError, ProofError and NoteError are ValueErrors
        logger.warning(log_line("log-unreadable", partition=partition, problem=error))
        raise Problem(
            503,
            "Log unreadable",
            f"A file of the log of partition {partition} cannot be used; the server's log names it.",
            retry_after_s=10,
        ) from None


def _not_in_log(partition: int, path: str) -> Problem:
    return Problem(404, "Not in this log", f"The log of partition {partition} has no file {path[:100]!r}.")


def _check_within(partition: int, offset: int, size: int) -> None:
    if offset >= size:
        raise Problem(
            404,
            "Not in this log yet",
            f"The log of partition {partition} has {size} records; a checkpoint with offset {offset} follows within "
            "seconds of its receipt.",
            field="offset",
        )


def _of(request: Request) -> PublicLogs:
    logs: PublicLogs = request.app.state.logs
    return logs


Partition = Annotated[int, Path(ge=0, le=255)]
Offset = Annotated[int, Path(ge=0, le=2**53)]
_PROBLEMS = 404, 422, 503


@router.get(
    "/log/{partition}/{path:path}",
    summary="A file of a log (C2SP tlog-tiles)",
    response_class=Response,
    responses=described_as("A note as text, or a tile's bytes.", {TILE_TYPE: BYTES, "text/plain": TEXT}, _PROBLEMS),
)
async def log_file(request: Request, partition: Partition, path: str) -> Response:
    """`checkpoint`, `tile/L/N[.p/W]`, `tile/entries/N[.p/W]`; and `keys`, the log's verifier keys."""
    public = _of(request)
    if not FILE_PATTERN.fullmatch(path):
        raise _not_in_log(partition, path)
    if path in (CHECKPOINT, KEYS_FILE):
        text = await asyncio.to_thread(public.note, partition, path)
        headers = {"Cache-Control": "no-cache", "Accept-Ranges": "bytes"}
        return Response(text, headers=headers, media_type="text/plain; charset=utf-8")
    tile = await opened(request, partial(public.tile, partition, path))
    length = length_of(tile)
    changed_ns = os.fstat(tile.fileno()).st_mtime_ns
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "ETag": f'"{changed_ns:x}-{length:x}"',
        "Last-Modified": formatdate(changed_ns / 1e9, usegmt=True),
    }
    return WholeFile(tile, length, TILE_TYPE, headers)


@router.get("/v1/log", summary="The logs, their keys and sizes", responses={200: {"model": Logs}})
async def logs(request: Request) -> Response:
    """A log for each ledger partition, and the keys of the witnesses that are asked to cosign its checkpoints (the key of a
    gateway's receipts is at `GET /v1/gateway`). Pin the keys once; the operator of a log whose key changes has to state why.
    A witness's key is worth only as much as the source that you have it from: compare it with what the witness publishes."""
    public = _of(request)
    about = await asyncio.to_thread(public.about)
    return _json({"logs": about, "witnesses": public.witnesses})


@router.get(
    "/v1/proof/{partition}/{offset}",
    summary="That a record is in the log",
    responses={200: {"model": InclusionProof, "content": {"text/plain": TEXT}}, **problem_answers(*_PROBLEMS)},
)
async def proof(request: Request, partition: Partition, offset: Offset) -> Response:
    """The audit path of a record to the newest checkpoint (RFC 6962). With `Accept: text/plain` as C2SP tlog-proof."""
    found = await asyncio.to_thread(_of(request).inclusion, partition, offset)
    if "text/plain" not in request.headers.get("accept", ""):
        return _json(found, {"Vary": "Accept"})
    hashes = "".join(f"{each}\n" for each in found["proof"])
    text = f"c2sp.org/tlog-proof@v1\nindex {offset}\n{hashes}\n{found['checkpoint']}"
    return PlainTextResponse(text, headers={"Vary": "Accept"})


@router.get(
    "/v1/consistency/{partition}",
    summary="That a log continues an older one",
    responses={200: {"model": ConsistencyProof}, **problem_answers(*_PROBLEMS)},
)
async def consistency(
    request: Request,
    partition: Partition,
    old: Annotated[int, Query(ge=0, le=2**53, description="size of the older tree")],
    new: Annotated[int | None, Query(ge=0, le=2**53, description="size of the newer; without it the newest")] = None,
) -> Response:
    return _json(await asyncio.to_thread(_of(request).consistency, partition, old, new))


def _json(answer: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(answer), headers=headers, media_type="application/json")
