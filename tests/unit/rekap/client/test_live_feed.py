"""A message that comes in parts is put together as one."""

from __future__ import annotations

import asyncio
from typing import Any

from rekap.client.live_feed import follow, joined
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
