"""The clients of docs/live-feed.md follow a real server and resume, and the tables of the page are those of the code."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, get_args

import pytest

from api.feed.held import HELD_MAX
from api.feed.hub.channels import CHANNEL_BYTES_MAX, CHANNEL_ROWS_MAX
from api.feed.hub.hub import SUBSCRIPTIONS_MAX
from api.feed.long_poll import WAIT_SECONDS_MAX
from api.feed.socket_client import COMMAND_FIELDS_MAX, COMMANDS_MAX, MISTAKES_MAX, UNREAD_ANSWERS_MAX
from api.feed.subscribers import PART_BYTES
from api.http.unread import SEND_SECONDS_MAX
from runtime.settings import settings_help
from schemas.served.close_frames import CLOSE_CODES
from schemas.served.feed_cursors import CURSOR_CHARACTERS_MAX
from schemas.served.live import CLIENT_MESSAGE_BYTES_MAX, FromServer, GapReason, Subscribe
from tests.support.chromium import lines_of_page
from tests.support.document import blocks, table, text_of
from tests.support.hub_feed import Feed
from tests.support.live_server import live_server
from tests.support.repository import ROOT

DOCUMENT = "docs/live-feed.md"
FILES = {block.file: block.text for block in blocks(DOCUMENT) if block.file}
NODE = shutil.which("node")
PRELUDE = """\
const SERVER = process.argv[2];
const show = (rows) => { for (const row of rows.values()) console.log(JSON.stringify(row)); };
setInterval(() => {}, 1000);
"""
"""What a page gives the script. A page stays open while its stream is away; Node would end, because nothing else is due."""


def _node(*needed: str) -> list[str]:
    """The command that runs a script in Node with these globals. Skips the test where there is none that has them."""
    if NODE is None:
        pytest.skip("no Node is installed")
    asks = f"process.exit([{', '.join(f'typeof {name}' for name in needed)}].includes('undefined') ? 1 : 0)"
    for flags in ([], [f"--experimental-{name.lower()}" for name in needed]):
        if subprocess.run([NODE, *flags, "-e", asks], capture_output=True, timeout=60, check=False).returncode == 0:
            return [NODE, *flags]
    pytest.skip(f"this Node has no {' and no '.join(needed)}")


@asynccontextmanager
async def _lines(*command: str) -> AsyncIterator[asyncio.StreamReader]:
    """The standard output of a program, which is ended with the block."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env={**os.environ, "NODE_NO_WARNINGS": "1"}
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _until(lines: asyncio.StreamReader, pattern: str) -> str:
    """The next line that the pattern matches."""
    seen = []
    try:
        async with asyncio.timeout(60):
            while line := (await lines.readline()).decode():
                seen.append(line)
                if re.search(pattern, line):
                    return line
    except TimeoutError:
        pass
    raise AssertionError(f"no line like {pattern}; the program wrote {seen}")


