"""A client is served in the turns of its address while its connection takes bytes, and gives its slot back when it has gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from api.feed.admission import Admission
from api.feed.clients import COMMENT, Client, Clients
from api.feed.frames import EVENT, TEXT
from api.feed.joining_pace import JoiningPace
from api.http.connection import Connection
from runtime import metrics
from schemas.served.feed_cursors import Positions, cursor_of
from schemas.served.live import Subscribe, Unsubscribe
from tests.support.hub_feed import Feed

ADDRESS = "192.0.2.1"


class Turns:
    """Turns that a test takes itself, one after the other."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, Callable[[], None]]] = []

    def add(self, address: str, piece: Callable[[], None]) -> None:
        self.waiting.append((address, piece))

    def take_all(self) -> int:
        """Returns how many turns there were."""
        taken = 0
        while self.waiting:
            self.waiting.pop(0)[1]()
            taken += 1
        return taken


class Admitted:
    """Admission to the feed: who gave a slot back, and who was charged."""

    def __init__(self) -> None:
        self.given_back: list[str] = []
        self.charged: list[str] = []
        self.pace = JoiningPace(100)

    def give_back(self, address: str) -> None:
        self.given_back.append(address)

    def charge(self, address: str) -> None:
        self.charged.append(address)


class Wire:
    """A connection that is full after `room` writes."""

    descriptor = 7

    def __init__(self, room: int = 1_000) -> None:
        self.room = room
        self.written: list[bytes] = []
        self.is_lost = self.was_cut_off = self.was_unread = self.was_flooded = False
        self._call: Callable[[bool], None] = lambda is_full: None

    @property
    def is_full(self) -> bool:
        return len(self.written) >= self.room

    def direct(self) -> Callable[[bytes], None]:
        return self._write

    def watch_room(self, call: Callable[[bool], None]) -> None:
        self._call = call

    def read(self) -> list[bytes]:
        """The client reads all that was written."""
        written, self.written = self.written, []
        self._call(False)
        return written

    def cut_off(self) -> None:
        self.was_cut_off = True

    def _write(self, data: bytes) -> None:
        if self.is_lost:
            raise RuntimeError("lost")
        assert not self.is_full, "a full connection is not written to"
        self.written.append(data)
        if self.is_full:
            self._call(True)


class Ended(Client):
    """A client that keeps how it was ended."""

    ended: tuple[str, float]

    def end(self, sentence: str, after_s: float) -> None:
        self.ended = sentence, after_s


class Room:
    """A feed, its clients, and the turns in which they are served."""

    def __init__(self, **bounds: int) -> None:
        self.feed = Feed(**bounds)
        self.admitted = Admitted()
        self.clients = Clients(cast(Admission, self.admitted))
        self.turns = Turns()
        self.clients.turns = cast(Any, self.turns)

    def join(self, wire: Wire, *, form: int = TEXT, is_open: bool = True, **command: Any) -> Ended:
        client = Ended(self.clients, self.feed.hub, ADDRESS, cast(Connection, wire), form, is_open=is_open)
        self.feed.hub.subscribe(client.subscriber, Subscribe(office="president", **command))
        return client


def _types(written: list[bytes]) -> list[str]:
    return [each.partition(b'"type":"')[2].partition(b'"')[0].decode() for each in written]


def _count(name: str, **labels: str) -> float:
    return metrics.FEED.get_sample_value(name, labels) or 0


def test_a_client_gets_the_newest_state_in_a_turn_of_its_address() -> None:
    room, wire = Room(), Wire()
    room.join(wire)
    assert [address for address, _ in room.turns.waiting] == [ADDRESS]
    assert _types(wire.read()) == ["hello"], "what all clients get is written at once"
    assert room.turns.take_all() == 1
    assert _types(wire.read()) == ["snapshot"]


def test_a_client_has_one_turn_for_each_part_and_never_two_at_once() -> None:
    room, wire = Room(part_bytes=1), Wire()
    client = room.join(wire, area="1")
    room.feed.hub.subscribe(client.subscriber, Subscribe(office="president", area="2"))
    assert len(room.turns.waiting) == 1, "for both subscriptions"
    turns = room.turns.take_all()
    parts = _types(wire.read())[1:]
    assert parts == ["snapshot"] * turns
    assert turns > 6


def test_a_client_is_not_served_while_its_connection_is_full() -> None:
    room, wire = Room(part_bytes=1), Wire(room=2)
    client = room.join(wire)
    room.turns.take_all()
    assert (_types(wire.written), client.is_full, client.subscriber.has_work) == (["hello", "snapshot"], True, True)
    wire.read()
    assert room.turns.take_all() == 2
    assert _types(wire.read()) == ["snapshot"] * 2


def test_a_turn_that_comes_when_the_connection_is_full_writes_nothing() -> None:
    room, wire = Room(), Wire(room=2)
    room.join(wire)
    wire.direct()(b"what all clients get")
    assert room.turns.take_all() == 1
    assert len(wire.read()) == 2
    assert room.turns.take_all() == 1
    assert _types(wire.read()) == ["snapshot"]


