"""GET: the records of the log as a list, each with what became of it; one record with its bytes; the schemas of events.

Lists come from the history in the read model, which has an index for each filter. The bytes of a record come from the files
of the log, so that what is shown is byte for byte what `/v1/proof` proves, and readers from outside need no Kafka.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BeforeValidator

from api.answers.kept_answers import Key, Kind
from api.described import BYTES, described, described_as
from api.problems import Problem
from api.read.log import Offset, Partition, PublicLogs
from api.read.snapshots import snapshots_of
from projections.readmodel.event_queries import EventFilters
from schemas.codes import CODE_PATTERN, KEY_ID_PATTERN
from schemas.definition.package import PARTITIONS_MAX
from schemas.ledger.events import EVENT_TYPES
from schemas.served.cursors import cursor_text, cursor_values
from schemas.served.event_answers import EventPage, EventSnapshot
from schemas.served.reference import event_schemas
from schemas.times import microseconds_since_1970

EVENTS_PAGE_MAX = 500
"""An event of the list has about 700 bytes, so a full page is 350 kB and takes the database about 20 ms."""
_LISTED_TYPES = (*EVENT_TYPES, "unreadable")

router = APIRouter(prefix="/v1", tags=["events"])

Order = Literal["newest", "oldest"]

_TIME_WITH_SPACE = re.compile(r"(\d{4}-\d\d-\d\d[Tt][\d:.]+) (\d\d:?\d\d)")
"""A time whose `+` has become a space. In a query a `+` means a space. So a time with `+07:00` that was not written `%2B07:00`
arrives with a space, and a space in a time can have been nothing else."""


def _with_its_plus(value: object) -> object:
    found = _TIME_WITH_SPACE.fullmatch(value) if isinstance(value, str) else None
    return value if found is None else f"{found[1]}+{found[2]}"


Time = Annotated[AwareDatetime, BeforeValidator(_with_its_plus)]


@router.get("/events", responses=described(EventPage), summary="The log, event by event")
async def events(
    request: Request,
    area: Annotated[str | None, Query(pattern=CODE_PATTERN, description="about this area, or any below it")] = None,
    station: Annotated[str | None, Query(pattern=CODE_PATTERN, description="about this station")] = None,
    contest: Annotated[str | None, Query(pattern=CODE_PATTERN, description="about this contest")] = None,
    type_: Annotated[
        str | None, Query(alias="type", description="of this type", json_schema_extra={"enum": list(_LISTED_TYPES)})
    ] = None,
    author: Annotated[str | None, Query(pattern=KEY_ID_PATTERN, description="signed by this key (its id)")] = None,
    from_: Annotated[Time | None, Query(alias="from", description="received at this time or later")] = None,
    to: Annotated[Time | None, Query(description="received before this time")] = None,
    order: Annotated[Order, Query(description="by the time of receipt")] = "newest",
    limit: Annotated[int, Query(ge=1, le=EVENTS_PAGE_MAX, description="most events of the page")] = 100,
    cursor: Annotated[str | None, Query(max_length=200, description="`next` of the page before")] = None,
) -> Response:
    """Counted, held, refused or repeated: nothing is left out. By time of receipt, then partition and offset; times are
    the gateways', so a record may be listed before one that was listed earlier. A reader that must not miss any reads the
    log's files. With a rare filter a page may have few events, or none, although more follow; then `next` is not null."""
    snapshots = snapshots_of(request)
    if type_ is not None and type_ not in _LISTED_TYPES:
        raise Problem(422, "No such type", f"Expected one of {', '.join(_LISTED_TYPES)}; got {type_!r}.", field="type")
    number = None if area is None else snapshots.area(area)
    if station is not None:
        snapshots.station(station)
    if contest is not None:
        snapshots.contest(contest)
    filters = EventFilters(
        station=station,
        contest=contest,
        type=type_,
        key=author,
        from_us=microseconds(from_),
        to_us=microseconds(to),
        after=None if cursor is None else _read_cursor(cursor, order),
    )

    async def work() -> dict[str, Any]:
        page, after = await snapshots.read.events(filters, area=number, newest_first=order == "newest", limit=limit)
        return {"order": order, "events": page, "next": None if after is None else cursor_text([order, *after])}

    return await snapshots.answer(request, _key(area, filters, order, limit), work)


@router.get("/events/{partition}/{offset}", responses=described(EventSnapshot), summary="One event, whole")
async def event(request: Request, partition: Partition, offset: Offset) -> Response:
    """The record as it is in the log, its contents, and what became of it."""
    snapshots = snapshots_of(request)

    async def work() -> dict[str, Any]:
        entry = await asyncio.to_thread(_logs_of(request).entry, partition, offset)
        found = await snapshots.read.event(partition, offset)
        if found is None:
            raise Problem(
                404,
                "Not counted yet",
                f"Offset {offset} of partition {partition} is in the log and on its way to the count.",
                field="offset",
            )
        return {**found, "record": orjson.Fragment(entry) if _is_object(entry) else None}

    return await snapshots.answer(request, (Kind.STATION, "event", partition, offset), work)


@router.get(
    "/events/{partition}/{offset}/entry",
    summary="One event as it is in the log",
    response_class=Response,
    responses=described_as("The bytes of the leaf.", {"application/octet-stream": BYTES}, (404, 422, 503)),
)
async def entry(request: Request, partition: Partition, offset: Offset) -> Response:
    """The SHA-256 of a zero byte and these bytes is the leaf hash (RFC 6962)."""
    found = await asyncio.to_thread(_logs_of(request).entry, partition, offset)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Accept-Ranges": "bytes"}
    return Response(found, headers=headers, media_type="application/octet-stream")


@router.get("/schemas/events", summary="JSON Schema of every event", tags=["reference"])
async def schemas_of_events() -> dict[str, Any]:
    return event_schemas()


def _logs_of(request: Request) -> PublicLogs:
    logs: PublicLogs = request.app.state.logs
    return logs


def _key(area: str | None, filters: EventFilters, order: Order, limit: int) -> Key:
    after = filters.after or (None, None, None)
    asked = (filters.station, filters.contest, filters.type, filters.key, filters.from_us, filters.to_us)
    return (Kind.PAGE, "events", area, order, limit, *asked, *after)


def microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else microseconds_since_1970(moment)


def _is_object(entry: bytes) -> bool:
    try:
        return isinstance(orjson.loads(entry), dict)
    except ValueError:
        return False


def _read_cursor(cursor: str, order: Order) -> tuple[int, int, int]:
    """Raises Problem."""
    match cursor_values(cursor):
        case [str(other), int(received_us), int(partition), int(offset)] if (
            other == order and abs(received_us) < 2**62 and 0 <= partition < PARTITIONS_MAX and 0 <= offset < 2**62
        ):
            return received_us, partition, offset
        case ["newest" | "oldest" as other, *_] if other != order:
            raise Problem(422, "No such cursor", f"The cursor is of the order {other!r}.", field="cursor")
    raise Problem(422, "No such cursor", "The cursor is not one of this list.", field="cursor")
