"""The live feed's shell: it consumes from Kafka, serves WebSocket and server-sent events, and has api/feed/hub/ decide.

The feed begins with the state of the read model and the topic positions of that state, both read in one transaction, and
follows `results` and `subtotals` from there. When following fails, the error is logged, connections are closed with
"service restart", and the feed begins anew; cursors remain valid.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from fastapi import APIRouter, Header, Query, Request, Response, WebSocket, WebSocketDisconnect
from pydantic import ValidationError
from starlette.types import Scope
from starlette.websockets import WebSocketDisconnected

from api.errors import ApiError
from api.feed.event_stream import RETRY_MS, SEND_SECONDS_MAX, EventStream, come_back
from api.feed.hub.commands import CommandError
from api.feed.hub.hub import Hub
from api.feed.rendering_turns import RenderingTurns
from api.feed.slots import Slots
from api.feed.subscribers import Frame, Subscriber
from api.http.connection import CONNECTION, Connection
from api.limits.client_address import TrustedProxies
from api.limits.rate_limits import BURST_SECONDS, RateLimit
from api.problems import PROBLEM_RESPONSES, Problem
from api.read.readmodel import ReadModel
from projections.definition.compiled import Definition
from runtime import metrics
from runtime.kafka.clients import at_rest, plain_consumer, stop_consumer
from runtime.kafka.seals import Seals
from runtime.kafka.set_aside import Opener, SetAside
from runtime.kafka.topics import SUBTOTALS_PARTITIONS, topics_of
from runtime.logs import log_line
from runtime.settings import Settings
from schemas.codes import CODE_PATTERN
from schemas.served.live import CURSOR_CHARACTERS_MAX, FROM_CLIENT, FROM_SERVER, Positions, Subscribe

logger = logging.getLogger("rekap.live")

POLL_MS = 100
COMMANDS_MAX = 100
"""Commands that a client may send between two heartbeats; a page on which a user pans over a map sends a dozen."""
MISTAKES_MAX = 20
COMMAND_FIELDS_MAX = 16
"""Limit for the fields of a command, which has at most eight. Each unknown field is a mistake, and 16 kB can hold two
thousand."""
UNREAD_ANSWERS_MAX = 100
"""Answers to commands that wait for a client, which are never dropped. A page that subscribes to fifty channels again has as
many."""
APPLY_SECONDS = 0.005
"""Time for applying messages before the loop does something else: a feed that catches up has megabytes of them at once."""
SUBSCRIPTIONS_PER_CONNECTION = 8
"""Subscriptions that an address may have, for each connection that it may have."""
FULL_SECONDS = 10
"""Time after which a client that was not admitted may connect again."""
REFUSED_AFTER_SECONDS = 1.0
"""Time that the refusal of a client that connects too often is held back, because the client would connect again at once."""
TOO_MANY = 429
HOLD_SECONDS_MAX = 10.0
"""Time that a request for the stream is held while the feed begins, which takes a second or two after a start."""
BEGIN_AGAIN_SECONDS_MAX = 30.0

CLOSE_RESTART, CLOSE_POLICY, CLOSE_TRY_LATER = 1012, 1008, 1013
"""Close codes from RFC 6455 and the IANA registry."""

router = APIRouter(prefix="/v1", tags=["live"])


class LiveFeed:
    def __init__(self, settings: Settings, definition: Definition, read: ReadModel) -> None:
        self._settings = settings
        self._definition = definition
        self._read = read
        self._topics = topics_of(definition.election, settings.generation)
        self._seals = Seals(settings.workers_key, definition.hash)
        self.aside = SetAside(metrics.API_SET_ASIDE)
        """Messages of the topics that were set aside since this process began."""
        self._consumer: AIOKafkaConsumer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._connections: set[asyncio.Task[Any]] = set()
        self._streams: set[asyncio.Event] = set()
        """The event that wakes each client of `frames`. Removing the event here ends the client's stream."""
        self._proxies = TrustedProxies.parse(settings.trusted_proxies)
        self._slots = Slots(settings.live_clients, settings.live_clients_per_address)
        self._connects = RateLimit("live connections", settings.live_clients_per_address // BURST_SECONDS)
        self._turns = RenderingTurns()
        self.hub: Hub | None = None
        """None while the feed begins."""
        self._has_begun = asyncio.Event()

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(self._follow_for_ever()), asyncio.create_task(self.beat())]

    async def stop(self) -> None:
        self.end_clients()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def end_clients(self) -> None:
        """Close every live connection. Clients connect again with their cursors; a process that shuts down would otherwise
        wait for connections that never end."""
        for connection in self._connections:
            connection.cancel()
        streams, self._streams = self._streams, set()
        for ready in streams:
            ready.set()

    def stage(self) -> dict[str, Any]:
        """For /v1/health: how many messages are not applied yet, how many clients are connected, which offices stopped."""
        if self.hub is None or self._consumer is None:
            return {"state": "beginning", "lag_records": None, "clients": 0}
        lag = 0
        positions = self.hub.positions
        for partition in self._consumer.assignment():
            end = self._consumer.highwater(partition)
            if end is not None:
                is_results = partition.topic == self._topics.results
                position = positions.results if is_results else positions.subtotals[partition.partition]
                lag += max(0, end - position)
        return {
            "state": "following",
            "lag_records": lag,
            "clients": self.hub.subscribers,
            "stopped": self.hub.state.stopped(),
        }

    # -- following Kafka -------------------------------------------------------------------------------------------

    async def _follow_for_ever(self) -> None:
        wait = 1.0
        while True:
            try:
                await self._begin()
                wait = 1.0
                await self._follow()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                logger.critical(log_line("feed-stopped", error=f"{type(error).__name__}: {error}"), exc_info=True)
            finally:
                await self._end()
            await asyncio.sleep(wait)
            wait = min(2 * wait, BEGIN_AGAIN_SECONDS_MAX)

    async def _begin(self) -> None:
        state = await self._read.everything()
        positions = Positions(
            state.positions.get(self._topics.results_partition(), 0),
            tuple(state.positions.get(each, 0) for each in self._topics.subtotals_partitions()),
        )
        hub = Hub(
            self._definition,
            SUBTOTALS_PARTITIONS,
            heartbeat_s=self._settings.live_heartbeat_s,
            generation=self._settings.generation,
            subscriptions_of_party=self._settings.live_clients_per_address * SUBSCRIPTIONS_PER_CONNECTION,
        )
        hub.begin(positions, state.tallies, state.office_tallies, state.result_watermarks, state.block_watermarks)
        self._consumer = consumer = plain_consumer(self._settings)
        await consumer.start()
        next_offsets = {self._topics.results_partition(): positions.results}
        next_offsets.update(zip(self._topics.subtotals_partitions(), positions.subtotals, strict=True))
        consumer.assign(list(next_offsets))
        for partition, offset in next_offsets.items():
            consumer.seek(partition, offset)
        self.show(hub)
        logger.info(log_line("feed-begins", results=positions.results, subtotals=sum(positions.subtotals)))

    def show(self, hub: Hub) -> None:
        """Serve clients from this hub from now on."""
        self.hub = hub
        self._has_begun.set()

    async def _follow(self) -> None:
        hub, consumer = self.hub, self._consumer
        assert hub is not None
        assert consumer is not None
        opener = Opener(
            self._seals,
            self._definition.election,
            self._settings.generation,
            [office.id for office in self._definition.ballots.offices],
            consumer,
            self.aside,
        )
        while True:
            batches = await consumer.getmany(timeout_ms=POLL_MS)
            if not batches:
                hub.flush()
                continue
            with at_rest(consumer):
                await self._apply(hub, opener, batches)
                hub.flush()
                await asyncio.sleep(self._settings.live_tick_ms / 1000)

    async def _apply(self, hub: Hub, opener: Opener, batches: Mapping[TopicPartition, Sequence[Any]]) -> None:
        believed = await opener.believed(message for messages in batches.values() for message in messages)
        until = time.perf_counter() + APPLY_SECONDS
        for message in believed:
            if time.perf_counter() > until:
                await asyncio.sleep(0)
                until = time.perf_counter() + APPLY_SECONDS
            if message.topic == self._topics.results:
                hub.apply_result(message.offset, message.value)
            else:
                hub.apply_block(message.partition, message.offset, message.value)
        for partition, messages in batches.items():
            hub.pass_over(-1 if partition.topic == self._topics.results else partition.partition, messages[-1].offset)

    async def _end(self) -> None:
        self.hub = None
        self._has_begun.clear()
        self.end_clients()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(Exception):
                await stop_consumer(consumer)

    async def beat(self) -> None:
        while True:
            await asyncio.sleep(self._settings.live_heartbeat_s)
            if self.hub is not None:
                self.hub.heartbeat()

    # -- admitting clients -----------------------------------------------------------------------------------------

    def party(self, scope: Scope) -> str:
        """The party that a connection counts against."""
        return self._proxies.client_of(scope)

    def admit(self, party: str) -> Hub:
        """Take a slot for one more client, which `end` gives back. Raises NotAdmittedError."""
        if self.hub is None:
            raise NotAdmittedError("the feed is beginning; connect again in a moment", 1)
        if (refusal := self._slots.refusal(party)) is not None:
            raise NotAdmittedError(f"no room on the live feed of this process: {refusal}", FULL_SECONDS)
        self._slots.take(party)
        return self.hub

    async def admit_at_rate(self, party: str) -> Hub:
        """As `admit`, for a party that connects no more often than all slots of an address together in BURST_SECONDS. Other
        parties wait for their refusal. Raises NotAdmittedError."""
        if not self._connects.take(party):
            await asyncio.sleep(REFUSED_AFTER_SECONDS)
            raise NotAdmittedError("your address connects to the live feed too often", FULL_SECONDS)
        return self.admit(party)

    async def admit_soon(self, party: str) -> Hub:
        """As `admit_at_rate`, after waiting for a feed that is just beginning. Raises NotAdmittedError."""
        with suppress(TimeoutError):
            async with asyncio.timeout(HOLD_SECONDS_MAX):
                await self._has_begun.wait()
        return await self.admit_at_rate(party)

    def end(self, hub: Hub, subscriber: Subscriber) -> None:
        """Remove a client that has gone."""
        hub.leave(subscriber)
        self._slots.give_back(subscriber.party)

    # -- serving clients -------------------------------------------------------------------------------------------

    async def next_frame(self, subscriber: Subscriber) -> Frame | None:
        """The next frame to send, or None. A frame that must be rendered first waits for the turn of its party."""
        if not subscriber.has_work:
            frame = subscriber.take()
        else:
            async with self._turns.turn(subscriber.party):
                frame = subscriber.take()
        if frame is not None and frame.gap is not None:
            metrics.LIVE_GAPS.labels(frame.gap).inc()
        return frame

    async def serve_socket(self, socket: WebSocket) -> None:
        connection: Connection | None = socket.scope.get(CONNECTION)
        party = self.party(socket.scope)
        await socket.accept()
        try:
            hub = await self.admit_at_rate(party)
        except NotAdmittedError as error:
            with suppress(WebSocketDisconnect, WebSocketDisconnected, OSError):
                await socket.close(CLOSE_TRY_LATER, error.sentence)
            return
        if connection is not None:
            connection.has_no_end()
        ready = asyncio.Event()
        subscriber = hub.join(ready.set, party)
        reading = asyncio.create_task(self._read_commands(socket, hub, subscriber))
        writing = asyncio.create_task(self._write_frames(socket, subscriber, ready))
        self._connections |= {reading, writing}
        try:
            done, _ = await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task.cancelled():
                    await socket.close(CLOSE_RESTART, "the feed begins anew; connect again with your cursor")
                elif isinstance(failure := task.exception(), TimeoutError):
                    metrics.LIVE_CLIENTS_DROPPED.inc()
                    if connection is not None:
                        connection.cut_off()
                elif failure is not None:
                    raise failure
        except (WebSocketDisconnect, WebSocketDisconnected, OSError):
            pass  # closed already
        finally:
            for task in (reading, writing):
                task.cancel()
                self._connections.discard(task)
            self.end(hub, subscriber)

    async def _read_commands(self, socket: WebSocket, hub: Hub, subscriber: Subscriber) -> None:
        commands = mistakes = 0
        window_ends = asyncio.get_running_loop().time()
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            now = asyncio.get_running_loop().time()
            if now > window_ends:
                commands, window_ends = 0, now + self._settings.live_heartbeat_s
            commands += 1
            try:
                if commands > COMMANDS_MAX:
                    sentence = f"more than {COMMANDS_MAX} messages in {self._settings.live_heartbeat_s} s"
                    raise CommandError(429, None, sentence)
                _follow_command(hub, subscriber, message.get("text"))
            except CommandError as error:
                hub.refuse(subscriber, error)
                mistakes += 1
            if commands > COMMANDS_MAX or mistakes > MISTAKES_MAX:
                await socket.close(CLOSE_POLICY, "too many messages that could not be followed")
                return
            if subscriber.unread_answers > UNREAD_ANSWERS_MAX:
                await socket.close(CLOSE_POLICY, f"more than {UNREAD_ANSWERS_MAX} answers wait to be read")
                return

    async def _write_frames(self, socket: WebSocket, subscriber: Subscriber, ready: asyncio.Event) -> None:
        while True:
            ready.clear()
            while (frame := await self.next_frame(subscriber)) is not None:
                async with asyncio.timeout(SEND_SECONDS_MAX):
                    await socket.send_text(frame.text)
            await ready.wait()

    async def frames(self, subscriber: Subscriber, ready: asyncio.Event) -> AsyncIterator[Frame | None]:
        """The frames of a subscriber of server-sent events as they come; None once a heartbeat in which there are none."""
        self._streams.add(ready)
        try:
            while ready in self._streams:
                ready.clear()
                while (frame := await self.next_frame(subscriber)) is not None:
                    yield frame
                try:
                    async with asyncio.timeout(self._settings.live_heartbeat_s):
                        await ready.wait()
                except TimeoutError:
                    yield None
        finally:
            self._streams.discard(ready)


