"""Witnesses as real processes: cosignatures on the checkpoints that readers get, and a second history refused and kept."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from proofs.notes import ED25519, Checkpoint, Note, VerifierKey, open_checkpoint, parse_key, sign
from proofs.witness import request_body
from rekap.up import Stack
from runtime.key_files import load_key_file
from runtime.witnesses import parse_witnesses
from schemas.logs import origin_of
from tests.conftest import Parts
from tests.support.ledger import private_key
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, small_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = {"witness-1", "witness-2"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("witnessed")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(place: Path, parts: Parts) -> AsyncIterator[Stack]:
    settings = {**parts, "REKAP_CHECKPOINT_MS": "100", "REKAP_HEARTBEAT_S": "1"}
    async with small_stack(place, "witnessed", settings, witnesses=2) as stack:
        yield stack


def _partition(stack: Stack) -> int:
    return stack.definition.partition_of_station(stack.definition.station_number["1.1.1-1"])


async def _grow(client: httpx.AsyncClient, voices: Voices, version: int, count: int = 20) -> None:
    lines = [voices.sign(reported("1.1.1-1", version=version + n)) for n in range(count)]
    (await client.post("/v1/submissions:batch", content=b"\n".join(lines))).raise_for_status()


async def _newest(stack: Stack, client: httpx.AsyncClient) -> tuple[Checkpoint, set[str]]:
    """The newest checkpoint, and the witnesses that have signed it."""
    about = (await client.get("/v1/log")).json()
    log = about["logs"][_partition(stack)]
    keys = [parse_key(each) for each in about["witnesses"]]
    note = (await client.get(f"/log/{_partition(stack)}/checkpoint")).raise_for_status().content
    opened = open_checkpoint(note, parse_key(log["keys"][0]), keys)
    return opened.checkpoint, set(opened.witnesses) & NAMES


async def _reaches(stack: Stack, client: httpx.AsyncClient, size: int, names: set[str]) -> None:
    async def has_reached() -> bool:
        checkpoint, witnesses = await _newest(stack, client)
        return checkpoint.size >= size and witnesses == names

    await eventually(has_reached)


async def test_a_checkpoint_carries_the_cosignatures_of_the_witnesses_that_are_there(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    await _grow(client, voices, 1)
    await _reaches(stack, client, 21, NAMES)
    stack.supervisor.pause("witness-2")
    await _grow(client, voices, 100)
    await _reaches(stack, client, 41, {"witness-1"})
    stack.supervisor.resume("witness-2")
    await _grow(client, voices, 200)
    await _reaches(stack, client, 61, NAMES)


async def test_a_witness_that_is_killed_goes_on_with_what_it_had_cosigned(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    for round_ in range(4):
        await _grow(client, voices, 1_000 + 100 * round_)
        await asyncio.sleep(0.03 * round_)
        await stack.supervisor.kill("witness-1")
    await _grow(client, voices, 2_000)
    size = (await _newest(stack, client))[0].size
    await _reaches(stack, client, size + 1, NAMES)


async def test_a_second_history_is_refused_and_kept_as_evidence(
    stack: Stack, client: httpx.AsyncClient, place: Path
) -> None:
    origin = origin_of(stack.definition.election, _partition(stack))
    witness = parse_witnesses(stack.environment["REKAP_WITNESSES"])[0]
    async with httpx.AsyncClient(base_url=witness.url) as own:
        about = (await own.get("/")).json()
        assert about["witness"] == str(witness.key)
        (known,) = [each for each in about["logs"] if each["origin"] == origin]
        forged = Checkpoint(origin, known["size"], b"\7" * 32)
        key = load_key_file(Path(stack.environment["REKAP_LOG_KEY"]))
        note = Note(forged.text, (sign(forged.text, origin, key),)).to_bytes()
        answer = await own.post("/add-checkpoint", content=request_body(known["size"], [], note))
        assert (answer.status_code, answer.text) == (409, f"{known['size']}\n")
        assert answer.headers["content-type"].startswith("text/x.tlog.size")
        (conflict,) = (await own.get("/conflicts")).json()
        assert conflict["checkpoint"] == note.decode()
        stranger = note.replace(origin.encode(), b"rekap/rehearsal/other/0")
        assert (await own.post("/add-checkpoint", content=request_body(0, [], stranger))).status_code == 404
        assert (await own.post("/add-checkpoint", content=b"x" * 200_000)).status_code == 413
    assert "conflict" in (place / "witness-1.log").read_text()


async def test_the_audit_asks_for_the_witnesses_that_it_is_given(stack: Stack, tmp_path: Path) -> None:
    witnesses = [str(each.key) for each in parse_witnesses(stack.environment["REKAP_WITNESSES"])]
    code, out = await _rekap(
        *("audit", stack.url, "--report", str(tmp_path / "report")), *(f"--witness={each}" for each in witnesses)
    )
    assert code == 0, out
    report = json.loads((tmp_path / "report.json").read_text())
    assert set(report["logs"][0]["signed_at"]) >= NAMES


async def _rekap(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rekap", *arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()


async def test_what_a_witness_cannot_start_with_is_said(tmp_path: Path) -> None:
    options = ("witness", "--key", str(tmp_path / "key.pem"), "--state", str(tmp_path / "state.sqlite"), "--port", "0")
    keys = [
        str(VerifierKey("rekap/live/e/0", ED25519, private_key(name).public_key().public_bytes_raw()))
        for name in ("one", "two")
    ]
    assert await _rekap(*options, "--name", "w") == (
        3,
        "Error: no log to watch: name one with --log, or a server with --server\n",
    )
    code, out = await _rekap(*options, "--name", "a b")
    assert (code, "is no name" in out) == (3, True)
    # Pinned by hand here, for a witness that starts well does not end by itself.
    with sqlite3.connect(tmp_path / "state.sqlite") as database:
        database.execute("INSERT INTO log VALUES ('rekap/live/e/0', ?, 0, x'', NULL)", (keys[0],))
    code, out = await _rekap(*options, "--name", "w", "--log", keys[1])
    assert (code, "was pinned" in out) == (3, True)
    assert oct(os.stat(tmp_path / "key.pem").st_mode & 0o777) == "0o600"
