"""A night with forms that break a rule and with reviews of them, and what a client holds of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from projections.fold.records import read_record
from schemas.derived.blocks import Block
from schemas.derived.bundles import blocks_in
from schemas.served.live import FROM_SERVER
from tests.support.hub_feed import Feed
from tests.support.small_election import reported, reviewed


class HeldFeed(Feed):
    def hold(self, station: str, version: int = 1) -> str:
        """A form whose sum is wrong. Returns the id of its event."""
        return self._append("officer", reported(station, (5, 0, 0), version=version, VA=99))

    def decide(self, station: str, event: str, decision: str) -> str:
        return self._append("reviewer", reviewed(station, event, decision))

    def _append(self, name: str, body: dict[str, Any]) -> str:
        partition, offset = self.night.ledger.append_as(name, body)
        self.night.catch_up()
        self.night.publish(keyframe=False)
        self.follow()
        return read_record(offset, self.night.ledger.partitions[partition][offset]).event_id.hex()

    def held_now(self) -> dict[str, int | None]:
        """By station, the offset of its held form, as the newest blocks have it."""
        held: dict[str, int | None] = {}
        for value in self.night.subtotals:
            for each in blocks_in(value):
                for row in Block.from_bytes(each, with_body=True).stations:
                    held.pop(row["station"], None)
                    if row["state"] == "held":
                        held[row["station"]] = row["offset"]
        return held


class HeldByClient:
    """What a client that obeys the documented rule holds."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.is_complete: bool | None = None

    def apply(self, messages: Iterable[dict[str, Any]]) -> HeldByClient:
        for message in messages:
            FROM_SERVER.validate_python(message)
            if message.get("held_whole"):
                self.rows.clear()
            self.is_complete = message.get("held_complete", self.is_complete)
            for row in message.get("held", ()):
                self.rows.pop(row["station"], None)
                if row["state"] == "held":
                    self.rows[row["station"]] = row
        return self
