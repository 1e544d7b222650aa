"""The typed client without `async`, for scripts and notebooks.

The asynchronous client runs in a thread of its own, so that this one also works where an event loop is running, as in Jupyter.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Collection, Coroutine, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from rekap.client.belief import ElectionName
from rekap.client.client import Client, Submitted
from rekap.client.server import ANSWER_SECONDS_MAX
from schemas.served.event_answers import EventLine, EventSnapshot, SubmissionSnapshot
from schemas.served.profiles import PartyPage
from schemas.served.proof_file import ProofFile
from schemas.served.snapshots import AreaSnapshot, ContestSnapshot, ElectionSnapshot, OfficeSnapshot, StationSnapshot

Result = TypeVar("Result")


class PlainClient:
    """Each method as that of `Client`, with the same errors. Use it in a `with` block."""

    def __init__(self, url: str, *, seconds_max: float = ANSWER_SECONDS_MAX) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rekap client", daemon=True)
        self._client = Client(url, seconds_max=seconds_max)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._run(self._client.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def election(self) -> ElectionSnapshot:
        return self._run(self._client.election())

    def office(self, office: str, *, part: int | None = None) -> OfficeSnapshot:
        return self._run(self._client.office(office, part=part))

    def contest(self, contest: str) -> ContestSnapshot:
        return self._run(self._client.contest(contest))

    def area(self, area: str, *, office: str | None = None, part: int | None = None) -> AreaSnapshot:
        return self._run(self._client.area(area, office=office, part=part))

    def station(self, station: str, *, after: str | None = None) -> StationSnapshot:
        return self._run(self._client.station(station, after=after))

    def parties(self, *, cursor: str | None = None) -> PartyPage:
        return self._run(self._client.parties(cursor=cursor))

    def event(self, partition: int, offset: int) -> EventSnapshot:
        return self._run(self._client.event(partition, offset))

    def submission(self, event: str) -> SubmissionSnapshot:
        return self._run(self._client.submission(event))

    def events(self, most: int, **filters: str | int | None) -> list[EventLine]:
        async def all_of_them() -> list[EventLine]:
            return [line async for line in self._client.events(most, **filters)]

        return self._run(all_of_them())

    def follow(self, office: str, **wish: Any) -> Iterator[dict[str, Any]]:
        """The messages of a subscription, without end; leaving the loop ends it."""
        messages = self._client.follow(office, **wish)
        try:
            while True:
                yield self._run(_next(messages))
        finally:
            with suppress(RuntimeError):  # the loop has ended before
                self._run(messages.aclose())

    def gateway(self) -> tuple[ElectionName, bytes]:
        return self._run(self._client.gateway())

    def submit(self, envelopes: Sequence[bytes], keys: Collection[bytes]) -> list[Submitted]:
        return self._run(self._client.submit(envelopes, keys))

    def proof(self, subject: str) -> ProofFile:
        return self._run(self._client.proof(subject))

    def _run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C ends the request too
            raise


async def _next(messages: AsyncGenerator[dict[str, Any]]) -> dict[str, Any]:
    return await anext(messages)
