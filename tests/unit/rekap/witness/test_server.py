"""The witness over HTTP, its memory, and how it starts; what it decides is in tests/unit/proofs/test_witness.py."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import orjson
import pytest
from click.testing import CliRunner, Result

import rekap.commands.witness
from proofs.notes import COSIGNATURE, VerifierKey, check_signature, parse_note
from proofs.witness import BODY_BYTES_MAX, read_request
from rekap.cli import main
from rekap.sqlite_files import open_database
from rekap.witness.errors import NotStartedError, StateError
from rekap.witness.server import Witness, witness_app
from rekap.witness.start import open_state, pinned_logs
from rekap.witness.state import CONFLICTS_MAX, WitnessState
from runtime.files.key_files import load_key_file, write_key_file
from tests.support.ledger import private_key
from tests.support.made_logs import KEY, ORIGIN, MadeLog, body

HONEST, FORKED = MadeLog("a" * 60), MadeLog("aaaa" + "b" * 56)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[WitnessState]:
    with closing(WitnessState(tmp_path / "state")) as state:
        yield state


@pytest.fixture
def witness(state: WitnessState) -> Witness:
    return Witness("witness.test/w1", private_key("witness"), state, {ORIGIN: [KEY]})


@pytest.fixture
def client(witness: Witness) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(witness_app(witness)), base_url="http://witness.test")


async def test_a_cosignature_holds_and_what_was_cosigned_is_shown(client: httpx.AsyncClient, witness: Witness) -> None:
    answer = await client.post("/add-checkpoint", content=HONEST.request(0, 3))
    assert answer.status_code == 200
    assert answer.text.startswith("— witness.test/w1 ")
    signature = parse_note(b"-\n\n" + answer.content).signatures[0]
    about = (await client.get("/")).json()
    assert about == {
        "name": "witness.test/w1",
        "key": str(witness.verifier_key),
        "logs": [{"origin": ORIGIN, "keys": [str(KEY)], "size": 3}],
    }
    time = check_signature(parse_note(HONEST.note(3)).text, signature, witness.verifier_key)
    assert time is not None
    assert time > 1_700_000_000


async def test_a_client_that_knows_nothing_gets_the_size(client: httpx.AsyncClient) -> None:
    await client.post("/add-checkpoint", content=HONEST.request(0, 3))
    answer = await client.post("/add-checkpoint", content=HONEST.request(0, 5))
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (409, "text/x.tlog.size", "3\n")
    assert (await client.post("/add-checkpoint", content=HONEST.request(3, 5))).status_code == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"", 400),
        (b"x" * (10 * BODY_BYTES_MAX), 400),
        (HONEST.request(0, 3).replace(b"/0\n", b"/1\n"), 404),
        (body(0, [], HONEST.note(3, by="another")), 403),
        (body(0, [b"x" * 32], HONEST.note(3)), 422),
    ],
)
async def test_a_refusal_has_its_reason_in_one_line(client: httpx.AsyncClient, request_: bytes, status: int) -> None:
    answer = await client.post("/add-checkpoint", content=request_)
    assert answer.status_code == status
    assert len(answer.text.splitlines()) == 1
    assert (await client.get("/")).json()["logs"][0]["size"] == 0


async def test_the_same_tree_is_cosigned_again_with_a_fresh_time(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[int] = []
    for now in (1_900_000_000, 1_900_000_060):
        monkeypatch.setattr("rekap.witness.server.time.time", lambda now=now: now)
        answer = await client.post("/add-checkpoint", content=HONEST.request(3 if times else 0, 3))
        times.append(int.from_bytes(parse_note(b"-\n\n" + answer.content).signatures[0].signature[:8], "big"))
    assert times == [1_900_000_000, 1_900_000_060]


async def test_a_fork_is_kept_with_both_signed_checkpoints_and_logged_once(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await client.post("/add-checkpoint", content=HONEST.request(0, 7))
    for _ in range(3):
        assert (await client.post("/add-checkpoint", content=FORKED.request(7, 7))).status_code == 409
    (kept,) = (await client.get("/conflicts")).json()["conflicts"]
    assert (kept["origin"], kept["kind"], kept["size"]) == (ORIGIN, "fork", 7)
    assert (kept["checkpoint"].encode(), kept["cosigned"].encode()) == (FORKED.note(7), HONEST.note(7))
    critical = [each.message for each in caplog.records if each.levelno == logging.CRITICAL]
    assert len(critical) == 1
    assert critical[0].startswith(f"conflict kind=fork log={ORIGIN} size=7 ")


async def test_an_unproved_tree_is_a_fork_when_another_of_its_size_is_cosigned(client: httpx.AsyncClient) -> None:
    await client.post("/add-checkpoint", content=HONEST.request(0, 5))
    assert (await client.post("/add-checkpoint", content=FORKED.request(5, 9))).status_code == 422
    assert [each["kind"] for each in (await client.get("/conflicts")).json()["conflicts"]] == ["unproved"]
    await client.post("/add-checkpoint", content=HONEST.request(5, 9))
    (kept,) = (await client.get("/conflicts")).json()["conflicts"]
    assert (kept["kind"], kept["cosigned"].encode()) == ("fork", HONEST.note(9))


async def test_an_unproved_tree_that_is_proved_later_was_no_conflict(client: httpx.AsyncClient) -> None:
    await client.post("/add-checkpoint", content=HONEST.request(0, 5))
    await client.post("/add-checkpoint", content=body(5, [b"x" * 32], HONEST.note(9)))
    assert len((await client.get("/conflicts")).json()["conflicts"]) == 1
    await client.post("/add-checkpoint", content=HONEST.request(5, 9))
    assert (await client.get("/conflicts")).json() == {"conflicts": []}


async def test_only_so_many_unproved_trees_are_kept_and_a_fork_is_kept_nevertheless(client: httpx.AsyncClient) -> None:
    await client.post("/add-checkpoint", content=HONEST.request(0, 5))
    for size in range(6, 6 + CONFLICTS_MAX + 5):
        await client.post("/add-checkpoint", content=FORKED.request(5, size))
    assert len((await client.get("/conflicts")).json()["conflicts"]) == CONFLICTS_MAX
    await client.post("/add-checkpoint", content=FORKED.request(5, 5))
    kept = (await client.get("/conflicts")).json()["conflicts"]
    assert [each["kind"] for each in kept].count("fork") == 1


async def test_nothing_is_cosigned_that_cannot_be_remembered(client: httpx.AsyncClient, tmp_path: Path) -> None:
    await client.post("/add-checkpoint", content=HONEST.request(0, 3))
    with closing(sqlite3.connect(tmp_path / "state")) as disk:
        disk.execute("CREATE TRIGGER full BEFORE UPDATE ON head BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        answer = await client.post("/add-checkpoint", content=HONEST.request(3, 5))
        assert answer.status_code == 503
        assert "—" not in answer.text
        disk.execute("DROP TRIGGER full")
    assert (await client.get("/")).json()["logs"][0]["size"] == 3
    assert (await client.post("/add-checkpoint", content=HONEST.request(3, 5))).status_code == 200


def test_of_two_histories_at_once_on_one_file_only_one_is_cosigned(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        for round_ in range(10):
            file = tmp_path / f"state-{round_}"
            states = [WitnessState(file) for _ in range(8)]
            histories = [MadeLog("aaaa" + letter * 4) for letter in "bcdefghi"]
            start = threading.Barrier(8)

            def ask(state: WitnessState, log: MadeLog, old: int, size: int, start: threading.Barrier = start) -> int:
                start.wait()
                return state.judge(read_request(log.request(old, size), {ORIGIN: [KEY]}), lambda: 1).decision.status

            for old, size, statuses in ((0, 4, {200, 409}), (4, 8, {200, 409})):
                answers = list(threads.map(ask, states, histories, [old] * 8, [size] * 8))
                assert answers.count(200) == 1
                assert set(answers) == statuses
            assert len(states[0].conflicts()) == 7
            for state in states:
                state.close()


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "file", "")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"


# ── How it starts ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_key_and_memory_are_made_together_and_stay_together(tmp_path: Path) -> None:
    key_file, state_file = tmp_path / "keys" / "w.pem", tmp_path / "state" / "w.sqlite"
    state, key = open_state("w1", key_file, state_file)
    state.close()
    state, again = open_state("w1", key_file, state_file)
    state.close()
    assert again.private_bytes_raw() == key.private_bytes_raw() == load_key_file(key_file).private_bytes_raw()
    with pytest.raises(StateError, match=r"is the state of the witness w1\+"):
        open_state("w2", key_file, state_file)
    write_key_file(private_key("another"), tmp_path / "another.pem")
    with pytest.raises(StateError, match="not of w1"):
        open_state("w1", tmp_path / "another.pem", state_file)
    state_file.unlink()
    with pytest.raises(StateError, match=r"Bring the newest state back, or become another witness"):
        open_state("w1", key_file, state_file)
    assert not state_file.exists(), "the refusal must not make an empty memory for the next start"


def test_a_start_that_was_cut_off_before_the_key_was_made_is_continued(tmp_path: Path) -> None:
    WitnessState(tmp_path / "state").close()
    open_state("w1", tmp_path / "w.pem", tmp_path / "state")[0].close()


@pytest.fixture
def server() -> Iterator[tuple[str, Callable[[object], None]]]:
    """A server whose /v1/log answers what the test sets."""
    answer = {"logs": b""}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/v1/log" else 404)
            self.end_headers()
            self.wfile.write(answer["logs"])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield (
                f"http://127.0.0.1:{running.server_port}",
                lambda value: answer.update(logs=value if isinstance(value, bytes) else orjson.dumps(value)),
            )
        finally:
            running.shutdown()
            thread.join()


Server = tuple[str, Callable[[object], None]]


def _named(*keys: VerifierKey) -> object:
    return {"logs": [{"origin": key.name, "keys": [str(key), "its clock"]} for key in keys]}


def test_a_servers_logs_are_pinned_at_the_first_start(server: Server, state: WitnessState) -> None:
    url, serve = server
    serve(_named(KEY))
    assert pinned_logs(state, url) == [KEY]
    assert pinned_logs(state, url) == [KEY]
    for changed in (_named(KEY._replace(public_key=b"\1" * 32)), _named(KEY, KEY._replace(name="another/log"))):
        serve(changed)
        with pytest.raises(NotStartedError, match=r"are not those of the first start\. Before: .* Now: "):
            pinned_logs(state, url)
    serve(b"no JSON: the server is ill, which changes nothing")
    assert pinned_logs(state, url) == [KEY]


@pytest.mark.parametrize(
    ("logs", "sentence"),
    [
        (b"<html>", "does not name the logs"),
        ({"logs": [{"origin": ORIGIN, "keys": []}]}, "does not name the logs"),
        ({"logs": []}, "has no log"),
        ({"logs": [{"origin": ORIGIN, "keys": ["nonsense"]}]}, "is not a verifier key"),
        ({"logs": [{"origin": "another/log", "keys": [str(KEY)]}]}, "is not signed by a key of that name"),
        (b" " * 2_000_000, "has more than"),
    ],
)
def test_a_server_that_does_not_name_its_logs_is_not_witnessed(
    server: Server, state: WitnessState, logs: object, sentence: str
) -> None:
    url, serve = server
    serve(logs)
    with pytest.raises(NotStartedError, match=sentence):
        pinned_logs(state, url)
    assert not state.pinned(url)


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setattr(rekap.commands.witness, "start_logs", lambda: None)  # it would take pytest's own handlers away
    return CliRunner().invoke(main, ["witness", *arguments])


def test_what_is_wrong_with_the_command_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    files = ["--key", str(tmp_path / "w.pem"), "--state", str(tmp_path / "state")]
    cosigner = VerifierKey("w2", COSIGNATURE, KEY.public_key)
    taken = server[0].rpartition(":")[2]
    for arguments, code, sentence in (
        (["--name", "w1", *files], 2, "name the logs"),
        (["--name", "w 1", *files, "--log", str(KEY)], 2, "has no spaces"),
        (["--name", "w1", *files, "--log", "nonsense"], 2, "is not a verifier key"),
        (["--name", "w1", *files, "--log", str(cosigner)], 2, "is the key of a witness"),
        (["--name", "w1", *files, "--server", "http://127.0.0.1:1"], 3, "Start again when the server is up"),
        (["--name", "w1", *files, "--server", "nonsense"], 3, "nonsense/v1/log"),
        (["--name", "w1", *files, "--log", str(KEY), "--port", taken], 3, "cannot be listened on"),
        (["--name", "w2", *files, "--log", str(KEY)], 2, "is the state of the witness"),
    ):
        result = _run(monkeypatch, *arguments)
        assert (result.exit_code, result.exception.__class__) == (code, SystemExit), result.output
        assert sentence in result.output
