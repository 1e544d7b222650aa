"""A request that has come whole, and can be answered without a task of its own.

uvicorn makes a task, an event and six messages for each request, which costs more than reading and judging a form. So a server
may have an `AtOnce`. It is called with each request whose body came in one piece with its head. A request that it takes is
answered now or later by one call. All other requests go to the ASGI app.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import Scope

Answer = Callable[[int, bytes, bytes], None]


class WholeRequest:
    __slots__ = ("address", "answer", "body", "scope", "soon")

    def __init__(
        self, scope: Scope, body: bytes, address: str, soon: Callable[[Callable[[], None]], None], answer: Answer
    ) -> None:
        self.scope = scope
        """Scope of the request as ASGI has it."""
        self.body = body
        self.address = address
        """The client address that the request counts against (api/limits/client_address.py)."""
        self.soon = soon
        """Does a short piece of work for this request once its address has time for that (api/http/fair_turns.py)."""
        self.answer = answer
        """Function to call once, with the status, header lines that each end in CR LF, and the body, whose length is added.
        Nothing is sent to a client that has gone."""


AtOnce = Callable[[WholeRequest], bool]
"""Takes a request and will call its `answer`, or returns False. It is work of one step: what comes later is given to `soon`."""