def test_a_subscription_that_lacks_nothing_gets_nothing_in_its_turn() -> None:
    room, wire = Room(), Wire()
    client = room.join(wire)
    room.turns.take_all()
    wire.read()
    [subscription] = client.subscriber.subscriptions.values()
    client.subscriber.owe(subscription, room.feed.hub.positions)
    assert room.turns.take_all() == 1
    assert (wire.written, client.subscriber.has_work) == ([], False)


def test_room_for_a_client_that_lacks_nothing_takes_no_turn() -> None:
    room, wire = Room(), Wire(room=2)
    client = room.join(wire)
    room.turns.take_all()
    wire.read()
    assert (client.is_full, room.turns.waiting) == (False, [])


def test_a_frame_for_a_connection_that_has_just_been_lost_is_dropped() -> None:
    room, wire = Room(), Wire()
    room.join(wire)
    wire.is_lost = True
    room.turns.take_all()
    assert _types(wire.written) == ["hello"]


def test_a_client_whose_frame_cannot_be_made_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    room, wire = Room(), Wire()
    client = room.join(wire)

    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(client.subscriber, "take", broken)
    with pytest.raises(ZeroDivisionError):
        room.turns.take_all()
    assert wire.was_cut_off


def test_nothing_is_written_before_the_connection_is_open() -> None:
    room, wire = Room(), Wire()
    client = room.join(wire, is_open=False)
    assert (wire.written, client.descriptor, room.turns.waiting) == ([], -1, [])
    client._take_connection()
    assert (client.is_full, client.descriptor) == (False, 7)
    client._serve_soon()
    room.turns.take_all()
    assert _types(wire.written) == ["hello", "snapshot"]


@pytest.mark.parametrize(("was_unread", "was_flooded"), [(False, False), (True, False), (False, True), (True, True)])
def test_a_client_that_has_gone_gives_its_slot_back_once(was_unread: bool, was_flooded: bool) -> None:
    room, wire = Room(), Wire()
    client = room.join(wire)
    wire.was_unread, wire.was_flooded = was_unread, was_flooded
    dropped = _count("rekap_live_clients_dropped_total")
    for _ in range(2):
        client.has_gone()
    assert room.admitted.given_back == [ADDRESS]
    assert room.admitted.charged == [ADDRESS] * was_flooded
    assert _count("rekap_live_clients_dropped_total") - dropped == was_unread
    assert (client.is_full, client.subscriber.has_left, room.feed.hub.subscribers) == (True, True, 0)
    wire.read()  # the last event of the connection
    assert room.turns.take_all() == 1, "the turn that it waited for"
    assert wire.written == []
    room.clients.end_all("the feed begins anew")
    assert not hasattr(client, "ended")


def test_an_answer_that_waited_for_room_is_dropped_when_the_client_has_gone() -> None:
    room, wire = Room(), Wire(room=2)
    client = room.join(wire, id="mine")
    wire.direct()(b"what all clients get")
    room.feed.hub.unsubscribe(client.subscriber, Unsubscribe(id="mine"))
    assert client.subscriber.unread_answers == 1
    client.has_gone()
    wire.read()
    assert room.turns.take_all() == 1, "the turn that it waited for"
    wire.read()
    assert (wire.written, room.turns.waiting) == ([], [])


def test_markers_of_gaps_are_counted_by_their_reason() -> None:
    room, wire = Room(), Wire()
    room.join(wire, cursor=cursor_of(Positions(0, (0,)), room.feed.night.definition.hash, generation=7))
    before = _count("rekap_live_gaps_total", reason="cursor-too-old")
    room.turns.take_all()
    assert _types(wire.written) == ["hello", "gap", "snapshot"]
    assert _count("rekap_live_gaps_total", reason="cursor-too-old") - before == 1
    assert metrics.FEED.get_sample_value("rekap_live_gaps_total", {"reason": "None"}) is None


def test_all_clients_are_ended_with_times_of_their_own_to_come_back_at() -> None:
    room = Room()
    clients = [room.join(Wire()) for _ in range(50)]
    room.clients.end_all("the feed begins anew")
    assert {client.ended[0] for client in clients} == {"the feed begins anew"}
    times = [client.ended[1] for client in clients]
    assert min(times) >= 1
    assert len(set(times)) > 1


def test_a_stream_that_is_behind_is_kept_alive_by_comments() -> None:
    room = Room(part_bytes=1)
    wires = {name: Wire() for name in ("live", "behind", "full", "lost", "socket")}
    for name, wire in wires.items():
        room.join(wire, form=TEXT if name == "socket" else EVENT)
        if name == "live":
            room.turns.take_all()
    wires["lost"].is_lost = True
    wires["full"].room = 2
    wires["full"].direct()(b"what all clients get")
    for wire in wires.values():
        wire.written.clear()
    room.clients.keep_alive()
    assert {name: wire.written for name, wire in wires.items() if wire.written} == {"behind": [COMMENT]}
    assert COMMENT == b"3\r\n:\n\n\r\n"
