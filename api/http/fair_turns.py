"""Fair shares of the event loop: in each turn of the loop an address may use some time, and begin a few requests.

Work that is done in one step, such as reading some input, judging a form or signing a receipt, is measured. Where an address
has used its share of a turn, its next step waits for the next turn. Other requests have a task, which needs some ten turns of
the loop, and how much time it will use is not known before. So an address has few such requests at work while another address
has requests too. Where one address sends a hundred requests at once, on one connection or on a hundred, they wait for each
other, and a request of another address shares its turns with few of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from api.http.reading_pace import ReadingPace
from api.limits.address_queue import AddressQueue

SHARE_SECONDS = 0.0005
"""Time that an address may use of one turn while others have a request under way; the step that exceeds it is still done. A
form is read and judged in 0.2 ms. At half, an address that sends 1,000 a second waits 290 ms for a receipt while another sends
200, because each turn costs 0.1 ms besides; at double, each of the ten steps of another address's request waits 0.5 ms
longer."""
ALONE_SECONDS = 0.004
"""Time that an address may use of one turn while it is alone. The first request of another address waits for so long. At a
quarter, receipts at 1,000 forms a second of one address take half as long again."""
BEGUN_IN_A_TURN = 4
"""Requests of one address that are begun in one turn of the loop."""
BEGUN_ALONE_MAX = 16
"""Requests of an address that is alone which are begun in one turn of the loop."""
AT_WORK_MAX = 2
"""Requests of one address that are at work at once while others have some too, but for those that wait for Kafka. With one, the
loop rests while that waits for PostgreSQL; with four, the p95 of others is 40 to 51 ms and not 34 to 37 (docs/attacks.md: many
forms of a station)."""
WAIT_SECONDS_MAX = 0.1
"""Wait after which a request is begun all the same, one of an address every LOOK_SECONDS, because the two at work may wait for
long."""
LOOK_SECONDS = 0.02
"""Time between two looks at the requests and slow pieces that wait. At half, 500 connections that ask again and again have 100
requests a second begun besides, and the p95 of others is 73 ms; at double, an address that keeps its two at work has 25 a
second begun besides."""
PIECES_SECONDS = 0.002
"""Time that all pieces that waited for a turn may use of it together."""

Piece = Callable[[], None]


class Place:
    """Place of one request among those under way. The request is at work from its begin on."""

    __slots__ = ("_address", "_is_at_work", "_is_under_way", "_turns")

    def __init__(self, turns: FairTurns, address: str) -> None:
        self._turns = turns
        self._address = address
        self._is_under_way = self._is_at_work = False
        self.take()

    def take(self) -> None:
        """Note that the request is at work, again."""
        if not self._is_under_way:
            self._is_under_way = True
            self._turns.under_way.add(self._address)
        if not self._is_at_work:
            self._is_at_work = True
            self._turns.at_work.add(self._address)

    def rest(self) -> None:
        """Note that the request waits for Kafka and needs nothing of the loop. It is still under way."""
        if self._is_at_work:
            self._is_at_work = False
            self._turns.at_work.remove(self._address)
            self._turns.look_soon()

    def give_back(self) -> None:
        """Note that the request is answered, or that its client is waited for: for the rest of a body, or to read a stream."""
        self.rest()
        if self._is_under_way:
            self._is_under_way = False
            self._turns.under_way.remove(self._address)
            self._turns.look_soon()


class Counted:
    """How many requests each address has."""

    def __init__(self) -> None:
        self._of_address: dict[str, int] = {}
        self._all = 0

    def of(self, address: str) -> int:
        return self._of_address.get(address, 0)

    def others_than(self, address: str) -> int:
        return self._all - self.of(address)

    def add(self, address: str) -> None:
        self._of_address[address] = self.of(address) + 1
        self._all += 1

    def remove(self, address: str) -> None:
        self._all -= 1
        left = self._of_address[address] - 1
        if left:
            self._of_address[address] = left
        else:
            del self._of_address[address]


Begin = Callable[[Place], None]


class FairTurns:
    """One event loop owns it."""

    def __init__(self, pieces_seconds: float = PIECES_SECONDS, clock: Callable[[], float] = time.perf_counter) -> None:
        self._pieces_seconds = pieces_seconds
        self._clock = clock
        self.reading_pace = ReadingPace()
        self.under_way = Counted()
        """Requests that were begun and are not answered, except those whose client is waited for."""
        self.at_work = Counted()
        """Requests under way that do not wait for Kafka."""
        self._waiting: AddressQueue[tuple[float, Begin]] = AddressQueue()
        """Requests that are not begun yet, and since when."""
        self._begun: dict[str, int] = {}
        """Number of requests that were begun in this turn of the loop, by address."""
        self._used: dict[str, float] = {}
        """Seconds of this turn that the work of each address has used."""
        self._within = 0.0
        """Seconds used by work that began within the work that is being done."""
        self._pieces: AddressQueue[Piece] = AddressQueue()
        self._slow: AddressQueue[Piece] = AddressQueue()
        """Pieces of work of which each address has one done in LOOK_SECONDS."""
        self._slow_timer: asyncio.TimerHandle | None = None
        self._is_called = False
        self._timer: asyncio.TimerHandle | None = None

    # -- requests --------------------------------------------------------------------------------------------------

    def begin(self, address: str, work: Begin) -> None:
        """Begin a request now, or soon. It is at work from then on, until its place is given back."""
        if address not in self._waiting and self._may_begin(address):
            self._begin(address, work)
        else:
            self._waiting.add(address, (self._clock(), work))
            self._call_soon()

    def look_soon(self) -> None:
        """Begin another request, because one has ended or rests."""
        if self._waiting:
            self._call_soon()

    def _is_alone(self, address: str) -> bool:
        """Whether no other address has a request under way."""
        return not self.under_way.others_than(address)

    def _has_place(self, address: str) -> bool:
        return self.at_work.of(address) < AT_WORK_MAX or self._is_alone(address)

    def _has_time(self, address: str) -> bool:
        used = self._used.get(address, 0.0)
        return used < SHARE_SECONDS or (used < ALONE_SECONDS and self._is_alone(address))

    def _may_begin(self, address: str) -> bool:
        begun = self._begun.get(address, 0)
        is_early = begun < BEGUN_IN_A_TURN or (begun < BEGUN_ALONE_MAX and self._is_alone(address))
        return is_early and self._has_time(address) and self._has_place(address)

    def _begin(self, address: str, work: Begin) -> None:
        self._begun[address] = self._begun.get(address, 0) + 1
        self._do(address, lambda: work(Place(self, address)))

    def _begin_waiting(self) -> None:
        for address in self._waiting.addresses():
            while address in self._waiting and self._may_begin(address):
                self._begin(address, self._waiting.take(address)[1])

    # -- pieces of work --------------------------------------------------------------------------------------------

    def do(self, address: str, piece: Piece) -> None:
        """Do a short piece of work now, or in one of the next turns where the address has used its share of this one."""
        if address not in self._pieces and self._has_time(address):
            self._do(address, piece)
        else:
            self.add(address, piece)

    def add(self, address: str, piece: Piece) -> None:
        """Do the piece of work after the others that wait."""
        self._pieces.add(address, piece)
        self._call_soon()

    def add_slow(self, address: str, piece: Piece) -> None:
        """Add work that serves no client, such as dropping a body: one piece of each address in LOOK_SECONDS."""
        self._slow.add(address, piece)
        self._slow_again()

    def _do(self, address: str, work: Piece) -> None:
        """Do the work, and measure it without the work that is done within."""
        self._call_soon()  # for the next turn to know that this one is over
        around, self._within = self._within, 0.0
        began = self._clock()
        try:
            work()
        finally:
            took = self._clock() - began
            self._used[address] = self._used.get(address, 0.0) + took - self._within
            self._within = around + took

    def _slow_again(self) -> None:
        if self._slow and self._slow_timer is None:
            self._slow_timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._do_slow)

    def _do_slow(self) -> None:
        self._slow_timer = None
        try:
            for address in self._slow.addresses():
                self._slow.take(address)()
        finally:
            self._slow_again()

    def _do_pieces(self) -> None:
        """Do a piece of work of each address, and then more of the addresses that have time left."""
        until = self._clock() + self._pieces_seconds
        while addresses := [address for address in self._pieces.addresses() if self._has_time(address)]:
            for address in addresses:
                self._do(address, self._pieces.take(address))
                if self._clock() > until:
                    return

    # -- turns of the loop -----------------------------------------------------------------------------------------

    def _call_soon(self) -> None:
        if not self._is_called:
            self._is_called = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._is_called = False
        self._begun.clear()
        self._used.clear()
        try:
            self._begin_waiting()
            self._do_pieces()
        finally:  # a piece that fails ends no other
            if self._pieces or self._used or any(map(self._has_place, self._waiting.addresses())):
                self._call_soon()
            elif self._waiting and self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        late = self._clock() - WAIT_SECONDS_MAX
        for address in self._waiting.addresses():
            if self._waiting.first(address)[0] < late:
                self._begin(address, self._waiting.take(address)[1])
        self._call_soon()