def _commands_of(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> list[Subscribe]:
    """The subscriptions that the hub is asked for from now on."""
    found: list[Subscribe] = []
    subscribe = feed.hub.subscribe

    def noting(subscriber: Any, command: Subscribe, **more: Any) -> None:
        found.append(command)
        subscribe(subscriber, command, **more)

    monkeypatch.setattr(feed.hub, "subscribe", noting)
    return found


@pytest.mark.parametrize("file", ["live.py", "live.mjs"])
async def test_a_client_follows_joins_parts_and_resumes_with_its_cursor(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / file).write_text(FILES[file], encoding="utf-8")
    runner = [sys.executable] if file.endswith(".py") else _node("WebSocket")
    feed = Feed(part_bytes=400)
    feed.report(1)
    commands = _commands_of(feed, monkeypatch)
    async with live_server(feed.night.definition, hub=feed.hub) as server:
        url = f"ws://127.0.0.1:{server.port}/v1/live"
        async with _lines(*runner, str(tmp_path / file), url, "president") as lines:
            await _until(lines, "^rehearsal small")
            await _until(lines, r"^president N \d+/\d+ .*01\W+1\b")
            feed.report(2)
            await _until(lines, r"^president N \d+/\d+ .*01\W+2\b")
            server.feed.end_clients()
            feed.report(3)
            await _until(lines, "^rehearsal small")
            await _until(lines, r"^president N \d+/\d+ .*01\W+3\b")
    assert [command.cursor is None for command in commands] == [True, False]


async def test_the_client_in_a_browser_follows_joins_parts_and_resumes_with_its_cursor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a real Chromium, which closes and buffers as browsers do, and from a page of another origin."""
    feed = Feed(part_bytes=400)
    feed.report(1)
    commands = _commands_of(feed, monkeypatch)
    async with live_server(feed.night.definition, hub=feed.hub) as server:
        script = FILES["live.mjs"].replace("wss://results.example/v1/live", f"ws://127.0.0.1:{server.port}/v1/live")
        async with lines_of_page(script.replace("console.log(text)", "send(text)"), tmp_path) as lines:
            await _until(lines, "^rehearsal small")
            await _until(lines, r"^president N \d+/\d+ .*01\W+1\b")
            feed.report(2)
            await _until(lines, r"^president N \d+/\d+ .*01\W+2\b")
            server.feed.end_clients()
            feed.report(3)
            await _until(lines, "^rehearsal small")
            await _until(lines, r"^president N \d+/\d+ .*01\W+3\b")
    assert [command.cursor is None for command in commands] == [True, False]


async def test_ten_lines_are_a_page_in_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser reconnects by itself and sends `Last-Event-ID`."""
    feed = Feed()
    feed.report(1)
    commands = _commands_of(feed, monkeypatch)
    async with live_server(feed.night.definition, hub=feed.hub, for_pages=True) as server:
        prelude = f"const SERVER = 'http://127.0.0.1:{server.port}';"
        shows = "const show = (rows) => { for (const row of rows.values()) send(JSON.stringify(row)); };"
        async with lines_of_page(prelude + shows + FILES["page.js"], tmp_path) as lines:
            await _until(lines, r'"area":"N".*"01":1\b')
            feed.report(2)
            await _until(lines, r'"area":"N".*"01":2\b')
            server.feed.end_clients()
            feed.report(3)
            await _until(lines, r'"area":"N".*"01":3\b')
    assert [command.cursor is None for command in commands] == [True, False]


async def test_a_page_shows_each_change_with_an_event_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.mjs").write_text(PRELUDE + FILES["page.js"], encoding="utf-8")
    feed = Feed()
    feed.report(1)
    commands = _commands_of(feed, monkeypatch)
    async with live_server(feed.night.definition, hub=feed.hub) as server:
        command = [*_node("EventSource"), str(tmp_path / "page.mjs"), f"http://127.0.0.1:{server.port}"]
        async with _lines(*command) as lines:
            await _until(lines, r'"area":"N".*"01":1\b')
            feed.report(2)
            await _until(lines, r'"area":"N".*"01":2\b')
            server.feed.end_clients()
            feed.report(3)
            await _until(lines, r'"area":"N".*"01":3\b')
    assert [command.cursor is None for command in commands] == [True, False]


async def test_the_poll_of_the_page_is_answered() -> None:
    (command,) = [block.text.strip() for block in blocks(DOCUMENT) if block.language == "sh"]
    feed = Feed()
    feed.report(1)
    async with live_server(feed.night.definition, hub=feed.hub) as server:
        words = shlex.split(command.replace("http://localhost:8000", f"http://127.0.0.1:{server.port}"))
        async with _lines(*words) as lines:
            answer = json.loads(await asyncio.wait_for(lines.read(), 60))
    assert [message["type"] for message in answer["messages"]] == ["snapshot"]


# ── the tables ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _first_cells(section: str) -> list[str]:
    return [name for row in table(DOCUMENT, section) for name in re.findall(r"`(\w[\w-]*)`", row[0])]


def _types(union: Any) -> list[str]:
    return [each.model_fields["type"].default for each in get_args(get_args(union)[0])]


def test_each_message_of_the_server_has_a_row() -> None:
    assert sorted(_first_cells("What to do at each message")) == sorted(_types(FromServer))


def test_each_reason_of_a_gap_has_a_row() -> None:
    assert _first_cells("Gaps") == list(get_args(GapReason))


def test_each_close_code_has_a_row() -> None:
    codes = {int(code) for row in table(DOCUMENT, "How a connection ends") for code in re.findall(r"\d{4}", row[0])}
    assert codes - {1000, 1001, 1006} == set(CLOSE_CODES), "1000 and 1001 are the client's own, 1006 is never sent"


@pytest.mark.parametrize(
    "stated",
    [
        f"subscriptions of a connection | {SUBSCRIPTIONS_MAX} ",
        f"{CHANNEL_ROWS_MAX:,}, and about {CHANNEL_BYTES_MAX // 2**20} MiB",
        f"{CLIENT_MESSAGE_BYTES_MAX // 1024} KiB, {COMMAND_FIELDS_MAX} fields; {COMMANDS_MAX} between two heartbeats",
        f"about {PART_BYTES // 1024} KiB; a longer one comes in parts",
        f"{HELD_MAX:,}; above, `held_complete` is false",
        f"answered after {WAIT_SECONDS_MAX:.0f} s at the latest",
        f"did not read for {SEND_SECONDS_MAX:.0f} s",
        f"too many commands ({COMMANDS_MAX} between two heartbeats), mistakes ({MISTAKES_MAX}), "
        f"or answers not read ({UNREAD_ANSWERS_MAX})",
        f"has up to {CURSOR_CHARACTERS_MAX:,} characters",
        f"longer than {CLIENT_MESSAGE_BYTES_MAX // 1024} KiB",
    ],
)
def test_a_limit_is_that_of_the_code(stated: str) -> None:
    assert stated in text_of(DOCUMENT)


def test_settings_of_the_page_have_the_defaults_of_the_code() -> None:
    defaults = {name: str(default) for name, default, _ in settings_help()}
    found = re.findall(r"`(REKAP_\w+)` \(([\d,]+)\)", text_of(DOCUMENT))
    assert len(found) == 3
    assert {name: value.replace(",", "") for name, value in found} == {name: defaults[name] for name, _ in found}


# ── the documents for programs ───────────────────────────────────────────────────────────────────────────────────────


def test_the_asyncapi_document_refers_only_to_what_it_holds() -> None:
    document = json.loads((ROOT / "docs/reference/asyncapi.json").read_text(encoding="utf-8"))
    found = {*_references(document)}
    assert len(found) > 40
    for reference in found:
        node = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in node, f"{reference} leads nowhere"
            node = node[part]
    assert {f"#/components/schemas/{name}" for name in document["components"]["schemas"]} <= found
    sent = {each["$ref"].rpartition("/")[2] for each in document["operations"]["send_messages"]["messages"]}
    assert sent == set(_types(FromServer))


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [each for part in node for each in _references(part)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [each for part in node.values() for each in _references(part)]
