"""Bulletins over a real connection: read while somebody follows them, from the files of the logs and from health."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from api.feed.bulletin_reading import HEALTH_MEMBER_BYTES_MAX, checkpoint_reader, health_reader
from proofs.notes import Checkpoint
from proofs.tiles import CHECKPOINT
from runtime.settings import Settings
from schemas.served.live import FROM_SERVER
from schemas.served.logs import folder_of, origin_of
from tests.support.ledger import MemoryLedger
from tests.support.live_server import live_server
from tests.support.small_election import small_package

DEFINITION = MemoryLedger(small_package(partitions=2)).definition


def _write_checkpoint(logs: Path, partition: int, size: int) -> bytes:
    text = Checkpoint(origin_of(DEFINITION.election, partition), size, bytes(32)).text
    note = f"{text}\n— a {'A' * 92}\n".encode()
    file = logs / folder_of(DEFINITION.election, partition) / CHECKPOINT
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(note)
    return note


async def _next(socket: ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            text = await socket.recv()
            FROM_SERVER.validate_json(text)
            message: dict[str, Any] = json.loads(text)
            if message["type"] == kind:
                return message


async def test_health_and_checkpoints_come_on_one_connection_and_only_while_somebody_follows(tmp_path: Path) -> None:
    asked: list[int] = []

    async def health() -> dict[str, Any]:
        asked.append(1)
        return {"status": "ok"}

    note = _write_checkpoint(tmp_path, 0, 5)
    async with live_server(DEFINITION, log_directory=tmp_path) as server:
        server.feed.bulletins.readers["health"] = health_reader(health)
        reading = asyncio.create_task(server.feed.bulletins.run())
        try:
            await asyncio.sleep(0.5)
            assert asked == []
            async with connect(f"ws://127.0.0.1:{server.port}/v1/live") as socket:
                for bulletin in ("health", "checkpoints"):
                    await socket.send(json.dumps({"type": "follow", "bulletin": bulletin, "id": bulletin}))
                assert (await _next(socket, "health"))["health"] == {"status": "ok"}
                first = await _next(socket, "checkpoints")
                expected = {
                    "partition": 0,
                    "origin": origin_of(DEFINITION.election, 0),
                    "size": 5,
                    "root": "00" * 32,
                    "note": note.decode(),
                }
                assert (first["id"], first["logs"]) == ("checkpoints", [expected])
                _write_checkpoint(tmp_path, 1, 7)
                second = await _next(socket, "checkpoints")
                assert [(log["partition"], log["size"]) for log in second["logs"]] == [(1, 7)]
                await socket.send('{"type":"follow","bulletin":"weather"}')
                error = await _next(socket, "error")
                assert (error["status"], error["field"]) == (400, "bulletin")
            await server.until_subscribers(0, seconds=5)
            count = len(asked)
            await asyncio.sleep(0.5)
            assert len(asked) == count
        finally:
            reading.cancel()


async def test_a_bulletin_that_cannot_be_read_is_logged_and_read_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("api.feed.bulletin_reading.EVERY_SECONDS", {"health": 0.1})
    tries: list[int] = []

    async def health() -> Mapping[int, bytes]:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("a bug")
        return {0: b'{"status":"ok"}'}

    async with live_server(DEFINITION) as server:
        server.feed.bulletins.readers["health"] = health
        reading = asyncio.create_task(server.feed.bulletins.run())
        try:
            async with connect(f"ws://127.0.0.1:{server.port}/v1/live") as socket:
                await socket.send('{"type":"follow","bulletin":"health"}')
                assert (await _next(socket, "health"))["health"] == {"status": "ok"}
        finally:
            reading.cancel()
    assert "ValueError: a bug" in caplog.text


async def test_a_member_of_health_that_is_too_long_is_named_and_left_out() -> None:
    async def health() -> dict[str, Any]:
        return {"status": "stopped", "alarms": ["x" * HEALTH_MEMBER_BYTES_MAX]}

    rows = await health_reader(health)()
    assert json.loads(rows[0]) == {"status": "stopped", "omitted": ["alarms"]}


async def test_a_checkpoint_that_cannot_be_read_is_logged_once_and_the_others_come(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _write_checkpoint(tmp_path, 1, 3)
    broken = tmp_path / folder_of(DEFINITION.election, 0) / CHECKPOINT
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"nonsense")
    read = checkpoint_reader(Settings(log_directory=tmp_path), DEFINITION)
    for _ in range(2):
        assert list(await read()) == [1]
    assert caplog.text.count("checkpoint-not-read") == 1
    _write_checkpoint(tmp_path, 0, 4)
    assert list(await read()) == [0, 1]
