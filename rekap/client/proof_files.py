"""Proof files, fetched from a server or read from a disk. proof_check.py checks them (docs/proofs.md)."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from proofs.notes import NOTE_BYTES_MAX, parse_key
from rekap.client.errors import ProofFileError, RefusedError
from rekap.client.proof_check import check
from rekap.client.server import Query, Server, in_path
from runtime.files.bounded_file import read_bounded
from runtime.http_client import AwayError
from runtime.package.shape_sentences import first_sentence
from schemas.codes import SHA256_PATTERN, exactly
from schemas.ledger.envelope import RECORD_BYTES_MAX, MalformedRecordError, open_record
from schemas.served.logs import KEYS_FILE
from schemas.served.proof_file import FORMAT, RECORDS_MAX, ProofFile
from schemas.texts import shown

FILE_BYTES_MAX = 32 * 1024 * 1024
"""Limit for a proof file. The proof of a legislative form has 12 kB, so a thousand of them fit."""
PUBLISHED_SECONDS_MAX = 60.0
"""Limit for the wait until a checkpoint has a record. Checkpoints follow within seconds; a notary that was restarted needs up
to half a minute."""
_POLL_SECONDS = 0.5
_PAGE_EVENTS = 500
PAGES_MAX = 1_000
"""Limit for the pages of a list. A page may be short, but a server whose list never ends is left."""
_EVENT = re.compile(exactly(SHA256_PATTERN))


async def fetch(server: Server, subject: str) -> ProofFile:
    """The proof file of a station (each of its events) or of one event. The file is checked with the keys that it names
    itself, so that a broken one is never kept. Raises AwayError, RefusedError, NotProvedError, ProofFileError."""
    try:
        definition = (await server.answer("election"))["definition"]
        keys: dict[int, str] = {}
        records = []
        for partition, offset in await _positions(server, subject):
            if partition not in keys:
                served = await server.content(f"/log/{partition}/{KEYS_FILE}", bytes_max=NOTE_BYTES_MAX)
                keys[partition] = served.decode().partition("\n")[0]
            records.append(await _record(server, partition, offset))
        file = ProofFile.model_validate(
            {
                "format": FORMAT,
                "subject": subject,
                "package": {"definition": definition, "url": f"{server.url}/v1/package.zip"},
                "log_keys": [keys[partition] for partition in sorted(keys)],
                "records": records,
            }
        )
        trusted = [parse_key(text) for text in file.log_keys]
    except (KeyError, TypeError, AttributeError, ValueError):  # ValidationError and NoteError are ValueErrors
        raise AwayError(f"{server.url} answers, but not as a Rekap server of this version", was_odd=True) from None
    check(file, trusted)
    return file


async def _positions(server: Server, subject: str) -> list[tuple[int, int]]:
    """Partition and offset of each record about the subject, in the order of the log."""
    if _EVENT.match(subject):
        found = (await server.answer(f"submissions/{subject}"))["records"]
        return sorted({_position(each) for each in found})[:RECORDS_MAX]
    await server.answer(f"stations/{in_path(subject)}", {"limit": 1})  # an unknown station is named as one
    positions: set[tuple[int, int]] = set()
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        query: Query = {"station": subject, "order": "oldest", "limit": _PAGE_EVENTS, "cursor": cursor}
        page = await server.answer("events", query)
        positions.update(_position(each) for each in page["events"])
        if len(positions) > RECORDS_MAX:
            raise ProofFileError(
                f"station {shown(subject)} has more than {RECORDS_MAX:,} events; name one event instead "
                f"(`GET /v1/events?station={shown(subject)}` lists them)"
            )
        if (cursor := page["next"]) is None:
            break
    if not positions:
        raise ProofFileError(f"the log has no event about station {shown(subject)} yet")
    return sorted(positions)


def _position(line: Mapping[str, Any]) -> tuple[int, int]:
    return int(line["partition"]), int(line["offset"])


async def _record(server: Server, partition: int, offset: int) -> dict[str, Any]:
    answer = await _proof_once_published(server, partition, offset)
    entry = await server.content(f"/v1/events/{partition}/{offset}/entry", bytes_max=RECORD_BYTES_MAX)
    try:
        event = open_record(entry).event_id.hex()
    except MalformedRecordError:
        event = None
    return {
        "log": answer["checkpoint"].partition("\n")[0],
        "offset": offset,
        "event": event,
        "entry": base64.b64encode(entry).decode(),
        "proof": answer["proof"],
        "checkpoint": answer["checkpoint"],
    }


async def _proof_once_published(server: Server, partition: int, offset: int) -> dict[str, Any]:
    """The answer of `/v1/proof`, which is 404 until a checkpoint has the record."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + PUBLISHED_SECONDS_MAX
    while True:
        try:
            return await server.answer(f"proof/{partition}/{offset}")
        except RefusedError as refused:
            if refused.status != 404 or loop.time() > ends:
                raise
        await asyncio.sleep(_POLL_SECONDS)


def as_bytes(file: ProofFile) -> bytes:
    return orjson.dumps(file.model_dump(mode="json"), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read(path: Path) -> ProofFile:
    """Raises ProofFileError."""
    data = read_bounded(path, FILE_BYTES_MAX, "a proof file", ProofFileError)
    try:
        return ProofFile.model_validate(orjson.loads(data))
    except orjson.JSONDecodeError:
        raise ProofFileError(f"{path} is not a proof file: it is not JSON") from None
    except ValidationError as error:
        raise ProofFileError(f"{path} is not a proof file: {first_sentence(error)}") from None
