"""The live feed over WebSocket and as server-sent events."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Header, Query, Request, Response, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketDisconnected

from api.described import problem_answers
from api.feed.admission import FULL_SECONDS, NotAdmittedError
from api.feed.asyncapi import asyncapi
from api.feed.event_stream import EventStream, StreamClient, come_back
from api.feed.hub.commands import CommandError
from api.feed.live import LiveFeed
from api.feed.long_poll import PollAnswer, PollClient
from api.feed.socket_client import CLOSE_TRY_LATER, SocketClient
from api.http.connection import CONNECTION, Connection, SocketConnection
from api.problems import Problem
from projections.definition.compiled import Definition
from schemas.codes import CODE_PATTERN
from schemas.served.close_frames import retry_reason
from schemas.served.feed_cursors import CURSOR_CHARACTERS_MAX
from schemas.served.live import FROM_CLIENT, FROM_SERVER, BulletinName, Fields, Follow, Subscribe

TOO_MANY = 429

router = APIRouter(prefix="/v1", tags=["live"])

OfficeQuery = Annotated[str, Query(pattern=CODE_PATTERN)]
AreaQuery = Annotated[str | None, Query(pattern=CODE_PATTERN, description="an area with its children")]
LevelQuery = Annotated[str | None, Query(pattern=CODE_PATTERN, description="all areas of a level")]
StationsQuery = Annotated[bool, Query(description="also each change of a station in the area")]
ChildrenQuery = Annotated[bool, Query(description="also the children of the area")]
FieldsQuery = Annotated[Fields, Query(description="what of each tally")]

HeldQuery = Annotated[bool, Query(description="also the held results of the area")]
DeltasQuery = Annotated[bool, Query(description="of each row only what changed in it")]
Bulletins = Literal[BulletinName, "all"]
BulletinsQuery = Annotated[Bulletins | None, Query(description="also these bulletins, as `follow` brings them")]


@router.websocket("/live")
async def live_socket(socket: WebSocket) -> None:
    feed: LiveFeed = socket.app.state.live
    connection: SocketConnection = socket.scope[CONNECTION]
    address = feed.admission.address(socket.scope)
    with suppress(WebSocketDisconnect, WebSocketDisconnected, OSError):
        await socket.accept()
        try:
            hub = await feed.admission.admit(address)
        except NotAdmittedError as error:
            await socket.close(CLOSE_TRY_LATER, retry_reason(error.after_s, error.sentence))
            return
        connection.has_no_end()
        SocketClient(feed.clients, hub, address, connection, feed.heartbeat_s)


@router.get(
    "/live",
    summary="The live feed as server-sent events",
    responses={
        200: {
            "description": "The messages of `WS /v1/live` for one subscription, and for bulletins, as server-sent events; "
            "`id` is the cursor.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **problem_answers(404, 413, 422),
    },
)
async def live_events(
    request: Request,
    office: OfficeQuery,
    area: AreaQuery = None,
    level: LevelQuery = None,
    stations: StationsQuery = False,
    children: ChildrenQuery = True,
    fields: FieldsQuery = "all",
    held: HeldQuery = False,
    deltas: DeltasQuery = False,
    bulletins: BulletinsQuery = None,
    cursor: Annotated[str | None, Query(max_length=CURSOR_CHARACTERS_MAX)] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """A snapshot of an area and its children (or of a level), then each change. A browser that reconnects by itself
    sends its last cursor (`Last-Event-ID`) and resumes there. The same over WebSocket, for several subscriptions at once:
    `WS /v1/live`, messages as in `/v1/schemas/live`."""
    feed: LiveFeed = request.app.state.live
    connection: Connection = request.scope[CONNECTION]
    if not connection.has_no_end():
        raise Problem(
            400, "Another request behind it", "The stream has no end, so what is asked behind it is never answered."
        )
    address = feed.admission.address(request.scope)
    try:
        hub = await feed.admission.admit_soon(address)
    except NotAdmittedError as error:
        return come_back(error.sentence, error.after_s)
    client = StreamClient(feed.clients, hub, address, connection)
    kept = last_event_id and last_event_id[:CURSOR_CHARACTERS_MAX]
    command = Subscribe(
        office=office,
        area=area,
        level=level,
        stations=stations,
        children=children,
        fields=fields,
        held=held,
        deltas=deltas,
        cursor=kept or cursor or None,
    )
    try:
        hub.subscribe(client.subscriber, command, keeps_cursor=bool(kept))
        for name in get_args(BulletinName):
            if bulletins in (name, "all"):
                hub.follow(client.subscriber, Follow(bulletin=name))
    except CommandError as error:
        client.has_gone()
        if error.status == TOO_MANY:
            return come_back(error.sentence, feed.admission.pace.come_back_s(FULL_SECONDS))
        raise Problem(error.status, "Cannot be subscribed to", error.sentence, field=error.field) from None
    return EventStream(client)


@router.get(
    "/changes",
    summary="What changed since a cursor, by long polling",
    responses={
        200: {
            "description": "`messages`: those of `WS /v1/live` for one subscription, as in `/v1/schemas/live`. Ask again "
            "with the `cursor` of the last message that has one.",
            "content": {"application/json": {"schema": {"type": "object", "required": ["messages"]}}},
        },
        **problem_answers(404, 413, 422, 503),
    },
)
async def changes(
    request: Request,
    office: OfficeQuery,
    area: AreaQuery = None,
    level: LevelQuery = None,
    stations: StationsQuery = False,
    children: ChildrenQuery = True,
    fields: FieldsQuery = "all",
    held: HeldQuery = False,
    since: Annotated[str | None, Query(max_length=CURSOR_CHARACTERS_MAX, description="a cursor of the feed")] = None,
) -> Response:
    """A snapshot, at once, without `since`. With `since`, what has changed after that cursor, as soon as something has; a
    heartbeat where nothing does. For clients that can hold neither a WebSocket nor an event stream open."""
    feed: LiveFeed = request.app.state.live
    address = feed.admission.address(request.scope)
    try:
        hub = await feed.admission.admit_soon(address)
    except NotAdmittedError as error:
        after_s = math.ceil(error.after_s)
        raise Problem(503, "No room on the live feed", error.sentence, retry_after_s=after_s) from None
    client = PollClient(feed.clients, hub, address)
    command = Subscribe(
        office=office,
        area=area,
        level=level,
        stations=stations,
        children=children,
        fields=fields,
        held=held,
        cursor=since or None,
    )
    try:
        hub.subscribe(client.subscriber, command, is_quiet=True)
    except CommandError as error:
        client.has_gone()
        field = "since" if error.field == "cursor" else error.field
        raise Problem(error.status, "Cannot be subscribed to", error.sentence, field=field) from None
    return PollAnswer(client)


@router.get("/schemas/live", summary="JSON Schema of the live feed's messages", tags=["reference"])
async def live_schemas() -> dict[str, Any]:
    return {"from_client": FROM_CLIENT.json_schema(), "from_server": FROM_SERVER.json_schema()}


@router.get("/schemas/asyncapi", summary="The live feed as an AsyncAPI 3 document", tags=["reference"])
async def asyncapi_document(request: Request) -> dict[str, Any]:
    definition: Definition = request.app.state.definition
    return asyncapi(definition.election.title.preferred("en"), definition.election.licence)
