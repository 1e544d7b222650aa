"""Two witnesses beside the real parts, and real witness processes that are killed, or shown two histories."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from proofs.notes import (
    Checkpoint,
    Note,
    OpenedCheckpoint,
    check_signature,
    open_checkpoint,
    parse_key,
    parse_note,
    sign,
)
from rekap.embedded.ports import free_port
from rekap.operate.stack import Stack
from rekap.witness.server import witness_key
from runtime.files.key_files import load_key_file
from tests.support.made_logs import KEY, MadeLog, body
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = {"rekap/witness-1", "rekap/witness-2"}


# ── In the stack ─────────────────────────────────────────────────────────────────────────────────────────────────────


stack = stack_of("witnesses", witnesses=2, REKAP_CHECKPOINT_MS="100", REKAP_HEARTBEAT_S="1")


async def _opened(client: httpx.AsyncClient, partition: int) -> OpenedCheckpoint:
    """What a reader sees who took the witnesses' keys from the server."""
    shown = (await client.get("/v1/log")).json()
    log, witnesses = shown["logs"][partition], [parse_key(text) for text in shown["witnesses"]]
    note = (await client.get(f"/log/{partition}/checkpoint")).raise_for_status().content
    return open_checkpoint(note, parse_key(log["keys"][0]), witnesses, origin=log["origin"])


async def _submit(client: httpx.AsyncClient, voices: Voices, version: int) -> tuple[int, int]:
    """(partition, size from which the log has it) of a form that was accepted."""
    answer = await client.post(
        "/v1/submissions", content=voices.sign(reported("1.1.1-1", (version, 1, 1), version=version))
    )
    receipt = answer.raise_for_status().json()
    return receipt["partition"], receipt["offset"] + 1


async def _signed_by(client: httpx.AsyncClient, partition: int, size: int, names: set[str]) -> OpenedCheckpoint:
    """The first checkpoint of at least this size with just these cosignatures."""

    async def has_them() -> OpenedCheckpoint | None:
        opened = await _opened(client, partition)
        return opened if opened.checkpoint.size >= size and opened.witnesses.keys() == names else None

    found: OpenedCheckpoint = await eventually(has_them)
    return found


