"""The commands as a user types them: a station's outbox over a dead line, the totals in a terminal, a second start."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import httpx
import pytest

from rekap.operate.stack import Stack
from runtime.files.key_files import write_key_file
from tests.conftest import Parts
from tests.support.ledger import private_key
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, small_stack, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


stack = stack_of("commands")


async def rekap(*arguments: str | Path) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "rekap",
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    assert "Traceback" not in err.decode()
    return process.returncode, out.decode(), err.decode()


async def test_an_outbox_outlives_a_dead_line_and_delivers_each_event_once(stack: Stack, tmp_path: Path) -> None:
    voices = Voices(stack)
    file, outbox = tmp_path / "forms.ndjson", tmp_path / "outbox.sqlite"
    file.write_bytes(b"\n".join(voices.sign(reported(station)) for station in ("1.1.1-1", "1.1.1-2", "9.9.9-9")))

    code, out, err = await rekap("submit", file, "--outbox", outbox, "--url", "http://127.0.0.1:1")
    assert code == 75
    assert "3 put into the outbox" in out
    assert "3 wait in" in err

    code, out, err = await rekap("submit", file, "--outbox", outbox, "--url", stack.url, "--wait", "120")
    assert code == 1, "one of the three is refused"
    assert out.splitlines()[1:] == [
        f"{file}:1: result.reported 1.1.1-1 president v1: counted",
        f"{file}:2: result.reported 1.1.1-2 president v1: counted",
        "2 counted",
    ]
    assert "only this key is believed from now on" in err
    assert "0 put into the outbox, 3 were there already" in out
    assert f"{file}:3: result.reported 9.9.9-9 president v1 refused (422) station: " in err

    code, out, _ = await rekap("outbox", "list", "--outbox", outbox)
    assert code == 0
    assert [line.split()[1] for line in out.splitlines()] == ["delivered", "delivered", "refused"]
    assert (await rekap("submit", "--outbox", outbox, "--url", stack.url))[0] == 0


async def test_an_event_that_is_not_signed_is_signed_with_the_next_number_of_the_key(
    stack: Stack, tmp_path: Path
) -> None:
    key, outbox = tmp_path / "officer.pem", tmp_path / "outbox.sqlite"
    write_key_file(private_key("officer-1"), key)
    package = stack.environment["REKAP_PACKAGE"]
    for station in ("1.2.1-1", "1.2.1-2"):
        (tmp_path / f"{station}.json").write_text(json.dumps(reported(station), indent=2))
    arguments: list[str | Path] = ["--outbox", outbox, "--url", stack.url, "--key", key, "--package", package]
    forms = sorted(tmp_path.glob("1.2.1-*.json"))
    assert (await rekap("submit", *forms, *arguments))[0] == 0
    assert "0 put into the outbox, 2 were there already" in (await rekap("submit", *forms, *arguments))[1]

    async with httpx.AsyncClient(base_url=stack.url) as client:

        async def history() -> list[int] | None:
            both = [(await client.get(f"/v1/stations/{form.stem}")).json()["history"] for form in forms]
            return [each[0]["payload"]["seq"] for each in both] if all(both) else None

        first, second = await eventually(history)
        assert second == first + 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("not json", "not JSON"),
        ("[1]", "expected a JSON object"),
        ('{"type":"result.reported"}', "this event is not signed; --key and --package sign it"),
        ('{"signatures":[]}', "not a signed envelope"),
    ],
)
async def test_what_cannot_be_put_into_the_outbox_is_named_with_file_and_line(
    tmp_path: Path, text: str, sentence: str
) -> None:
    file = tmp_path / "form.json"
    file.write_text(text)
    code, _, err = await rekap("submit", file, "--outbox", tmp_path / "outbox.sqlite")
    assert code == 2
    assert err.startswith(f"Error: {file}:1: ")
    assert sentence in err


async def test_watch_prints_the_totals_of_an_area_with_its_children(stack: Stack) -> None:
    code, out, _ = await rekap("watch", "--once", "--url", stack.url, "--office", "president", "--area", "1")
    assert code == 0
    for name in ("Province 1", "District 1.1", "District 1.2"):
        assert name in out
    assert "REHEARSAL" in out.splitlines()[0]
    assert "● live" in out.splitlines()[2]
    code, out, _ = await rekap("watch", "--once", "--url", stack.url, "--office", "council")
    assert code == 0
    assert [name for name in ("P1 Party 1", "P2 Party 2") if name in out] == ["P1 Party 1", "P2 Party 2"]
    code, out, _ = await rekap("watch", "--once", "--url", stack.url, "--level", "district")
    assert code == 0
    for name in ("Nation", "District 1.1", "District 2.2"):
        assert name in out
    code, _, err = await rekap("watch", "--once", "--url", stack.url, "--level", "mars")
    assert (code, err) == (
        2,
        "Error: there is no level 'mars' of areas; there are: nation, province, district, village\n",
    )
    code, _, err = await rekap("watch", "--once", "--url", stack.url, "--office", "mayor")
    assert (code, err) == (2, "Error: there is no office 'mayor'; there are: president, council\n")
    code, _, err = await rekap("watch", "--once", "--url", "http://127.0.0.1:1")
    assert code == 3
    assert "is `rekap up` running there?" in err


async def test_a_second_start_continues_where_the_first_ended(tmp_path: Path, parts: Parts) -> None:
    settings = {name: value for name, value in parts.items() if name != "REKAP_DATABASE"}
    async with (
        small_stack(tmp_path, "second-start", settings) as stack,
        httpx.AsyncClient(base_url=stack.url) as client,
    ):
        voices = Voices(stack)
        receipt = (await client.post("/v1/submissions", content=voices.sign(reported("1.1.1-1")))).json()
        await eventually(lambda: _totals(client))
        before = await _totals(client)
    async with (
        small_stack(tmp_path, "second-start", settings) as stack,
        httpx.AsyncClient(base_url=stack.url) as client,
    ):
        assert await _totals(client) == before
        where = (await client.get(f"/v1/submissions/{receipt['submission']}")).json()["records"][0]
        assert (where["partition"], where["offset"]) == (receipt["partition"], receipt["offset"])


async def _totals(client: httpx.AsyncClient) -> dict[str, int] | None:
    tally = (await client.get("/v1/contests/president")).json()["tally"]
    return dict(tally["counted"]["votes"]) if tally["stations"]["counted"] else None


async def test_a_kafka_that_does_not_answer_gets_a_sentence(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, package = tmp_path / "authority.pem", stack.environment["REKAP_PACKAGE"]
    write_key_file(private_key("authority"), key)
    monkeypatch.setenv("REKAP_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("REKAP_DATABASE", stack.environment["REKAP_DATABASE"])
    monkeypatch.setenv("REKAP_PACKAGE", package)
    for command in (["open"], ["up", package, "--data", tmp_path / "data"]):
        code, _, err = await rekap(*command, "--key", key)
        assert code == 3
        assert "Error: Kafka" in err.splitlines()[-1]
