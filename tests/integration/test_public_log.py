"""The public log as a stranger with no trust in the server sees it: files and proofs, over HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from projections.loghead.queries import schema_of
from proofs.merkle import check_consistency, check_inclusion, leaf_hash, root_hash
from proofs.notes import check_signature, open_checkpoint, parse_key, parse_note
from proofs.tiles import TileHashes, entries_path, read_bundle, tile_path, tiles_of
from rekap.operate.stack import Stack
from tests.support.go_programs import build
from tests.support.stacks import Voices, eventually, stack_of
from tests.unit.proofs.test_merkle import naive_root

pytestmark = pytest.mark.asyncio(loop_scope="module")


stack = stack_of("public-log", REKAP_CHECKPOINT_MS="100", REKAP_HEARTBEAT_S="1")


async def _checkpoint(client: httpx.AsyncClient, partition: int) -> tuple[int, bytes, int]:
    """(size, root, time of the log's own clock), of a checkpoint whose signatures hold"""
    about = (await client.get("/v1/log")).json()["logs"][partition]
    key, clock = (parse_key(text) for text in about["keys"])
    note = (await client.get(f"/log/{partition}/checkpoint")).raise_for_status().content
    opened = open_checkpoint(note, key, [clock], origin=about["origin"])
    return opened.checkpoint.size, opened.checkpoint.root, opened.witnesses[clock.name]


async def _reaches(client: httpx.AsyncClient, partition: int, size: int) -> None:
    async def has_reached() -> bool:
        answer = await client.get(f"/log/{partition}/checkpoint")
        return answer.status_code == 200 and (await _checkpoint(client, partition))[0] >= size

    await eventually(has_reached)


async def _submit(client: httpx.AsyncClient, voices: Voices, count: int) -> dict[str, Any]:
    receipt: dict[str, Any] = {}
    for start in range(0, count, 500):
        lines = voices.some(min(count - start, 500))
        answer = await client.post("/v1/submissions:batch", content=b"\n".join(lines))
        receipt = json.loads(answer.text.splitlines()[-1])["receipt"]
    return receipt


async def test_a_receipt_leads_to_a_leaf_under_a_signed_root(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    receipt = await _submit(client, voices, 700)
    note = parse_note(receipt["signed"].encode())
    check_signature(note.text, note.signatures[0], parse_key((await client.get("/v1/gateway")).json()["gateway_key"]))
    assert f"offset {receipt['offset']}\nleaf {receipt['leaf_hash']}\n" in note.text

    partition, offset = receipt["partition"], receipt["offset"]
    await _reaches(client, partition, offset + 1)
    proof = (await client.get(f"/v1/proof/{partition}/{offset}")).json()
    key = parse_key((await client.get("/v1/log")).json()["logs"][partition]["keys"][0])
    checkpoint = open_checkpoint(proof["checkpoint"].encode(), key).checkpoint
    hashes = [base64.b64decode(each) for each in proof["proof"]]
    check_inclusion(bytes.fromhex(receipt["leaf_hash"]), offset, checkpoint.size, hashes, checkpoint.root)
    text = (await client.get(f"/v1/proof/{partition}/{offset}", headers={"Accept": "text/plain"})).text
    assert text.startswith(f"c2sp.org/tlog-proof@v1\nindex {offset}\n{proof['proof'][0]}\n")


async def test_the_files_hold_the_ledger_and_give_the_root(stack: Stack, client: httpx.AsyncClient) -> None:
    for partition in range(stack.definition.partitions):
        await _reaches(client, partition, 1)
        size, root, _ = await _checkpoint(client, partition)
        tiles: dict[tuple[int, int, int], bytes] = {}

        async def fetch(path: str, partition: int = partition) -> bytes:
            answer = (await client.get(f"/log/{partition}/{path}")).raise_for_status()
            assert "immutable" in answer.headers["cache-control"]
            return answer.content

        entries = []
        for index, width in tiles_of(0, size):
            tiles[0, index, width] = await fetch(tile_path(0, index, width))
            entries += read_bundle(await fetch(entries_path(index, width)), width)
        for level in (1, 2):
            for index, width in tiles_of(level, size):
                tiles[level, index, width] = await fetch(tile_path(level, index, width))
        assert b"".join(leaf_hash(entry) for entry in entries) == b"".join(
            tiles[0, index, width] for index, width in tiles_of(0, size)
        )
        held = tiles
        hashes = TileHashes(size, lambda level, index, width: held[level, index, width])  # noqa: B023
        assert root_hash(size, hashes) == root


async def test_readers_in_go_take_the_notarys_files(
    stack: Stack, client: httpx.AsyncClient, directory: Path, tmp_path: Path
) -> None:
    reader = await asyncio.to_thread(build, "reader", tmp_path)
    partition = _partition_of_submissions(stack)
    key = (await client.get("/v1/log")).json()["logs"][partition]["keys"][0]
    command = [reader, _files(directory, partition), key]
    answer = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["size"] >= 700


async def test_a_killed_notary_continues_the_log_that_it_promised(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    receipt = await _submit(client, voices, 300)
    partition = receipt["partition"]
    await _reaches(client, partition, 1)
    for round_ in range(3):
        old_size, old_root, _ = await _checkpoint(client, partition)
        sending = asyncio.create_task(_submit(client, voices, 300))
        await asyncio.sleep(0.05 * round_)
        await stack.supervisor.kill("notary")
        receipt = await sending
        await _reaches(client, partition, receipt["offset"] + 1)
        new_size, new_root, _ = await _checkpoint(client, partition)
        answer = (await client.get(f"/v1/consistency/{partition}", params={"old": old_size, "new": new_size})).json()
        proof = [base64.b64decode(each) for each in answer["proof"]]
        check_consistency(old_size, new_size, proof, old_root, new_root)


async def test_that_nothing_new_has_come_is_signed_too(client: httpx.AsyncClient) -> None:
    size, root, at = await _checkpoint(client, 0)

    async def is_fresher() -> bool:
        again = await _checkpoint(client, 0)
        return again[:2] == (size, root) and again[2] > at

    await eventually(is_fresher)


def _files(directory: Path, partition: int) -> Path:
    return directory / "data" / "log" / "rehearsal" / "public-log" / str(partition)


def _partition_of_submissions(stack: Stack) -> int:
    return stack.definition.stations.partition(stack.definition.stations.number["1.1.1-1"])


async def test_files_that_were_lost_or_changed_are_made_anew_from_the_ledger(
    stack: Stack, voices: Voices, client: httpx.AsyncClient, directory: Path
) -> None:
    partition = _partition_of_submissions(stack)
    files = _files(directory, partition)
    size, root, _ = await _checkpoint(client, partition)
    assert size % 256, "the test needs a partial bundle"
    await stack.supervisor.stop("notary")
    partial = files / entries_path(size // 256, size % 256)
    partial.write_bytes(partial.read_bytes().replace(b'"gateway"', b'"getaway"', 1))
    (files / entries_path(0)).unlink()
    await stack.start("notary")
    receipt = await _submit(client, voices, 300)
    await _reaches(client, partition, receipt["offset"] + 1)
    new_size, new_root, _ = await _checkpoint(client, partition)
    bundles = [
        read_bundle((files / entries_path(index, width)).read_bytes(), width) for index, width in tiles_of(0, new_size)
    ]
    entries = [entry for bundle in bundles for entry in bundle]
    assert naive_root(entries[:size]) == root
    assert naive_root(entries) == new_root


async def test_another_history_than_the_promised_one_is_never_signed(
    stack: Stack, voices: Voices, client: httpx.AsyncClient, directory: Path
) -> None:
    partition = _partition_of_submissions(stack)
    size, root, _ = await _checkpoint(client, partition)
    await stack.supervisor.stop("notary")
    database = await asyncpg.connect(stack.environment["REKAP_DATABASE"])
    promise = f'UPDATE "{schema_of(stack.definition.election)}".log_head SET root = $2 WHERE partition = $1'  # noqa: S608
    await database.execute(promise, partition, "00" * 32)
    try:
        await stack.start("notary")
        receipt = await _submit(client, voices, 10)

        async def refusals() -> int:
            return (directory / "notary.log").read_text().count(f"but {'00' * 32} was promised")

        refused = await eventually(refusals)
        assert (await _checkpoint(client, partition))[:2] == (size, root)

        shutil.rmtree(_files(directory, partition))  # nor where it has only the ledger to go by

        async def refuses_again() -> bool:
            return await refusals() > refused + 1

        await eventually(refuses_again)
        assert not (_files(directory, partition) / "checkpoint").exists()
    finally:
        await stack.supervisor.stop("notary")
        await database.execute(promise, partition, root.hex())
        await database.close()
    await stack.start("notary")
    await _reaches(client, partition, receipt["offset"] + 1)


@pytest.mark.parametrize(
    "path",
    [
        "../../../log-key.pem",
        "%2e%2e/%2e%2e/%2e%2e/log-key.pem",
        "checkpoint/",
        "tile/0/1000",
        "tile/99999/000",
        "keys~",
    ],
)
async def test_nothing_but_the_files_of_a_log_is_served(stack: Stack, client: httpx.AsyncClient, path: str) -> None:
    """With the path exactly as it is given, which a client would tidy first."""
    url = httpx.URL(stack.url).copy_with(raw_path=f"/log/0/{path}".encode())
    assert (await client.send(httpx.Request("GET", url))).status_code in (404, 422)