async def test_a_checkpoint_carries_the_cosignatures_of_both(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    keys = (await client.get("/v1/log")).json()["witnesses"]
    assert keys == [str(witness.key) for witness in stack.witnesses]
    partition, size = await _submit(client, voices, 1)
    await _signed_by(client, partition, size, NAMES)
    for witness, key in zip(stack.witnesses, keys, strict=True):
        about = (await client.get(f"{witness.url}/")).json()
        assert about["key"] == key, "the witness names the same key"
        assert len(about["logs"]) == stack.definition.partitions


async def test_the_log_continues_without_a_witness_that_is_down_and_has_its_cosignature_later(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    partition, size = await _submit(client, voices, 2)
    await _signed_by(client, partition, size, NAMES)
    stack.supervisor.pause("witness-2")
    partition, size = await _submit(client, voices, 3)
    await _signed_by(client, partition, size, {"rekap/witness-1"})
    stack.supervisor.resume("witness-2")
    await _signed_by(client, partition, size, NAMES)

    await stack.supervisor.kill("witness-1")
    partition, size = await _submit(client, voices, 4)
    await _signed_by(client, partition, size, {"rekap/witness-2"})
    await _signed_by(client, partition, size, NAMES)


async def test_a_forked_view_is_refused_and_kept(
    stack: Stack, voices: Voices, client: httpx.AsyncClient, directory: Path
) -> None:
    """As the operator of the log could make it, who has its key."""
    partition, size = await _submit(client, voices, 5)
    seen = await _signed_by(client, partition, size, NAMES)
    origin, size, _ = seen.checkpoint
    text = Checkpoint(origin, size, b"\7" * 32).text
    note = Note(text, (sign(text, origin, load_key_file(directory / "data" / "log-key.pem")),)).to_bytes()
    url = stack.witnesses[0].url
    answer = await client.post(f"{url}/add-checkpoint", content=body(size, [], note))
    assert (answer.status_code, answer.text) == (409, f"{size}\n")
    (kept,) = (await client.get(f"{url}/conflicts")).json()["conflicts"]
    log = parse_key((await client.get("/v1/log")).json()["logs"][partition]["keys"][0])
    forked, cosigned = (open_checkpoint(kept[half].encode(), log).checkpoint for half in ("checkpoint", "cosigned"))
    assert (kept["kind"], forked.size, cosigned.size) == ("fork", size, size)
    assert forked.root != cosigned.root == seen.checkpoint.root
    assert f"conflict kind=fork log={origin} size={size}" in (directory / "witness-1.log").read_text()

    partition, size = await _submit(client, voices, 6)
    await _signed_by(client, partition, size, NAMES)


async def test_a_witness_of_ones_own_takes_the_logs_from_the_server(
    stack: Stack, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with _process(tmp_path, "--server", stack.url) as witness:
        logs = (await client.get(f"{witness.url}/")).json()["logs"]
        shown = (await client.get("/v1/log")).json()["logs"]
        assert {log["origin"]: log["keys"] for log in logs} == {log["origin"]: log["keys"][:1] for log in shown}


# ── Processes of their own ───────────────────────────────────────────────────────────────────────────────────────────


class _Process:
    def __init__(self, url: str, process: asyncio.subprocess.Process) -> None:
        self.url = url
        self.process = process


@asynccontextmanager
async def _process(directory: Path, *logs: str) -> AsyncIterator[_Process]:
    """`rekap witness` with key and state in `directory`; killed at the end."""
    port = str(free_port())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rekap", "witness", "--name", "w1", "--port", port),
        *("--key", str(directory / "w.pem"), "--state", str(directory / "w.sqlite"), *logs),
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient() as client:

            async def answers() -> bool:
                assert process.returncode is None, "the witness has ended"
                try:
                    return (await client.get(url)).status_code == 200
                except httpx.HTTPError:
                    return False

            await eventually(answers)
        yield _Process(url, process)
    finally:
        with suppress(ProcessLookupError):  # killed by the test a moment ago, and not waited for yet
            if process.returncode is None:
                os.kill(process.pid, signal.SIGKILL)
        await process.wait()


async def test_a_witness_killed_at_any_moment_never_takes_back_what_it_has_cosigned(tmp_path: Path) -> None:
    """Each round: an honest log grows until the witness is killed; then the other history of the same log is shown to it."""
    honest, chance = MadeLog("a" * 400), random.Random(4)
    cosigned = 0
    for round_ in range(5):
        async with _process(tmp_path, "--log", str(KEY)) as witness, httpx.AsyncClient(timeout=10) as client:
            key = witness_key("w1", load_key_file(tmp_path / "w.pem"))
            known = (await client.get(witness.url)).json()["logs"][0]["size"]
            if round_:
                assert known >= cosigned, "it has forgotten what it cosigned"
                forked = MadeLog("a" * (known - 1) + "b" * (401 - known))
                for old, size in ((known, known), (known, known + 1), (known - 1, known), (cosigned - 1, cosigned - 1)):
                    answer = await client.post(f"{witness.url}/add-checkpoint", content=forked.request(old, size))
                    assert answer.status_code in (409, 422)
                conflicts = (await client.get(f"{witness.url}/conflicts")).json()["conflicts"]
                assert ("fork", known) in [(each["kind"], each["size"]) for each in conflicts]
            size, until = known, known + chance.randrange(3, 30)

            async def kill(process: asyncio.subprocess.Process = witness.process, delay: float = 0.0) -> None:
                await asyncio.sleep(delay)
                os.kill(process.pid, signal.SIGKILL)

            killing: asyncio.Task[None] | None = None
            try:
                while True:
                    size += 1
                    if size == until:
                        killing = asyncio.create_task(kill(delay=chance.random() / 100))
                    answer = await client.post(f"{witness.url}/add-checkpoint", content=honest.request(size - 1, size))
                    assert answer.status_code == 200
                    signature = parse_note(b"-\n\n" + answer.content).signatures[0]
                    assert check_signature(parse_note(honest.note(size)).text, signature, key)
                    cosigned = size
            except httpx.HTTPError:
                assert killing is not None, "it ended by itself"
                await killing
            assert cosigned >= until - 1


async def test_two_processes_on_one_memory_cosign_one_history(tmp_path: Path) -> None:
    histories = MadeLog("aaaa" + "b" * 30), MadeLog("aaaa" + "c" * 30)
    async with (
        _process(tmp_path, "--log", str(KEY)) as first,
        _process(tmp_path, "--log", str(KEY)) as second,
        httpx.AsyncClient(timeout=10) as client,
    ):
        assert (await client.post(f"{first.url}/add-checkpoint", content=histories[0].request(0, 4))).status_code == 200
        for size in range(5, 30):
            answers = await asyncio.gather(
                *(
                    client.post(f"{witness.url}/add-checkpoint", content=log.request(size - 1, size))
                    for witness, log in zip((first, second), histories, strict=True)
                )
            )
            statuses = [answer.status_code for answer in answers]
            assert statuses.count(200) == 1, statuses
            if size == 5:
                winner = statuses.index(200)
            assert statuses[winner] == 200, "the history that was cosigned first is continued"