class NotAdmittedError(ApiError):
    """The client cannot be served now. It may connect again after `after_s` seconds."""

    def __init__(self, sentence: str, after_s: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.after_s = after_s


def _follow_command(hub: Hub, subscriber: Subscriber, text: str | None) -> None:
    """Raises CommandError."""
    if text is None:
        raise CommandError(400, None, "a binary message; commands are JSON in text messages")
    with suppress(orjson.JSONDecodeError):  # validation below names what is not valid JSON
        if isinstance(fields := orjson.loads(text), dict) and len(fields) > COMMAND_FIELDS_MAX:
            raise CommandError(400, None, f"{len(fields):,} fields; a command has at most {COMMAND_FIELDS_MAX}")
    try:
        command = FROM_CLIENT.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"] if part not in ("subscribe", "unsubscribe"))
        raise CommandError(400, field or None, first["msg"]) from None
    try:
        if isinstance(command, Subscribe):
            hub.subscribe(subscriber, command)
        else:
            hub.unsubscribe(subscriber, command)
    except CommandError as error:
        error.id = command.id
        raise


@router.websocket("/live")
async def live_socket(socket: WebSocket) -> None:
    feed: LiveFeed = socket.app.state.live
    await feed.serve_socket(socket)


@router.get(
    "/live",
    summary="The live feed as server-sent events",
    responses={
        200: {
            "description": "The messages of `WS /v1/live` for one subscription, as server-sent events; `id` is the cursor.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **{status: PROBLEM_RESPONSES[status] for status in (404, 413, 422)},
    },
)
async def live_events(
    request: Request,
    office: Annotated[str, Query(pattern=CODE_PATTERN)],
    area: Annotated[str | None, Query(pattern=CODE_PATTERN, description="an area with its children")] = None,
    level: Annotated[str | None, Query(pattern=CODE_PATTERN, description="all areas of a level")] = None,
    stations: Annotated[bool, Query(description="also each change of a station in the area")] = False,
    cursor: Annotated[str | None, Query(max_length=CURSOR_CHARACTERS_MAX)] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """A snapshot of an area and its children (or of a level), then each change. A browser that reconnects by itself
    sends its last cursor (`Last-Event-ID`) and resumes there. The same over WebSocket, for several subscriptions at once:
    `WS /v1/live`, messages as in `/v1/schemas/live`."""
    feed: LiveFeed = request.app.state.live
    connection: Connection | None = request.scope.get(CONNECTION)
    if connection is not None and not connection.has_no_end():
        raise Problem(
            400, "Another request behind it", "The stream has no end, so what is asked behind it is never answered."
        )
    party = feed.party(request.scope)
    try:
        hub = await feed.admit_soon(party)
    except NotAdmittedError as error:
        return come_back(error.sentence, error.after_s * 1000)
    ready = asyncio.Event()
    subscriber = hub.join(ready.set, party)
    kept = last_event_id and last_event_id[:CURSOR_CHARACTERS_MAX]
    command = Subscribe(office=office, area=area, level=level, stations=stations, cursor=kept or cursor or None)
    try:
        hub.subscribe(subscriber, command, keeps_cursor=bool(kept))
    except CommandError as error:
        feed.end(hub, subscriber)
        if error.status == TOO_MANY:
            return come_back(error.sentence, FULL_SECONDS * 1000)
        raise Problem(error.status, "Cannot be subscribed to", error.sentence, field=error.field) from None

    async def chunks() -> AsyncIterator[bytes]:
        async for frame in feed.frames(subscriber, ready):
            if frame is None:
                yield b":\n\n"
                continue
            id = f"id: {frame.cursor}\n" if frame.cursor is not None else ""
            retry = f"retry: {RETRY_MS}\n" if frame.kind == "hello" else ""
            yield f"event: {frame.kind}\n{retry}{id}data: {frame.text}\n\n".encode()

    return EventStream(chunks(), ended=lambda: feed.end(hub, subscriber))


@router.get("/schemas/live", summary="JSON Schema of the live feed's messages", tags=["reference"])
async def live_schemas() -> dict[str, Any]:
    return {"from_client": FROM_CLIENT.json_schema(), "from_server": FROM_SERVER.json_schema()}
