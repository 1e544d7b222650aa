"""The audit of a real stack, and attacks on what it publishes: each is found, and named."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
import pytest_asyncio

from projections.area.tally import HEAD
from projections.readmodel.queries import schema_of
from proofs.growing_log import GrowingLog
from proofs.notes import COSIGNATURE, Checkpoint, Note, VerifierKey, parse_checkpoint, parse_note, sign
from proofs.signatures import sign_envelope
from proofs.tiles import entries_path, read_bundle, tile_path
from rekap.operate.stack import Stack
from rekap.station.signing import Signed, Signer
from runtime.files.key_files import load_or_make_key_file
from runtime.files.tile_store import TileStore
from runtime.package.writing import pack, write_package
from schemas.ledger.envelope import ledger_record
from tests.conftest import Parts
from tests.support.ledger import CREATED_AT, private_key
from tests.support.numbers_changed import number_changed
from tests.support.small_election import annulled, reported, reviewed, small_package
from tests.support.stacks import Voices, eventually, small_stack, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

VERIFIED, DIFFERS, UNUSABLE, NOT_REACHED, TAMPERED = 0, 1, 2, 3, 4
RECORDS = 300
MANY = ("1.1.1-1", "1.1.2-1", "1.1.2-2", "1.2.1-2")
"""Stations of one partition, with as many versions each as make up RECORDS."""
"""More than a bundle has, so that there are full and partial files."""


stack = stack_of("audited", REKAP_CHECKPOINT_MS="100")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def voted(stack: Stack) -> None:
    await _vote(stack)


async def _vote(stack: Stack) -> None:
    """A night with everything in it, and all of it counted."""
    voices = Voices(stack)
    lines = [voices.sign(reported(MANY[n % 4], (n % 90, 1, 1), version=1 + n // 4)) for n in range(RECORDS)]
    lines += [voices.sign(reported(station)) for station in ("1.1.1-2", "1.2.1-1", "2.1.1-1", "2.2.2-2")]
    held = voices.sign(reported("2.1.2-1", VA=7))
    lines += [held, voices.sign(reported("2.1.2-2", VA=7)), voices.sign(annulled("2.2.2-2", 1), "supervisor")]
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        answer = await client.post("/v1/submissions:batch", content=b"\n".join(lines))
        receipts = [json.loads(line) for line in answer.text.splitlines()]
        assert {each["status"] for each in receipts} == {201}
        event = receipts[RECORDS + 4]["receipt"]["submission"]
        await client.post("/v1/submissions", content=voices.sign(reviewed("2.1.2-1", event, "accepted"), "reviewer"))

        async def is_counted() -> bool:
            tally = (await client.get("/v1/contests/president")).json()["tally"]
            return bool(tally["stations"]["reported"] == 9 and tally["stations"]["annulled"] == 1)

        await eventually(is_counted)


@dataclass
class Audited:
    code: int
    out: str
    report: dict[str, Any]


def _come_in(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands show themselves to the stack's Kafka."""
    for name in ("REKAP_KAFKA_USER", "REKAP_KAFKA_MECHANISM", "REKAP_KAFKA_PASSWORD"):
        monkeypatch.setenv(name, stack.environment[name])


async def _audit(source: str, directory: Path, *options: str) -> Audited:
    """`rekap audit` as a user would run it."""
    name = directory / "report"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rekap", "audit", source, "--report", str(name), *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    file = name.with_name("report.json")
    report = json.loads(file.read_bytes()) if file.exists() else {}
    assert process.returncode is not None
    assert "Traceback" not in out.decode()
    return Audited(process.returncode, out.decode(), report)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def honest(stack: Stack, directory: Path) -> Path:
    """The archive of an honest audit."""
    archive = directory / "honest"
    audited = await _audit(stack.url, directory, "--archive", str(archive))
    assert audited.code == VERIFIED, audited.out
    shutil.rmtree(archive / "checked")
    return archive


@pytest.fixture
def copy(honest: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(honest, tmp_path / "archive"))


