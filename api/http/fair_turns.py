"""Fair shares of the event loop: each turn begins a few requests of each party, and reads a little of its input.

A request needs some ten turns of the loop until it is answered. Where one party sends a hundred requests at once, on one
connection or on a hundred, they wait for each other, and a request of another party shares its turns with few of them.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

BEGUN_IN_A_TURN = 4
"""Requests of one party that are begun in one turn of the loop, up to 1 ms each. At half, a gateway that alone has the machine
takes more turns for 1,000 forms a second; at double, each step of another party's request may wait 8 ms."""
BEGUN_ALONE_MAX = 16
"""The same, of a party that is alone. At four, receipts at 1,000 forms a second of one address take half as long again."""
AT_WORK_MAX = 2
"""Requests of one party that are at work at once while others have some too. With one, the loop rests while that waits for
PostgreSQL or Kafka; with four, the p95 of others is 40 to 51 ms and not 34 to 37 (docs/attacks.md: many forms of a station)."""
WAIT_SECONDS_MAX = 0.1
"""After which a request is begun all the same, one of an address every LOOK_SECONDS: behind one may be a whole district."""
LOOK_SECONDS = 0.02
"""At half, 500 connections that ask again and again have 100 requests a second begun besides, and the p95 of others is 73 ms;
at double, a district that keeps its two at work has 25 a second begun besides."""
PIECES_SECONDS = 0.002
"""What all short pieces of work together may use of one turn of the loop."""

Piece = Callable[[], None]


class Place:
    """Place of one request among those at work."""

    __slots__ = ("_is_held", "_party", "_turns")

    def __init__(self, turns: FairTurns, party: str) -> None:
        self._turns = turns
        self._party = party
        self._is_held = True

    def take(self) -> None:
        if not self._is_held:
            self._is_held = True
            self._turns.count(self._party)

    def give_back(self) -> None:
        """It is answered, or it is waited for itself: a body that is still to come, a stream without an end."""
        if self._is_held:
            self._is_held = False
            self._turns.end(self._party)


Begin = Callable[[Place], None]


class FairTurns:
    """One event loop owns it."""

    def __init__(self, pieces_seconds: float = PIECES_SECONDS) -> None:
        self._pieces_seconds = pieces_seconds
        self._at_work: dict[str, int] = {}
        self._all_at_work = 0
        self._waiting: dict[str, deque[tuple[float, Begin]]] = {}
        """By party, requests that are not begun yet and since when; the longest waiting first."""
        self._begun: dict[str, int] = {}
        """In this turn of the loop."""
        self._pieces: dict[str, deque[Piece]] = {}
        """By party; the one whose turn is next first."""
        self._had: set[str] = set()
        """Parties of which a piece was done in this turn of the loop."""
        self._slow: dict[str, deque[Piece]] = {}
        """By party, what is done one in LOOK_SECONDS."""
        self._slow_timer: asyncio.TimerHandle | None = None
        self._is_called = False
        self._timer: asyncio.TimerHandle | None = None

    # -- requests --------------------------------------------------------------------------------------------------

    def begin(self, party: str, work: Begin) -> None:
        """Begin a request now, or soon. It is at work from then on, until its place is given back."""
        waiting = self._waiting.get(party)
        if waiting is None and self._may_begin(party):
            self._begin(party, work)
            return
        if waiting is None:
            waiting = self._waiting[party] = deque()
        waiting.append((time.monotonic(), work))
        self._call_soon()

    def count(self, party: str) -> None:
        """One more of the party is at work."""
        self._at_work[party] = self._at_work.get(party, 0) + 1
        self._all_at_work += 1

    def end(self, party: str) -> None:
        self._all_at_work -= 1
        left = self._at_work[party] - 1
        if left:
            self._at_work[party] = left
        else:
            del self._at_work[party]
        if self._waiting:
            self._call_soon()

    def _is_alone(self, party: str) -> bool:
        """Whether no other party has a request at work."""
        return self._at_work.get(party, 0) == self._all_at_work

    def _has_place(self, party: str) -> bool:
        return self._is_alone(party) or self._at_work.get(party, 0) < AT_WORK_MAX

    def _may_begin(self, party: str) -> bool:
        most = BEGUN_ALONE_MAX if self._is_alone(party) else BEGUN_IN_A_TURN
        return self._begun.get(party, 0) < most and self._has_place(party)

    def _begin(self, party: str, work: Begin) -> None:
        self._begun[party] = self._begun.get(party, 0) + 1
        self.count(party)
        self._call_soon()  # for the next turn to know that this one is over
        work(Place(self, party))

    def _begin_waiting(self) -> None:
        for party in list(self._waiting):
            while party in self._waiting and self._may_begin(party):
                self._begin_next(party)

    def _begin_next(self, party: str) -> None:
        waiting = self._waiting[party]
        _, begin = waiting.popleft()
        if not waiting:
            del self._waiting[party]
        self._begin(party, begin)

    # -- pieces of work --------------------------------------------------------------------------------------------

    def add(self, party: str, piece: Piece) -> None:
        """Short work, to be done in one of the next turns: one piece of each party in a turn, and more of one that is alone."""
        self._pieces.setdefault(party, deque()).append(piece)
        self._call_soon()

    def do(self, party: str, piece: Piece) -> None:
        """The same, and at once where the party has had none in this turn, or no other party has a request at work."""
        if (party in self._pieces or party in self._had) and not self._is_alone(party):
            self.add(party, piece)
        else:
            self._had.add(party)
            self._call_soon()  # for the next turn to know that this one is over
            piece()

    def add_slow(self, party: str, piece: Piece) -> None:
        """Work that serves no client, such as dropping a body: one piece of each party in LOOK_SECONDS."""
        self._slow.setdefault(party, deque()).append(piece)
        self._slow_again()

    def _slow_again(self) -> None:
        if self._slow and self._slow_timer is None:
            self._slow_timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._do_slow)

    def _do_slow(self) -> None:
        self._slow_timer = None
        try:
            for party, pieces in list(self._slow.items()):
                piece = pieces.popleft()
                if not pieces:
                    del self._slow[party]
                piece()
        finally:
            self._slow_again()

    def _do_pieces(self) -> None:
        until = time.perf_counter() + self._pieces_seconds
        parties = list(self._pieces)
        while parties:
            for party in parties:
                pieces = self._pieces.pop(party)
                piece = pieces.popleft()
                if pieces:
                    self._pieces[party] = pieces  # behind the others
                self._had.add(party)
                piece()
                if time.perf_counter() > until:
                    return
            parties = [party for party in parties if party in self._pieces and self._is_alone(party)]

    # -- turns of the loop -----------------------------------------------------------------------------------------

    def _call_soon(self) -> None:
        if not self._is_called:
            self._is_called = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._is_called = False
        self._begun.clear()
        self._had.clear()
        try:
            self._begin_waiting()
            self._do_pieces()
        finally:  # a piece that fails ends no other
            if self._pieces or self._had or any(map(self._has_place, self._waiting)):
                self._call_soon()
            elif self._waiting and self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        late = time.monotonic() - WAIT_SECONDS_MAX
        for party, waiting in list(self._waiting.items()):
            if waiting[0][0] < late:
                self._begin_next(party)
        self._call_soon()
