"""`rekap submit` and `rekap outbox`: what is signed and kept, and what is printed where it is not."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import rekap.station.delivery
from projections.definition.compiled import Definition
from proofs.signatures import sign_envelope
from rekap.cli import main
from rekap.station.outbox import Outbox, payload_of
from rekap.station.signing import Signer
from runtime.files.key_files import write_key_file
from runtime.package.writing import write_package
from schemas.canonical import canonical_bytes, sha256_hex
from tests.support.fake_gateway import FakeGateway, answer, in_a_thread
from tests.support.ledger import CREATED_AT, private_key
from tests.support.small_election import reported, small_package

Run = Callable[..., Result]
DEFINITION = small_package().definition_hash()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`rekap` in an empty directory with a package, a key, and nothing at the address where the gateway should be."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rekap.station.delivery, "ATTEMPTS", 1)
    write_package(small_package(), tmp_path / "package")
    write_key_file(private_key("officer"), tmp_path / "key.pem")

    def rekap_(*arguments: str, url: str = "http://127.0.0.1:1") -> Result:
        more = ("--url", url) if arguments[0] == "submit" else ()
        result = CliRunner().invoke(main, [*arguments, *more])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return rekap_


SIGN = ("--key", "key.pem", "--package", "package")


def write(name: str, *bodies: Any) -> str:
    Path(name).write_bytes(b"".join(each if isinstance(each, bytes) else orjson.dumps(each) + b"\n" for each in bodies))
    return name


def events() -> list[dict[str, Any]]:
    """All that is in the outbox, as signed."""
    if not Path("outbox.sqlite").exists():
        return []
    with closing(Outbox(Path("outbox.sqlite"))) as outbox:
        return [orjson.loads(payload_of(form.envelope)) for form in outbox.all()]


def envelope(body: dict[str, Any], key: Ed25519PrivateKey | None = None) -> bytes:
    signer = Signer(key or private_key("officer"), election="small", mode="rehearsal", definition=DEFINITION)
    return signer.sign({"created_at": CREATED_AT, **body}).envelope


# ── all or nothing ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "line_number", "sentence"),
    [
        (b'{"type": "result.reported"\n', "2", "not JSON: "),
        (b"[1]\n", "2", "expected a JSON object"),
        (b'{"a": 1, "a": 2}\n', "2", "'a' is given twice"),
        (b'{"votes": NaN}\n', "2", "NaN is not a JSON number"),
        (b'{"type": "result.reported", "form_name": "\\ud800"}\n', "2", "holds half of a character"),
        (b'{"type": "result.reported", "images": [{"\\udfff": 1}]}\n', "2", "holds half of a character"),
        (b'{"votes": ' + b"9" * 5000 + b"}\n", "2", "a number of 5,000 digits"),
        (b'{"a":' * 3000 + b"1" + b"}" * 3000 + b"\n", "2", "nested too deeply"),
        (b'{"a":[' * 5 + b"[]" + b"]}" * 5 + b"\n", "2", "nested too deeply"),
        (b'{"a":[' * 5 + b"1" + b"]}" * 5 + b"\n", "2", "it has no field `type`"),
        (b'{"a": "' + b"x" * 300_000 + b'"}\n', "2", "so it is not a form"),
        (b"\xff\xfe{}\n", "2", "is not UTF-8"),
        (b'{"hello": 1}\n', "2", "neither a signed envelope nor an event"),
        (
            b'{"payload": "eA==", "payloadType": "application/vnd.in-toto+json", "signatures": []}\n',
            "2",
            "not a signed env",
        ),
        (b'{"signatures": 7}\n', "2", "not a signed envelope"),
        (orjson.dumps(reported("1.1.1-2", form_name=1.5)) + b"\n", "2", "floats"),
        (orjson.dumps(reported("1.1.1-2") | {"version": "1"}) + b"\n", "2", "version: expected a whole number"),
        (orjson.dumps(reported("1.1.1-2") | {"extra": 1}) + b"\n", "2", "there is no field 'extra'"),
        (orjson.dumps(reported("1.1.1-2", VA=61)) + b"\n", "2", "station 1.1.1-2: F3: VA is 61, but Σ V = 60."),
        (orjson.dumps(reported("9.9.9-9")) + b"\n", "2", "station 9.9.9-9: S1: Station 9.9.9-9 is not in this"),
        (orjson.dumps(reported("1.1.1-1", (1, 1, 1))) + b"\n", "2", "--correct makes it version 2"),
    ],
)
def test_a_file_with_one_wrong_line_is_refused_whole_with_file_line_and_sentence(
    run: Run, line: bytes, line_number: str, sentence: str
) -> None:
    file = write("forms.ndjson", reported("1.1.1-1"), line, reported("1.1.2-1"))
    result = run("submit", file, *SIGN)
    assert result.exit_code == 2
    assert f"{file}:{line_number}: " in result.stderr
    assert sentence in result.stderr
    assert events() == []
    result = run("submit", write("forms.ndjson", reported("1.1.1-1"), reported("1.1.2-1")), *SIGN)
    assert "2 put into the outbox, 0 were there already" in result.stdout
    assert [each["version"] for each in events()] == [1, 1]


def test_of_several_files_all_are_kept_or_none(run: Run) -> None:
    files = write("a.json", reported("1.1.1-1")), write("b.json", b"{oops")
    assert run("submit", *files, *SIGN).exit_code == 2
    assert events() == []


def test_mistakes_of_the_paper_form_are_signed_with_anyway(run: Run) -> None:
    file = write("form.json", reported("1.1.1-1", VA=61, VC=62))
    result = run("submit", file, *SIGN)
    assert (result.exit_code, events()) == (2, [])
    assert "--anyway" in result.stderr
    assert run("submit", file, *SIGN, "--anyway").exit_code == 75
    assert [each["form"]["VA"] for each in events()] == [61]


def test_what_no_gateway_takes_is_not_signed_anyway(run: Run) -> None:
    assert run("submit", write("form.json", reported("9.9.9-9")), *SIGN, "--anyway").exit_code == 2
    assert events() == []


def test_a_corrected_file_supersedes_what_was_signed_of_it_before(run: Run) -> None:
    run("submit", write("forms.ndjson", reported("1.1.1-1"), reported("1.1.1-2")), *SIGN)
    corrected = write("forms.ndjson", reported("1.1.1-1", (11, 20, 30)), reported("1.1.1-2"))
    assert run("submit", corrected, *SIGN).exit_code == 2
    assert "1 put into the outbox, 1 were there already" in run("submit", corrected, *SIGN, "--correct").stdout
    assert "0 put into the outbox, 2 were there already" in run("submit", corrected, *SIGN, "--correct").stdout
    first, _, second = events()
    assert (second["version"], second["reason"], second["form"]["votes"]["01"]) == (2, "TYPING", 11)
    with closing(Outbox(Path("outbox.sqlite"))) as outbox:
        assert second["supersedes"] == outbox.find(second["supersedes"]).event
        assert orjson.loads(payload_of(outbox.find(second["supersedes"]).envelope)) == first


def test_a_later_version_names_the_one_before_it(run: Run) -> None:
    run("submit", write("1.json", reported("1.1.1-1")), *SIGN)
    run("submit", write("2.json", reported("1.1.1-1", (1, 2, 3), version=2)), *SIGN)
    with closing(Outbox(Path("outbox.sqlite"))) as outbox:
        assert events()[1]["supersedes"] == next(iter(outbox.all())).event


# ── how files are laid out ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("layout", ["line", "pretty", "bom", "windows", "blank lines"])
def test_an_event_and_an_envelope_are_read_however_they_are_laid_out(run: Run, layout: str) -> None:
    for number, value in enumerate([reported("1.1.1-1"), json.loads(envelope(reported("1.1.1-2")))]):
        text = json.dumps(value, indent=2 if layout == "pretty" else None)
        if layout == "windows":
            text = text.replace("\n", "\r\n") + "\r\n"
        elif layout == "blank lines":
            text = f"\n\n{text}\n\n"
        file = write(f"{number}.json", text.encode("utf-8-sig" if layout == "bom" else "utf-8"))
        assert "1 put into the outbox" in run("submit", file, *SIGN).stdout, run("submit", file, *SIGN).stderr
    with in_a_thread(FakeGateway()) as gateway:
        assert run("submit", url=gateway.url).exit_code == 0
    assert len(gateway.ledger) == 2
    assert all(b"\n" not in each for each in gateway.ledger)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b'{\n "a": 1\n}\n{\n "b": 1\n}\n', "form.json:4: a second value begins here"),
        (b'{\n "a": 1,\n "b" 2\n}\n', "form.json:3: not JSON: "),
        (b"\x00" * 1000, "form.json:1: not JSON"),
        (b"MZ\x90\x00" * 1000, "form.json:1: is not UTF-8"),
    ],
)
def test_a_file_that_is_something_else_is_a_sentence(run: Run, content: bytes, sentence: str) -> None:
    result = run("submit", write("form.json", content), *SIGN)
    assert result.exit_code == 2
    assert sentence in result.stderr


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: path.mkdir(), "cannot be read"),
        (lambda path: None, "cannot be read"),
        (lambda path: path.symlink_to(path), "cannot be read"),
    ],
)
def test_a_file_that_is_none_is_a_sentence(run: Run, make: Callable[[Path], None], sentence: str) -> None:
    make(Path("form.json"))
    result = run("submit", "form.json", *SIGN)
    assert result.exit_code == 2
    assert f"Error: form.json: {sentence}" in result.stderr


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [(b"not json", "payload is not JSON"), (b"[]", "not an event"), (canonical_bytes({"type": "x"}), "not an event")],
)
def test_a_foreign_envelope_is_a_sentence(run: Run, payload: bytes, sentence: str) -> None:
    result = run("submit", write("foreign.json", sign_envelope(private_key("officer"), payload)))
    assert result.exit_code == 2
    assert "foreign.json:1: " in result.stderr
    assert sentence in result.stderr


def test_a_text_that_is_too_short_is_not_called_empty(run: Run) -> None:
    envelope = {**orjson.loads(sign_envelope(private_key("officer"), b"{}")), "payload": "!!"}
    result = run("submit", write("short.json", envelope))
    assert "short.json:1: not a signed envelope: payload: has 2 characters, at least 4 are needed" in result.stderr


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\x00" + b"\x01" * 5000])
def test_a_file_that_is_no_outbox_is_a_sentence(run: Run, content: bytes) -> None:
    write("outbox.sqlite", content)
    for command in (("submit",), ("outbox", "list")):
        result = run(*command)
        assert result.exit_code == 2
        sentence = "Error: outbox.sqlite cannot be used as an outbox: it is a file of another kind\n"
        assert result.stderr.endswith(sentence)


def test_a_file_that_is_missing_is_found_before_the_server_is_asked_and_the_outbox_made(run: Run) -> None:
    result = run("submit", "none.json", *SIGN)
    assert (result.exit_code, result.stderr) == (2, "Error: none.json: cannot be read: No such file or directory\n")
    assert not Path("outbox.sqlite").exists()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("count.example:8000", "did you mean http://count.example:8000"),
        ("ftp://count.example", "expected http:// or https://"),
        ("http://", "names no host"),
        ("http://user:secret@count.example", "leave out what is before the @"),
        ("http://count.example/?x=1", "leave out what begins with ?"),
        ("http://[::1", "is not a web address"),
        ("http://a b", "is not a web address"),
        ("http://\x1b[31m", "is not a web address"),
    ],
)
def test_an_address_that_is_none_is_a_sentence(run: Run, url: str, sentence: str) -> None:
    result = run("submit", url=url)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "secret" not in result.stderr
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize("end", ["/", "//", "/count/", "/count"])
def test_an_address_may_end_in_a_slash_and_have_a_path(run: Run, end: str) -> None:
    with in_a_thread(FakeGateway()) as gateway:
        assert run("submit", write("form.json", reported("1.1.1-1")), *SIGN, url=gateway.url + end).exit_code == 0
    assert end.rstrip("/") + "/v1/submissions:batch" in [path for path, _ in gateway.requests]


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("proxy", ["http://127.0.0.1:1", "socks5://127.0.0.1:1", "nonsense://:::", "127.0.0.1:1"])
def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, proxy: str
) -> None:
    monkeypatch.setenv(name, proxy)
    with in_a_thread(FakeGateway()) as gateway:
        assert run("submit", write("form.json", reported("1.1.1-1")), *SIGN, url=gateway.url).exit_code == 0


@pytest.mark.parametrize(
    ("proxy", "sentence"),
    [
        ("http://user:secret@127.0.0.1:1", "through the proxy http://127.0.0.1:1 that the environment names"),
        ("socks5://127.0.0.1:1", "Rekap knows http proxies only"),
        ("nonsense://127.0.0.1:1", "the proxy nonsense://127.0.0.1:1"),
    ],
)
def test_a_proxy_that_does_not_work_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, proxy: str, sentence: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    result = run("submit", write("form.json", reported("1.1.1-1")), *SIGN, url="http://count.example")
    assert result.exit_code in (2, 75)
    assert sentence in result.stderr
    assert "secret" not in result.stderr


# ── what became of them ──────────────────────────────────────────────────────────────────────────────────────────────


def counting(states: dict[str, str], *, late: int = 0) -> Callable[[FakeGateway, str, bytes], bytes]:
    """A gateway whose list has the events that it took, each in the state of its station; the first `late` lists are empty."""
    asked = 0

    def respond(gateway: FakeGateway, path: str, body: bytes) -> bytes:
        nonlocal asked
        if "/v1/events?" in path:
            asked += 1
            lines = [_listed(each, number, states) for number, each in enumerate(gateway.ledger) if asked > late]
            return answer(200, {"events": lines[::-1], "next": None})
        if "/v1/events/0/" in path:
            line = _listed(gateway.ledger[int(path.rpartition("/")[2])], 0, states)
            return answer(200, line | {"findings": [{"rule": "F3", "sentence_en": "VA is 61, but Σ V = 60."}]})
        return gateway.honest(path, body)

    return respond


def _listed(envelope: bytes, number: int, states: dict[str, str]) -> dict[str, Any]:
    payload = payload_of(envelope)
    state = states.get(orjson.loads(payload)["station"], "counted")
    rules = [] if state == "counted" else ["F3"]
    return {"event": sha256_hex(payload), "partition": 0, "offset": number, "state": state, "rules": rules}


def test_a_submit_ends_with_what_became_of_each_form(run: Run) -> None:
    file = write("forms.ndjson", reported("1.1.1-1"), reported("1.1.1-2", VA=61, VC=62))
    with in_a_thread(FakeGateway(respond=counting({"1.1.1-2": "held"}, late=1))) as gateway:
        result = run("submit", file, *SIGN, "--anyway", url=gateway.url)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-3:] == [
        "forms.ndjson:1: result.reported 1.1.1-1 president v1: counted",
        "forms.ndjson:2: result.reported 1.1.1-2 president v1: held: F3: VA is 61, but Σ V = 60.",
        "1 counted, 1 held",
    ]


def test_of_many_forms_those_that_count_are_only_a_number(run: Run) -> None:
    bodies = [reported(station, version=version) for version in (1, 2, 3) for station in small_stations()]
    with in_a_thread(FakeGateway(respond=counting({"2.2.2-2": "flagged"}))) as gateway:
        result = run("submit", write("forms.ndjson", *bodies), *SIGN, url=gateway.url)
    assert result.stdout.splitlines()[1:-1] == [
        f"forms.ndjson:{line}: result.reported 2.2.2-2 president v{version}: flagged: F3: VA is 61, but Σ V = 60."
        for version, line in ((1, 16), (2, 32), (3, 48))
    ]
    assert result.stdout.splitlines()[-1] == "45 counted, 3 flagged"


def small_stations() -> list[str]:
    return [station.code for station in small_package().stations]


def test_a_count_that_comes_late_and_a_server_without_a_list_are_sentences(run: Run) -> None:
    with in_a_thread(FakeGateway(respond=counting({}, late=99))) as gateway:
        result = run("submit", write("1.json", reported("1.1.1-1")), *SIGN, "--wait", "0.1", url=gateway.url)
        assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "1 not yet in the count")
    with in_a_thread(FakeGateway()) as gateway:
        result = run("submit", write("2.json", reported("1.1.1-2")), *SIGN, url=gateway.url)
        assert result.exit_code == 0
        assert "all have a receipt; what became of them in the count cannot be asked now: " in result.stderr
        asked = len(gateway.requests)
        run("submit", write("3.json", reported("1.1.2-1")), *SIGN, "--wait", "0", url=gateway.url)
        assert all("/v1/events" not in path for path, _ in gateway.requests[asked:])


def test_a_refusal_names_file_line_and_station(run: Run) -> None:
    problem = {"title": "x", "status": 422, "detail": "Nothing of that.", "field": "form"}
    file = write("forms.ndjson", reported("1.1.1-1"), reported("1.1.1-2"))
    gateway = FakeGateway(refuses=lambda each: problem if b'"1.1.1-2"' in payload_of(each) else None)
    with in_a_thread(gateway):
        result = run("submit", file, *SIGN, url=gateway.url)
    assert result.exit_code == 1
    assert "forms.ndjson:2: result.reported 1.1.1-2 president v1 refused (422) form: Nothing of that." in result.stderr
    assert "1 refused, each named above" in result.stderr


@pytest.mark.parametrize(
    ("respond", "words"),
    [
        (lambda gateway, path, body: answer(503, b"", "text/plain", "Retry-After: 0"), "is busy."),
        (lambda gateway, path, body: answer(429, b"", "text/plain", "Retry-After: 0"), "is busy."),
        (
            lambda gateway, path, body: answer(200, b"<title>Login</title>", "text/html"),
            "answers, but not as a gateway",
        ),
        (
            lambda gateway, path, body: (
                gateway.honest(path, body)
                if path.endswith("/v1/gateway")
                else answer(200, {"line": 1, "status": 503, "problem": {"status": 503, "detail": "Try again."}})
            ),
            "is busy.",
        ),
    ],
)
def test_away_busy_and_not_believed_are_different_errors(run: Run, respond: Any, words: str) -> None:
    with in_a_thread(FakeGateway(respond=respond)) as gateway:
        result = run("submit", write("1.json", reported("1.1.1-1")), *SIGN, url=gateway.url)
    assert result.exit_code == 75
    assert f"1 wait in outbox.sqlite: {gateway.url} {words}" in result.stderr
    assert "1 wait in outbox.sqlite: http://127.0.0.1:1 is away.\n" in run("submit").stderr


def test_an_outbox_of_the_layout_before_is_taken_over(run: Run) -> None:
    run("submit", write("1.json", reported("1.1.1-1")), *SIGN)
    with closing(sqlite3.connect("outbox.sqlite")) as database:
        (made,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'forms'").fetchone()
        before = re.sub(r"last TEXT,(.*)\n.*origin TEXT.*", r"last TEXT \1", made)
        database.executescript(f"ALTER TABLE forms RENAME TO taken; {before}")
        database.executescript(
            "INSERT INTO forms SELECT number, event, envelope, bytes, mode, election, title, state, attempts, answer, last "
            "FROM taken; DROP TABLE taken; PRAGMA user_version = 2"
        )
    with in_a_thread(FakeGateway(respond=counting({}))) as gateway:
        result = run("submit", url=gateway.url)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "1 counted"


# ── numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_outbox_continues_from_the_newest_number_in_the_ledger(run: Run) -> None:
    def knows(gateway: FakeGateway, path: str, body: bytes) -> bytes:
        if "/v1/keys/" in path:
            return answer(200, {"key": path.rpartition("/")[2], "seq": 41, "event": "a" * 64, "events": 42})
        return gateway.honest(path, body)

    with in_a_thread(FakeGateway(respond=knows)) as gateway:
        forms = write("forms.ndjson", reported("1.1.1-1"), reported("1.1.1-2"))
        assert run("submit", forms, *SIGN, url=gateway.url).exit_code == 0
        assert [(each["seq"], each["prev"] == "a" * 64) for each in events()] == [(42, True), (43, False)]
        assert sum("/v1/keys/" in path for path, _ in gateway.requests) == 1
        run("submit", write("more.json", reported("1.1.2-1")), *SIGN, url=gateway.url)
        assert sum("/v1/keys/" in path for path, _ in gateway.requests) == 1


def test_a_key_that_has_signed_nothing_begins_at_0(run: Run) -> None:
    def knows(gateway: FakeGateway, path: str, body: bytes) -> bytes:
        if "/v1/keys/" in path:
            return answer(200, {"key": path.rpartition("/")[2], "seq": None, "event": None, "events": 0})
        return gateway.honest(path, body)

    with in_a_thread(FakeGateway(respond=knows)) as gateway:
        run("submit", write("form.json", reported("1.1.1-1")), *SIGN, url=gateway.url)
    assert [(each["seq"], each["prev"]) for each in events()] == [(0, None)]


@pytest.mark.parametrize(
    "newest", [{"seq": 2**53, "event": "a" * 64}, {"seq": 7, "event": "x"}, {"seq": -1, "event": "a" * 64}]
)
def test_where_nobody_can_be_asked_the_numbers_begin_at_the_time(run: Run, newest: dict[str, Any]) -> None:
    def lies(gateway: FakeGateway, path: str, body: bytes) -> bytes:
        if "/v1/keys/" in path:
            return answer(200, {"key": path.rpartition("/")[2], **newest})
        return gateway.honest(path, body)

    with in_a_thread(FakeGateway(respond=lies)) as gateway:
        result = run("submit", write("form.json", reported("1.1.1-1")), *SIGN, url=gateway.url)
    assert "its numbers begin at" in result.stderr
    (event,) = events()
    assert abs(event["seq"] / 1000 - time.time()) < 60
    assert event["prev"] is None


# ── rekap outbox ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_never_sent_and_is_the_newest_is_taken_back_with_its_number(run: Run) -> None:
    Outbox(Path("outbox.sqlite")).close()
    run("submit", write("1.json", reported("1.1.1-1")), *SIGN)
    assert run("outbox", "list").stdout.split()[1:] == ["waiting", "result.reported", "1.1.1-1", "president", "v1"]
    event = run("outbox", "list").stdout.split()[0]
    first = events()[0]["seq"]
    assert "its number is free again" in run("outbox", "drop", event[:8]).stdout
    run("submit", write("1.json", reported("1.1.1-1", (1, 2, 3))), *SIGN)
    assert [(each["seq"], each["version"], each["form"]["votes"]["01"]) for each in events()] == [(first, 1, 1)]


def test_what_was_sent_is_dropped_with_a_warning_and_may_wait_again(run: Run) -> None:
    def no_answer(gateway: FakeGateway, path: str, body: bytes) -> bytes:
        return gateway.honest(path, body) if path.endswith("/v1/gateway") else answer(500, b"")

    with in_a_thread(FakeGateway(respond=no_answer)) as gateway:
        run("submit", write("1.json", reported("1.1.1-1")), *SIGN, url=gateway.url)
    event = run("outbox", "list", "--state", "waiting").stdout.split()[0]
    assert "may be in the ledger" in run("outbox", "drop", event).stdout
    assert run("submit").exit_code == 0, "nothing waits"
    assert run("outbox", "retry", event).exit_code == 0
    with in_a_thread(FakeGateway()) as gateway:
        assert run("submit", url=gateway.url).exit_code == 0
    assert "delivered" in run("outbox", "list").stdout
    assert "is in the ledger already" in run("outbox", "retry", event).stderr
    assert "does not wait: it is delivered" in run("outbox", "drop", event).stderr


def test_a_form_is_shown_with_its_event_and_answer(run: Run) -> None:
    problem = {"title": "x", "status": 422, "detail": "Nothing\n\x1b[2Jof that.", "field": "station"}
    with in_a_thread(FakeGateway(refuses=lambda _: problem)) as gateway:
        result = run("submit", write("1.json", reported("1.1.1-1")), *SIGN, url=gateway.url)
        assert result.exit_code == 1
        assert "refused (422) station: Nothing\\x0a\\x1b[2Jof that." in result.stderr
    event = run("outbox", "list").stdout.split()[0]
    shown = run("outbox", "show", event[:10]).stdout
    assert '"station": "1.1.1-1"' in shown
    assert '"status": 422' in shown
    assert "\x1b" not in shown
    assert "1 wait again" in run("outbox", "retry", "--all-refused").stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "zz"), "is not the beginning of an event id"),
        (("show", "00000000"), "no form in the outbox begins with"),
        (("drop", "'; DROP TABLE forms"), "is not the beginning of an event id"),
        (("gateways", "--forget", "x"), "no such key is believed"),
    ],
)
def test_what_is_not_in_the_outbox_is_a_sentence(run: Run, arguments: tuple[str, ...], sentence: str) -> None:
    run("submit", write("1.json", reported("1.1.1-1")), *SIGN)
    result = run("outbox", *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_a_delivery_of_nothing_states_it_and_a_mistyped_outbox_is_not_made(run: Run) -> None:
    result = run("submit")
    assert (result.exit_code, result.stderr) == (
        2,
        "Error: there is no outbox outbox.sqlite; --outbox names the file\n",
    )
    assert not Path("outbox.sqlite").exists()
    run("submit", write("1.json", reported("1.1.1-1")), *SIGN)
    run("outbox", "drop", sha256_hex(canonical_bytes(events()[0])))
    result = run("submit")
    assert (result.exit_code, result.stderr) == (0, "nothing waits in outbox.sqlite\n")


def test_an_outbox_without_gateways_states_it(run: Run) -> None:
    run("submit", write("1.json", reported("1.1.1-1")), *SIGN)
    result = run("outbox", "gateways")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("no gateway's key is believed yet")


def test_an_outbox_that_is_not_there_is_a_sentence_and_is_not_made(run: Run) -> None:
    result = run("outbox", "list")
    assert (result.exit_code, result.stderr) == (
        2,
        "Error: there is no outbox outbox.sqlite; --outbox names the file\n",
    )
    assert not Path("outbox.sqlite").exists()


def test_signing_takes_the_same_time_for_each_form_however_many_there_are(tmp_path: Path) -> None:
    """The plan of each statement, not a clock: a scan of all that was signed would be quadratic."""
    outbox = Outbox(tmp_path / "outbox.sqlite")
    definition = Definition.of(small_package())
    asked: list[str] = []
    outbox._database.set_trace_callback(asked.append)
    for version in (1, 2):
        body = reported("1.1.1-1", version=version)
        assert not outbox.signed_events.contains(body, private_key("officer"), definition)
        outbox.signed_events.highest_version(body, definition)
        outbox.sign(body, private_key("officer"), definition)
    outbox._database.set_trace_callback(None)
    plans = [
        " ".join(row[3] for row in outbox._database.execute(f"EXPLAIN QUERY PLAN {statement}"))
        for statement in asked
        if statement.startswith("SELECT")
    ]
    outbox.close()
    assert len(plans) >= 6
    assert all("SEARCH" in plan and "SCAN" not in plan and "TEMP B-TREE" not in plan for plan in plans), plans
