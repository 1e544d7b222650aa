"""A message that comes in parts is put together as one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import orjson
import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_sockets
from websockets.exceptions import ConnectionClosed

from rekap.client import live_feed
from rekap.client.live_feed import SubscriptionRefusedError, follow, joined
from tests.support.hub_feed import Feed
from tests.support.live_server import live_server


def _part(votes: dict[str, int], **fields: Any) -> dict[str, Any]:
    areas = [{"contest": "president", "area": area, "votes": number} for area, number in votes.items()]
    return {"type": "snapshot", "areas": areas, "offices": [], "contests": [], **fields}


def test_the_newest_of_what_is_in_several_parts_stays_and_the_rest_is_the_last_parts() -> None:
    whole = joined(
        [
            _part({"1": 1, "2": 1}, id="mine", as_of={"0": 1}, more=True),
            _part({"3": 1}, id="mine", as_of={"0": 2}, more=True),
            _part(
                {"1": 5}, id="mine", as_of={"0": 3}, cursor="end", stations=[{"station": "1-1", "contest": "president"}]
            ),
        ]
    )
    assert {row["area"]: row["votes"] for row in whole["areas"]} == {"1": 5, "2": 1, "3": 1}
    assert (whole["id"], whole["as_of"], whole["cursor"]) == ("mine", {"0": 3}, "end")
    assert [row["station"] for row in whole["stations"]] == ["1-1"]
    assert "more" not in whole


def test_held_results_before_a_part_that_has_them_all_are_left_out() -> None:
    def held(*stations: str, **fields: Any) -> dict[str, Any]:
        return _part({}, held=[{"station": station, "contest": "president"} for station in stations], **fields)

    whole = joined([held("1", more=True), held("2", held_whole=True, more=True), held("3")])
    assert ([row["station"] for row in whole["held"]], whole["held_whole"]) == (["2", "3"], True)
    changed = joined([held("1", more=True), held("1", "2")])
    assert ([row["station"] for row in changed["held"]], "held_whole" in changed) == (["1", "2"], False)
    assert "held" not in joined([_part({}, more=True), _part({})])


def test_parts_that_are_put_together_before_the_last_has_come_are_a_part_again() -> None:
    parts = [_part({str(number): number}, more=True) for number in range(4)]
    early = joined([*parts[:2], _part({"0": 9}, more=True)])
    assert early["more"]
    whole = joined([early, *parts[2:], _part({"4": 4}, cursor="end")])
    assert {row["area"]: row["votes"] for row in whole["areas"]} == {"0": 9, "1": 1, "2": 2, "3": 3, "4": 4}


async def test_deltas_are_followed_as_changes_and_one_that_does_not_fit_begins_a_new_snapshot() -> None:
    feed = Feed()
    feed.report(1)
    async with live_server(feed.night.definition, hub=feed.hub) as server:
        messages = follow(f"http://127.0.0.1:{server.port}", office="president", deltas=True)

        async def next_of(*kinds: str) -> dict[str, Any]:
            async with asyncio.timeout(20):
                while (message := await anext(messages))["type"] not in kinds:
                    pass
                return message

        snapshot = await next_of("snapshot")
        feed.report(2)
        change = await next_of("change", "snapshot")
        assert (change["type"], "area_patches" in change) == ("change", False)
        (nation,) = (row for row in change["areas"] if row["area"] == "N")
        (nation_before,) = (row for row in snapshot["areas"] if row["area"] == "N")
        assert nation.keys() == nation_before.keys()
        assert (nation_before["counted"]["votes"]["01"], nation["counted"]["votes"]["01"]) == (1, 2)
        (channel,) = feed.hub._channels.of_office(0)
        channel.last_cuts = b'{"0":99}', b"{}"
        feed.report(3)
        assert 0.5 <= (await next_of("lost", "change"))["retry_s"] <= 1
        again = await next_of("snapshot", "change")
        assert (again["type"], again["as_of"]) == ("snapshot", {"0": 0, "1": 3})
        await messages.aclose()


HELLO = orjson.dumps(
    {"type": "hello", "election": "e", "mode": "live", "definition": "d", "licence": "l", "heartbeat_s": 5}
)
PART = orjson.dumps(
    {
        "type": "snapshot", "channel": "c", "as_of": {}, "shard_as_of": {}, "areas": [], "offices": [], "contests": [],
        "cursor": "x", "below_complete": True, "more": True,
    }
)  # fmt: skip


async def _first_loss(*messages: bytes, deltas: bool = False) -> float:
    """After how long the client comes back to a server that sends this, and then nothing more."""

    async def serve(socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            for each in messages:
                await socket.send(each.decode())
            await socket.wait_closed()

    async with serve_sockets(serve, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        followed = follow(f"http://127.0.0.1:{port}", office="president", deltas=deltas)
        async with asyncio.timeout(10):
            async for message in followed:
                if message["type"] == "lost":
                    await followed.aclose()
                    return float(message["retry_s"])
    raise AssertionError


@pytest.mark.parametrize(
    "message",
    [
        b"", b"<html>", b"[]", b"1", b"{}", b'{"type":1}', b'{"type":["snapshot"]}', b'{"type":"snapshot"}',
        b'{"type":"change","areas":1}', b'{"type":"error"}', b'{"type":"hello","definition":{}}',
        PART.replace(b'"areas":[]', b'"areas":[{"contest":"president"}]'), PART.replace(b'"as_of":{}', b'"as_of":{"0":"1"}'),
        b"[" * 1_000 + b"]" * 1_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("begins", [(), (HELLO,)])
async def test_what_is_not_a_message_of_the_feed_is_left_and_not_raised(
    message: bytes, begins: tuple[bytes, ...]
) -> None:
    assert 0.5 <= await _first_loss(*begins, message) <= 1


@pytest.mark.parametrize(
    "patch",
    [
        b'{"contest":["president"],"area":"N"}',
        b'{"contest":"president"}',
        b'{"contest":"president","area":"N","counted":' + b'{"a":' * 900 + b"1" + b"}" * 901,
    ],
)
async def test_a_patch_that_fits_nothing_begins_anew(patch: bytes) -> None:
    whole = PART.replace(b'"more":true', b'"more":false')
    delta = whole.replace(b'"snapshot"', b'"delta"').replace(
        b'"below_complete":true', b'"from_as_of":{},"from_shard_as_of":{}'
    )
    assert 0.5 <= await _first_loss(whole, delta[:-1] + b',"area_patches":[' + patch + b"]}", deltas=True) <= 1


async def test_a_message_whose_parts_never_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_feed, "PARTS_BYTES_MAX", 100 * len(PART))
    assert 0.5 <= await _first_loss(*[PART] * 200) <= 1


async def test_a_refusal_is_shown_without_what_controls_a_terminal() -> None:
    refusal = b'{"type":"error","status":404,"field":null,"sentence":"no \\u001b[2Joffice"}'
    with pytest.raises(SubscriptionRefusedError, match=r"no \\x1b\[2Joffice"):
        await _first_loss(refusal)