async def test_a_whole_night_is_verified_number_by_number(stack: Stack, tmp_path: Path) -> None:
    audited = await _audit(stack.url, tmp_path, "--archive", str(tmp_path / "archive"))
    assert audited.code == VERIFIED, audited.out
    assert audited.out.splitlines()[-1].startswith("VERIFIED: ")
    assert audited.report["tallies_compared"] > 70
    assert sum(log["size"] for log in audited.report["logs"]) == sum(audited.report["records"].values())
    assert "<h1 class=verified>VERIFIED" in (tmp_path / "report.html").read_text()

    again = await _audit(str(tmp_path / "archive"), tmp_path)
    assert again.code == VERIFIED, "the archive gives the same verdict without the server"
    sample = await _audit(stack.url, tmp_path, "--sample", "6", "--seed", "1")
    assert sample.code == VERIFIED, sample.out


# ── attacks on the log ───────────────────────────────────────────────────────────────────────────────────────────────


def _partition(stack: Stack) -> int:
    return stack.definition.stations.partition(stack.definition.stations.number["1.1.1-1"])


def _bundle(archive: Path, partition: int, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the entries of the first bundle of a log."""
    file = archive / "log" / str(partition) / entries_path(0)
    entries = change(read_bundle(file.read_bytes(), 256))
    file.write_bytes(b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries))


def _forged(station: str = "1.1.1-1", name: str = "officer", **frame: str) -> bytes:
    event = {"election": "audited", "mode": "rehearsal", "definition": "0" * 64, "seq": 0, "created_at": CREATED_AT}
    payload = orjson.dumps(event | frame | reported(station, (9, 9, 9)), option=orjson.OPT_SORT_KEYS)
    return ledger_record(sign_envelope(private_key(name), payload), "gateway", CREATED_AT)


ENTRY_ATTACKS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int, str]] = {
    "altered": (lambda e: [*e[:17], e[17].replace(b'"received_at":"2', b'"received_at":"3'), *e[18:]], 17, "altered"),
    "removed": (lambda e: [*e[:17], *e[18:]], 17, "a record was removed here"),
    "reordered": (lambda e: [*e[:17], e[18], e[17], *e[19:]], 17, "in another order"),
    "inserted": (lambda e: [*e[:17], _forged(), *e[17:255]], 17, "a record was inserted here"),
    "re-signed by another key": (lambda e: [*e[:17], _forged(name="nobody"), *e[18:]], 17, "altered"),
}


@pytest.mark.parametrize("attack", ENTRY_ATTACKS)
async def test_a_record_that_was_changed_in_a_tile_is_named(
    stack: Stack, copy: Path, tmp_path: Path, attack: str
) -> None:
    change, offset, words = ENTRY_ATTACKS[attack]
    _bundle(copy, _partition(stack), change)
    audited = await _audit(str(copy), tmp_path)
    assert audited.code == TAMPERED
    assert f"log {_partition(stack)}, record {offset}: " in audited.out
    assert words in audited.out


def _grown(archive: Path, partition: int, change: Callable[[list[bytes]], list[bytes]]) -> GrowingLog:
    """The log made anew from changed entries, tiles and all; its checkpoint stays."""
    folder = archive / "log" / str(partition)
    size = parse_checkpoint(parse_note((folder / "checkpoint").read_bytes()).text).size
    entries: list[bytes] = []
    for index in range(-(-size // 256)):
        width = min(256, size - 256 * index)
        entries += read_bundle((folder / entries_path(index, width)).read_bytes(), width)
    grown = GrowingLog()
    for entry in change(entries):
        grown.append(entry)
    shutil.rmtree(folder / "tile")
    store = TileStore(folder)
    store.keep(grown.take_full())
    store.keep(grown.partial())
    return grown


async def test_a_log_made_anew_is_not_the_one_that_was_signed(stack: Stack, copy: Path, tmp_path: Path) -> None:
    _grown(copy, _partition(stack), lambda entries: [*entries[:20], _forged(), *entries[21:]])
    audited = await _audit(str(copy), tmp_path)
    assert audited.code == TAMPERED
    assert "but the checkpoint signs" in audited.out


async def test_a_wrong_upper_tile_is_a_wrong_log(stack: Stack, copy: Path, tmp_path: Path) -> None:
    tile = copy / "log" / str(_partition(stack)) / tile_path(1, 0, 1)
    tile.write_bytes(b"\0" * 32)
    audited = await _audit(str(copy), tmp_path)
    assert audited.code == TAMPERED
    assert "tile/1/000.p/1: does not hold the hashes of what is below it" in audited.out


def _sign(archive: Path, stack: Stack, partition: int, checkpoint: Checkpoint) -> bytes:
    """A checkpoint signed by the log's own key: an attack from inside."""
    key = load_or_make_key_file(Path(stack.environment["REKAP_LOG_KEY"]))
    note = Note(checkpoint.text, (sign(checkpoint.text, checkpoint.origin, key),)).to_bytes()
    (archive / "log" / str(partition) / "checkpoint").write_bytes(note)
    return note


def _origin(partition: int) -> str:
    return f"rekap/rehearsal/audited/{partition}"


async def test_a_tree_that_was_rolled_back_is_found_by_who_saw_more(stack: Stack, copy: Path, tmp_path: Path) -> None:
    partition = _partition(stack)
    assert (await _audit(str(copy), tmp_path, "--archive", str(tmp_path / "mine"))).code in (VERIFIED,)
    seen = (copy / "log" / str(partition) / "checkpoint").read_bytes()
    (tmp_path / "seen").write_bytes(seen)
    grown = _grown(copy, partition, lambda entries: entries[:280])
    _sign(copy, stack, partition, Checkpoint(_origin(partition), grown.size, grown.root()))
    _publish_nothing_of(copy, through=279, partition=partition)
    for options in (("--archive", str(tmp_path / "mine")), ("--checkpoint", str(tmp_path / "seen"))):
        audited = await _audit(str(copy), tmp_path, *options)
        assert audited.code == TAMPERED
        assert "rolled back" in audited.out


def _publish_nothing_of(archive: Path, *, through: int, partition: int) -> None:
    """Let the kept snapshots be of an older cut, so that only the log itself can give the roll-back away."""
    lines = []
    for line in (archive / "published.ndjson").read_text().splitlines():
        entry = json.loads(line)
        _cap(entry["answer"], str(partition), through)
        lines.append(json.dumps(entry))
    (archive / "published.ndjson").write_text("\n".join(lines))


def _cap(value: Any, partition: str, through: int) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("as_of", "shard_as_of") and partition in inner:
                inner[partition] = min(inner[partition], through)
            else:
                _cap(inner, partition, through)
    elif isinstance(value, list):
        for inner in value:
            _cap(inner, partition, through)


async def test_two_views_of_a_log_are_found_by_comparing_what_two_readers_saw(
    stack: Stack, copy: Path, tmp_path: Path
) -> None:
    partition = _partition(stack)
    mine = (copy / "log" / str(partition) / "checkpoint").read_bytes()
    size = parse_checkpoint(parse_note(mine).text).size
    other = tmp_path / "theirs"
    other.write_bytes(_sign(copy, stack, partition, Checkpoint(_origin(partition), size, b"\7" * 32)))
    (copy / "log" / str(partition) / "checkpoint").write_bytes(mine)
    audited = await _audit(str(copy), tmp_path, "--checkpoint", str(other))
    assert audited.code == TAMPERED
    assert "two histories" in audited.out


async def test_a_checkpoint_without_the_witness_that_was_asked_for_is_refused(copy: Path, tmp_path: Path) -> None:
    witness = VerifierKey("a-witness", COSIGNATURE, private_key("witness").public_key().public_bytes_raw())
    audited = await _audit(str(copy), tmp_path, "--witness", str(witness))
    assert audited.code == TAMPERED
    assert "0 of the given witnesses have signed it, but 1 are asked for" in audited.out


async def test_the_witnesses_that_are_asked_for_stand_in_the_report(parts: Parts, tmp_path: Path) -> None:
    async with small_stack(tmp_path, "cosigned", {**parts, "REKAP_CHECKPOINT_MS": "100"}, witnesses=2) as stack:
        audited = await _audit(stack.url, tmp_path, *(f"--witness={witness.key}" for witness in stack.witnesses))
    assert audited.code == VERIFIED, audited.out
    names = {witness.key.name for witness in stack.witnesses}
    assert all(names <= set(log["signed_at"]) for log in audited.report["logs"])


async def test_a_checkpoint_of_another_election_is_refused(stack: Stack, copy: Path, tmp_path: Path) -> None:
    partition = _partition(stack)
    known = parse_checkpoint(parse_note((copy / "log" / str(partition) / "checkpoint").read_bytes()).text)
    origin = f"rekap/rehearsal/another/{partition}"
    _sign(copy, stack, partition, Checkpoint(origin, known.size, known.root))
    audited = await _audit(str(copy), tmp_path)
    assert audited.code == TAMPERED
    assert f"the checkpoint has the origin {origin!r}, expected {_origin(partition)!r}" in audited.out


async def test_another_key_of_a_log_is_refused_where_the_first_is_pinned(copy: Path, tmp_path: Path) -> None:
    pins = json.loads((copy / "pins.json").read_text())
    origin = _origin(0)
    audited = await _audit(str(copy), tmp_path, "--key", pins[origin])
    assert audited.code == VERIFIED, audited.out
    keys = copy / "log" / "0" / "keys"
    lines = keys.read_text().splitlines()
    keys.write_text("\n".join([(copy / "log" / "1" / "keys").read_text().splitlines()[0], *lines[1:]]) + "\n")
    audited = await _audit(str(copy), tmp_path)
    assert audited.code == TAMPERED
    assert "was pinned" in audited.out


async def test_a_definition_that_was_swapped_is_not_the_one_that_was_opened(copy: Path, tmp_path: Path) -> None:
    package = small_package()
    package = replace(
        package, election=package.election.model_copy(update={"id": "audited"}), parties=package.parties[:1]
    )
    write_package(package, tmp_path / "swapped")
    (copy / "package.zip").write_bytes(pack(tmp_path / "swapped"))
    audited = await _audit(str(copy), tmp_path)
    assert audited.code == TAMPERED
    assert "one of them was swapped" in audited.out


@pytest.mark.parametrize("frame", [{"mode": "live"}, {"mode": "rehearsal"}])
async def test_a_record_that_must_not_count_is_listed_with_its_rule(
    stack: Stack, copy: Path, tmp_path: Path, frame: dict[str, str]
) -> None:
    """A live record in a rehearsal's log, and one that names another definition, written past the gateway and signed
    into the tree: the log is whole, the record counts nothing, and the report names it."""
    partition = _partition(stack)
    grown = _grown(copy, partition, lambda entries: [*entries, _forged(**frame)])
    _sign(copy, stack, partition, Checkpoint(_origin(partition), grown.size, grown.root()))
    audited = await _audit(str(copy), tmp_path)
    assert audited.code == VERIFIED, audited.out
    (refused,) = audited.report["refused"]["first"]
    rule = "E2" if frame["mode"] == "live" else "E3"
    assert (refused["partition"], refused["offset"], refused["rule"]) == (partition, grown.size - 1, rule)


async def test_a_receipt_whose_record_is_not_there_is_the_proof(stack: Stack, copy: Path, tmp_path: Path) -> None:
    voices = Voices(stack)
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        receipt = (await client.post("/v1/submissions", content=voices.sign(reported("1.1.1-1", version=76)))).json()
    (tmp_path / "receipt.json").write_text(json.dumps(receipt))
    audited = await _audit(str(copy), tmp_path, "--receipt", str(tmp_path / "receipt.json"))
    assert audited.code == TAMPERED, "the copy is older than the receipt"
    assert "the log does not reach so far" in audited.out
    audited = await _audit(stack.url, tmp_path, "--receipt", str(tmp_path / "receipt.json"))
    assert audited.code == VERIFIED, audited.out
    receipt["signed"] = receipt["signed"].replace(f"offset {receipt['offset']}", f"offset {receipt['offset'] - 1}")
    (tmp_path / "receipt.json").write_text(json.dumps(receipt))
    audited = await _audit(stack.url, tmp_path, "--receipt", str(tmp_path / "receipt.json"))
    assert audited.code == TAMPERED
    assert "another record is there" in audited.out


async def test_what_kafka_holds_is_what_was_signed_and_published(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _come_in(stack, monkeypatch)
    package = stack.environment["REKAP_PACKAGE"]
    brokers = f"kafka://{stack.environment['REKAP_KAFKA']}"
    audited = await _audit(brokers, tmp_path, "--package", package, "--published", stack.url)
    assert audited.code == VERIFIED, audited.out
    assert audited.report["tallies_compared"] > 70
    alone = await _audit(brokers, tmp_path, "--package", package)
    assert alone.code == VERIFIED, alone.out
    assert "Nothing published was compared" in alone.out


async def test_a_log_that_is_not_what_kafka_holds_is_named(
    stack: Stack, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _come_in(stack, monkeypatch)
    partition = _partition(stack)
    grown = _grown(copy, partition, lambda entries: [*entries[:20], _forged(), *entries[21:]])
    (tmp_path / "forged").write_bytes(
        _sign(copy, stack, partition, Checkpoint(_origin(partition), grown.size, grown.root()))
    )
    audited = await _audit(
        *(f"kafka://{stack.environment['REKAP_KAFKA']}", tmp_path, "--package", stack.environment["REKAP_PACKAGE"]),
        *("--published", stack.url, "--checkpoint", str(tmp_path / "forged")),
    )
    assert audited.code == TAMPERED
    assert "two histories" in audited.out


async def test_since_a_checkpoint_only_what_is_new_is_read(stack: Stack, honest: Path, tmp_path: Path) -> None:
    partition = _partition(stack)
    old = honest / "log" / str(partition) / "checkpoint"
    voices = Voices(stack)
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        await client.post("/v1/submissions", content=voices.sign(reported("1.1.1-1", version=77)))
    audited = await _audit(stack.url, tmp_path, "--since", str(old), "--archive", str(tmp_path / "new"))
    assert audited.code == VERIFIED, audited.out
    assert not (tmp_path / "new" / "log" / str(partition) / entries_path(0)).exists()
    note = parse_note(old.read_bytes())
    forged = parse_checkpoint(note.text)._replace(root=b"\1" * 32)
    (tmp_path / "forged").write_bytes(Note(forged.text, note.signatures).to_bytes())
    audited = await _audit(stack.url, tmp_path, "--since", str(tmp_path / "forged"))
    assert audited.code == TAMPERED
    assert "its tiles do not continue the checkpoint" in audited.out


# ── attacks on what is published ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_number_changed_in_flight_is_named(copy: Path, tmp_path: Path) -> None:
    file = copy / "published.ndjson"
    text = file.read_text()
    entry = next(json.loads(line) for line in text.splitlines() if '"v1/areas/2.1"' in line)
    tally = entry["answer"]["offices"][0]["children"][0]
    entry["answer"]["offices"][0]["children"][0] = tally | {"margin": tally["margin"] + 1}
    lines = [json.dumps(entry) if '"v1/areas/2.1"' in line else line for line in text.splitlines()]
    file.write_text("\n".join(lines))
    audited = await _audit(str(copy), tmp_path)
    assert audited.code == DIFFERS
    assert f"DIFFERS: /v1/areas/2.1, president in {tally['area']}: margin is published as" in audited.out


async def test_a_vote_changed_in_the_database_is_named(stack: Stack, tmp_path: Path) -> None:
    database = await asyncpg.connect(
        stack.environment["REKAP_DATABASE"],
        server_settings={"search_path": f'"{schema_of(stack.definition.election)}"'},
    )
    change = number_changed("station_result", "contribution", HEAD, "$1", "station = '1.1.1-2'")
    await database.execute(change, 1)
    try:
        audited = await _audit(stack.url, tmp_path)
        assert audited.code == DIFFERS
        assert "/v1/stations/1.1.1-2, president: numbers.votes.01 is published as 11, and counted as 10" in audited.out
    finally:
        await database.execute(change, -1)
        await database.close()


async def test_a_station_that_the_server_hides_is_named(stack: Stack, tmp_path: Path) -> None:
    database = await asyncpg.connect(
        stack.environment["REKAP_DATABASE"],
        server_settings={"search_path": f'"{schema_of(stack.definition.election)}"'},
    )
    # Results of a station are read by its rank. No station has a negative one.
    hide = "UPDATE station_result SET rank = -1 - rank WHERE station = '1.2.1-1'"

    async def shown() -> Any:
        async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
            return (await client.get("/v1/stations/1.2.1-1")).json()["contests"]

    before = await shown()
    await database.execute(hide)

    async def is_hidden() -> bool:
        return bool(await shown() != before)

    try:
        await eventually(is_hidden)  # an answer is kept for some seconds
        audited = await _audit(stack.url, tmp_path)
        assert audited.code == DIFFERS
        assert "/v1/stations/1.2.1-1, president: the server does not show it" in audited.out
    finally:
        await database.execute(hide)
        await database.close()


async def test_what_the_numbers_of_the_keys_show_is_listed_and_changes_no_verdict(tmp_path: Path, parts: Parts) -> None:
    """A hole, a number used twice in two partitions, a wrong prev and a lost outbox; audit and doctor name them."""
    async with small_stack(tmp_path, "numbered", {**parts, "REKAP_CHECKPOINT_MS": "100"}) as stack:
        definition = stack.definition
        here, there = "1.1.1-1", "2.1.2-2"
        homes = {definition.stations.partition(definition.stations.number[code]) for code in (here, there)}
        assert len(homes) == 2

        def signed(key: str, station: str, seq: int, prev: str | None, contest: str = "president") -> Signed:
            election = definition.election
            frame = {"election": election.id, "mode": election.mode.value, "definition": definition.hash}
            signer = Signer(private_key(key), next_seq=seq, prev=prev, **frame)
            body = reported(station, contest=contest)
            if contest != "president":
                choices = definition.ballots.contest(contest).choices
                body["form"] = {"votes": dict.fromkeys(choices, 1), "VA": len(choices), "VB": 1, "VC": len(choices) + 1}
            return signer.sign({"created_at": CREATED_AT, **body})

        first = signed("officer", here, 0, None)
        missing = signed("officer", "1.1.1-2", 1, first.event_id)
        above = signed("officer", "1.2.1-1", 2, missing.event_id)
        one = signed("officer", here, 3, above.event_id, "council-a")
        other = signed("officer", there, 3, above.event_id)
        wrong = signed("officer", "2.2.2-2", 4, first.event_id)
        begun = signed("officer-1", "1.1.2-1", 0, None)
        anew = signed("officer-1", "1.1.2-2", 1_865_000_000_000, None)
        sent = [first, above, one, other, wrong, begun, anew]
        async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
            answer = await client.post("/v1/submissions:batch", content=b"\n".join(each.envelope for each in sent))
            assert {json.loads(line)["status"] for line in answer.text.splitlines()} == {201}

            async def is_recorded() -> bool:
                stages = (await client.get("/v1/health")).json()["stages"]
                return all(stages[stage]["lag_records"] == 0 for stage in ("tabulator", "recorder"))

            await eventually(is_recorded)

        audited = await _audit(stack.url, tmp_path, "--archive", str(tmp_path / "archive"))
        assert audited.code == VERIFIED, audited.out
        found = audited.report["numbering"]
        assert {kind: count for kind, count in found["counts"].items() if count} == {
            "used_twice": 1,
            "wrong_prev": 1,
            "hole": 1,
            "restart": 1,
        }
        by_kind = {each["kind"]: each for each in found["first"]}
        assert {each["event"] for each in by_kind["used_twice"]["events"]} == {one.event_id, other.event_id}
        assert {each["partition"] for each in by_kind["used_twice"]["events"]} == homes
        hole = by_kind["hole"]
        assert (hole["first"], hole["last"], hole["names"]) == (1, 1, missing.event_id)
        assert [each["event"] for each in by_kind["wrong_prev"]["events"]] == [wrong.event_id]
        assert [each["event"] for each in by_kind["restart"]["events"]] == [anew.event_id]
        assert audited.out.splitlines()[-1].startswith("VERIFIED: ")
        assert "1 number used twice (equivocation), 1 wrong prev, 1 hole (1 number), 1 new start" in audited.out
        assert "What the keys' numbers show" in (tmp_path / "report.html").read_text()

        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rekap", "doctor"),
            env=stack.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        printed = out.decode()
        assert process.returncode in (0, 4), printed
        assert "1 used twice, 1 wrong prev, 1 hole, 1 new start" in printed
        for each in (one, other, wrong, missing, anew):
            assert each.event_id in printed


async def test_watching_a_count_finds_nothing_until_there_is_something(stack: Stack, tmp_path: Path) -> None:
    watch = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rekap", "audit", stack.url, "--watch", "--every", "1"),
        *("--report", str(tmp_path / "watch"), "--archive", str(tmp_path / "archive")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert watch.stdout is not None
    voices = Voices(stack)

    async def ends_with(word: str) -> str:
        assert watch.stdout is not None
        async with asyncio.timeout(60):
            async for line in watch.stdout:
                if word in line.decode():
                    return line.decode()
        raise AssertionError(f"it ended without {word}")

    async def vote() -> None:
        async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
            for _ in range(100):
                lines = voices.some(10)
                (await client.post("/v1/submissions:batch", content=b"\n".join(lines))).raise_for_status()

    await ends_with("VERIFIED")
    voting = asyncio.create_task(vote())
    for _ in range(3):
        assert "DIFFERS" not in await ends_with("VERIFIED")
    await voting
    database = await asyncpg.connect(
        stack.environment["REKAP_DATABASE"],
        server_settings={"search_path": f'"{schema_of(stack.definition.election)}"'},
    )
    change = number_changed("area_tally", "tally", HEAD, "$1", "area = 'N' AND contest = 'president'")
    await database.execute(change, 1)
    try:
        assert "president in N: counted.votes.01" in await ends_with("DIFFERS")
    finally:
        await database.execute(change, -1)
        await database.close()
    await ends_with("VERIFIED")
    os.kill(watch.pid, signal.SIGINT)
    out, _ = await watch.communicate()
    assert watch.returncode == DIFFERS
    assert "the worst was DIFFERS" in out.decode()


# ── what is not an audit ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "code", "sentence"),
    [
        ("http://127.0.0.1:9", NOT_REACHED, "cannot be had"),
        (".", UNUSABLE, "package"),
    ],
)
async def test_what_cannot_be_audited_ends_with_its_reason(
    tmp_path: Path, source: str, code: int, sentence: str
) -> None:
    source = str(tmp_path) if source == "." else source
    audited = await _audit(source, tmp_path)
    assert audited.code == code
    assert sentence in audited.out


async def test_a_server_that_publishes_beyond_its_log_is_named(copy: Path, tmp_path: Path) -> None:
    file = copy / "published.ndjson"
    file.write_text(file.read_text().replace('"as_of":{"0":', '"as_of":{"0":9'))
    audited = await _audit(str(copy), tmp_path)
    assert audited.code == TAMPERED
    assert "which has only" in audited.out
