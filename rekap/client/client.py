"""The typed client of a server, for asynchronous code: answers as models, the live feed, submissions, proofs.

Models are those of schemas/served/. Fields that this version does not know are left out, so that a client can read
the answers of a later version.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from typing import Any, NamedTuple, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from proofs.notes import NoteError
from rekap.client import live_feed, proof_files
from rekap.client.belief import ElectionName, NotBelievedError, believed, gateway_key
from rekap.client.sending import BATCH_BYTES, BATCH_LINES, Answer, post_batch
from rekap.client.server import Query, Server, in_path
from runtime.http_client import AwayError
from runtime.package.shape_sentences import first_sentence
from schemas.ledger.envelope import ENVELOPE, MalformedRecordError, open_envelope
from schemas.served.event_answers import EventLine, EventPage, EventSnapshot, SubmissionSnapshot
from schemas.served.profiles import PartyPage
from schemas.served.proof_file import ProofFile
from schemas.served.snapshots import AreaSnapshot, ContestSnapshot, ElectionSnapshot, OfficeSnapshot, StationSnapshot

Model = TypeVar("Model", bound=BaseModel)
PAGE_EVENTS = 500


class Submitted(NamedTuple):
    """What a gateway answered to one envelope."""

    event: str
    receipt: dict[str, Any] | None
    """The receipt, which a trusted key has signed for exactly this record; the event is in the ledger."""
    refusal: dict[str, Any] | None
    """The problem, which a trusted key has signed for exactly these bytes; sending them again changes nothing."""
    why: str
    """Why neither is there; the envelope can be sent again. Empty where one is."""


class Client(Server):
    """A server, with answers as models. Every method raises AwayError, and RefusedError where the server refuses."""

    async def election(self) -> ElectionSnapshot:
        return await self._model(ElectionSnapshot, "election")

    async def office(self, office: str, *, part: int | None = None) -> OfficeSnapshot:
        return await self._model(OfficeSnapshot, f"offices/{in_path(office)}", {"part": part})

    async def contest(self, contest: str) -> ContestSnapshot:
        return await self._model(ContestSnapshot, f"contests/{in_path(contest)}")

    async def area(self, area: str, *, office: str | None = None, part: int | None = None) -> AreaSnapshot:
        return await self._model(AreaSnapshot, f"areas/{in_path(area)}", {"office": office, "part": part})

    async def station(self, station: str, *, after: str | None = None) -> StationSnapshot:
        return await self._model(StationSnapshot, f"stations/{in_path(station)}", {"after": after})

    async def parties(self, *, cursor: str | None = None) -> PartyPage:
        return await self._model(PartyPage, "parties", {"cursor": cursor})

    async def event(self, partition: int, offset: int) -> EventSnapshot:
        return await self._model(EventSnapshot, f"events/{partition}/{offset}")

    async def submission(self, event: str) -> SubmissionSnapshot:
        return await self._model(SubmissionSnapshot, f"submissions/{in_path(event)}")

    async def events(self, most: int, **filters: str | int | None) -> AsyncIterator[EventLine]:
        """Events of the log's list, at most `most` of them, the newest first unless `order` is `oldest`. Filters are those of
        `GET /v1/events`."""
        cursor: str | None = None
        while most > 0:
            query: Query = {**filters, "limit": min(most, PAGE_EVENTS), "cursor": cursor}
            page = await self._model(EventPage, "events", query)
            for line in page.events:
                yield line
            most -= max(1, len(page.events))  # a page may be empty, and a list of such pages ends too
            if (cursor := page.next) is None:
                return

    def follow(self, office: str, **wish: Any) -> AsyncGenerator[dict[str, Any]]:
        """The messages of a subscription, over broken connections (rekap/client/live_feed.py, `follow`)."""
        return live_feed.follow(self.url, office=office, **wish)

    async def gateway(self) -> tuple[ElectionName, bytes]:
        """Election and public key of the gateway that answers. Compare the key with what the election authority publishes."""
        try:
            return gateway_key(str((await self.answer("gateway"))["gateway_key"]))
        except (KeyError, NoteError) as error:
            raise AwayError(f"{self.url} is not a gateway: {error}", was_odd=True) from None

    async def submit(self, envelopes: Sequence[bytes], keys: Collection[bytes]) -> list[Submitted]:
        """Send envelopes once, in batches, and check each receipt by the trusted public keys of gateways. Sending an envelope
        again is harmless, because it is the same event. Raises ValueError for what is not an envelope, and TooLargeError."""
        named = [_named(envelope) for envelope in envelopes]
        found: list[Submitted] = []
        for batch in _batches(envelopes):
            answers = await post_batch(self._client, self.url, batch)
            for envelope, answer in zip(batch, answers, strict=True):
                election, event = named[len(found)]
                found.append(_checked(answer, envelope, event, election, keys))
        return found

    async def proof(self, subject: str) -> ProofFile:
        """The proof file of a station or an event (rekap/client/proof_files.py). Raises also NotProvedError, ProofFileError."""
        return await proof_files.fetch(self, subject)

    async def _model(self, model: type[Model], path: str, query: Query | None = None) -> Model:
        answer = await self.answer(path, query)
        try:
            return model.model_validate(answer, extra="ignore")
        except ValidationError as error:
            raise AwayError(
                f"{self.url}/v1/{path} answers in another way than this version expects ({first_sentence(error)})",
                was_odd=True,
            ) from None


def _named(envelope: bytes) -> tuple[ElectionName, str]:
    """Election and event id of an envelope. Raises ValueError."""
    try:
        opened = open_envelope(ENVELOPE.validate_json(envelope))
        event = orjson.loads(opened.payload)
        return ElectionName(str(event["mode"]), str(event["election"])), opened.event_id.hex()
    except ValidationError as error:
        raise ValueError(f"not an envelope: {first_sentence(error)}") from None
    except MalformedRecordError as error:
        raise ValueError(f"not an envelope: {error}") from None
    except (KeyError, TypeError, orjson.JSONDecodeError):
        raise ValueError("not an envelope of an event: its payload names no mode and election") from None


def _batches(envelopes: Sequence[bytes]) -> list[list[bytes]]:
    batches: list[list[bytes]] = []
    size = 0
    for envelope in envelopes:
        size += len(envelope) + 1
        if not batches or size > BATCH_BYTES or len(batches[-1]) == BATCH_LINES:
            batches.append([])
            size = len(envelope) + 1
        batches[-1].append(envelope)
    return batches


def _checked(answer: Answer, envelope: bytes, event: str, election: ElectionName, keys: Collection[bytes]) -> Submitted:
    try:
        given = believed(answer, envelope, event, election, keys)
    except NotBelievedError as error:
        return Submitted(event, None, None, str(error))
    return Submitted(event, given, None, "") if answer.receipt is not None else Submitted(event, None, given, "")
