"""The gateway: signed submissions in, receipts out. The order of the checks is the order of the numbers:

    1. size      413      bounded before anything is read
    2. shape     422      JSON, DSSE envelope, canonical payload, event
    3. election  422      election, mode, definition, kind of event
    4. key       401/403  known key, role
    5. signature 401
    6. place     422/403  station, contest and choices known; scope of the key
    7. known     200      this event is in the ledger: the same receipt again
    8. ledger    201      Kafka has it (acks=all): after this line a crash loses nothing

Nothing is answered with success before 8, and nothing is kept in memory only.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import APIRouter, Request, Response
from pydantic import TypeAdapter, ValidationError

from api.limits.client_address import NOBODY
from api.limits.limits import PARTY, Limits
from api.problems import PROBLEM_RESPONSES, Problem
from api.read.parameters import check_parameters
from api.submit.forewarning import Forewarning
from api.submit.ledger_writer import LedgerWriter
from api.submit.look_ups import LookUps
from api.submit.slices import FairTurns, Slices
from projections.definition.compiled import Definition
from projections.fold.authority import Refusal, check_election, check_key, check_place
from projections.station.contest import ResultState
from proofs.merkle import leaf_hash
from proofs.notes import ED25519, Note, Signature, VerifierKey
from proofs.signatures import load_public_key, verify
from runtime import metrics
from runtime.files.key_files import load_or_make_key_file
from runtime.kafka.clients import plain_consumer, stop_consumer
from runtime.kafka.topics import topics_of
from runtime.logs import log_line
from runtime.settings import Settings
from schemas.canonical import canonical_event
from schemas.findings import Finding
from schemas.ledger.envelope import (
    ENVELOPE,
    ENVELOPE_BYTES_MAX,
    Envelope,
    MalformedRecordError,
    Opened,
    Receipt,
    Warned,
    check_names,
    ledger_record,
    moment_of,
    open_envelope,
    open_record,
)
from schemas.ledger.events import (
    LEDGER_EVENT,
    AnnulmentWithdrawn,
    AnyEvent,
    ElectionOpened,
    ResultAnnulled,
    ResultReported,
    ResultReviewed,
)
from schemas.ledger.forms import Tally
from schemas.served.logs import FINAL_STATUSES, gateway_name, receipt_text, refusal_text

logger = logging.getLogger("rekap.gateway")

TABLES = ("votes", "party_totals", "words")
"""The members of a form that have an entry for each choice."""
TABLE: TypeAdapter[Tally] = TypeAdapter(Tally)

BATCH_LINES_MAX = 1_000
LINE_ENDS_MAX = 2 * BATCH_LINES_MAX
"""Empty lines are not counted as lines, up to as many."""
BATCH_BYTES_MAX = 16 * 1024 * 1024
MISTAKES_SHOWN_MAX = 20
"""Limit for one submission. With more, the sender has another problem than each of them."""
RECEIPTS_KEPT = 200_000
"""Receipts remembered to answer a retry at once; an older one is found in the read model and read from the ledger."""
IN_FLIGHT_MAX = 5_000
"""Submissions that may wait for Kafka at once. More are told to come back: at 1,000/s and the usual 5 ms there are 5."""
IN_FLIGHT_OF_BATCHES_MAX = 4_000
"""Share of these for lines of batches: the rest is there for single submissions, whatever batches wait."""
MISTAKE_COST = 9
"""What a submission that is refused costs its address besides. A wrong signature takes us as long as a right one, and who has
the keys makes few mistakes: at 500 a second, an address may be wrong 50 times a second. At half, wrong ones of one address
take a tenth of the loop; at double, one office with a wrong key shuts out those who share its address."""
PIECE_ENTRIES = 64
"""Entries of a table of votes that are judged at once, where a form is wrong."""
MEMBERS_MAX = 64
"""Members of any other object of an event, and of any list: the schema has 24 names, and 50 images."""
RETRY_AFTER_S = 2
UNKNOWN = "unknown"
"""In a receipt, where the record does not say when, or at which gateway, it came."""

_FIELD_OF_RULE = {"Q1": "seq", "Q2": "prev", "V5": "version", "V6": "supersedes"}
_STATUS_OF_RULE = {"K1": 401, "K2": 401, "K3": 403, "K4": 403}
_TITLE_OF_STATUS = {401: "Not signed by a registered key", 403: "Not allowed to this key", 422: "Submission refused"}


@dataclass(slots=True)
class _LetIn:
    """A submission that has passed the checks 2 to 6."""

    event: AnyEvent
    submission: str
    """The event's id."""
    key_id: str
    body: bytes
    partition: int = -1
    """This and what follows are of the record that was made of it for step 8."""
    record: bytes = b""
    received_at: str = ""


_Keeping = asyncio.Future[Receipt | int] | asyncio.Future[int]
"""Gives the receipt of an event that was in the ledger already, or the offset of one that is there now."""


class Gateway:
    """The checks at the door, and the way to the ledger."""

    def __init__(self, settings: Settings, definition: Definition, pool: Any, limits: Limits) -> None:
        self._settings = settings
        self._limits = limits
        self._turns = FairTurns()
        self._definition = definition
        self.look_ups = LookUps(pool)
        self._ledger = topics_of(definition.election).ledger
        self._keys: dict[str, Ed25519PublicKey] = {
            key_id: load_public_key(key.public_key) for key_id, key in definition.keys.items()
        }
        self._writer = LedgerWriter(settings, self._ledger, definition.partitions)
        self._reader: AIOKafkaConsumer = plain_consumer(settings)
        self._reading = asyncio.Lock()
        self._receipts: OrderedDict[str, Receipt] = OrderedDict()
        self._under_way: dict[str, asyncio.Future[Receipt | Problem]] = {}
        self._highest_seq: dict[str, int] = {}
        """Highest number by key, as this gateway has seen it: an event with a higher number is new, and needs no look-up."""
        self._forewarning = Forewarning()
        self._is_open = False
        self._name = gateway_name(definition.election, settings.gateway)
        self._key = load_or_make_key_file(settings.gateway_key)
        self._key_hash = self.verifier_key.key_hash

    @property
    def verifier_key(self) -> VerifierKey:
        """The key of this gateway's receipts."""
        return VerifierKey(self._name, ED25519, self._key.public_key().public_bytes_raw())

    async def start(self) -> None:
        await self._writer.start()
        await self._reader.start()
        # Assigned once and paused: aiokafka can hang for ever when it is stopped just after another assignment.
        places = [TopicPartition(self._ledger, partition) for partition in range(self._definition.partitions)]
        self._reader.assign(places)
        self._reader.pause(*places)

    async def stop(self) -> None:
        await self._writer.stop()
        await stop_consumer(self._reader)

    @asynccontextmanager
    async def held_body(self, request: Request, limit: int, *, is_batch: bool = False) -> AsyncIterator[bytes]:
        """Step 1: the body, read no further than the limit, and not at all where too much is held. Raises Problem."""
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            raise _too_large(int(declared), limit)
        party, held = request.scope.get(PARTY, NOBODY), self._limits.bodies
        body = bytearray()
        line_ends = 0
        try:
            async for chunk in request.stream():
                # Before 16 MiB of line ends have been read, which is 16 million lines.
                line_ends += chunk.count(b"\n") if is_batch else 0
                if line_ends > LINE_ENDS_MAX:
                    raise _too_many_lines(line_ends)
                if len(body) + len(chunk) > limit:
                    raise _too_large(len(body) + len(chunk), limit)
                if (full := held.lacks_room(party, len(chunk), is_batch=is_batch)) is not None:
                    raise self._no_room(party, len(chunk), full)
                held.take(party, len(chunk), is_batch=is_batch)
                body += chunk
            yield bytes(body)
        finally:
            held.give_back(party, len(body), is_batch=is_batch)

    def charge_batch(self, party: str, lines: int) -> None:
        """Take what its lines cost before they are judged; the request has paid for the first. Raises Problem."""
        submissions = self._limits.submissions
        if lines > 1 and not submissions.take(party, lines - 1):
            raise submissions.refusal(party, "Your address", lines - 1)

    def _no_room(self, party: str, count: int, full: str) -> Problem:
        if self._limits.bodies.is_party_full(party, count):
            metrics.HTTP_REFUSED.labels("bodies-of-address").inc()
            return Problem(429, "Too much at once", f"{full.capitalize()}.", retry_after_s=RETRY_AFTER_S)
        self._limits.refusals.add("bodies", full)
        return _busy(f"{full.capitalize()}.")

    async def submit(self, bodies: Sequence[bytes], party: str, *, is_batch: bool = False) -> list[Receipt | Problem]:
        """Check and keep envelopes, each for itself, or say within `kafka_wait_ms` that one could not be kept."""
        if not is_batch:
            return await self._submit(bodies, party, is_batch=False)
        try:
            async with self._turns.of_party(party):
                return await self._submit(bodies, party, is_batch=True)
        except TimeoutError:
            sentence = "A batch from your address is still under way: send one after the other."
            raise Problem(429, "Too much at once", sentence, retry_after_s=RETRY_AFTER_S) from None

    async def _submit(self, bodies: Sequence[bytes], party: str, *, is_batch: bool) -> list[Receipt | Problem]:
        answers: dict[int, Receipt | Problem] = {}
        all_let_in: dict[int, _LetIn] = {}
        slices = Slices()
        async with self._turns.of_all() if is_batch else nullcontext():
            for place, body in enumerate(bodies):
                judged = self._judge(body, party)
                if isinstance(judged, Problem):
                    answers[place] = judged
                else:
                    all_let_in[place] = judged
                await slices.pause()
        in_flight_max = IN_FLIGHT_OF_BATCHES_MAX if is_batch else IN_FLIGHT_MAX
        own: dict[int, _LetIn] = {}
        others: dict[int, asyncio.Future[Receipt | Problem]] = {}
        for place, let_in in all_let_in.items():
            known = self._receipts.get(let_in.submission)
            under_way = self._under_way.get(let_in.submission)
            if known is not None:
                answers[place] = _as_duplicate(known)
            elif under_way is not None:
                others[place] = under_way
            elif len(self._under_way) >= in_flight_max:
                self._limits.refusals.add("in-flight", f"{in_flight_max} submissions are waiting for the ledger")
                answers[place] = _busy("Too many submissions are waiting for the ledger.")
            else:
                # From here to the answer whoever brings the same event waits for this one.
                self._under_way[let_in.submission] = asyncio.get_running_loop().create_future()
                own[place] = let_in
        if own:
            answers |= zip(own, await self._keep(list(own.values()), is_batch=is_batch), strict=True)
        for place, other in others.items():
            answer = await asyncio.shield(other)
            answers[place] = _as_duplicate(answer) if isinstance(answer, Receipt) else answer
        in_order = []
        for place, body in enumerate(bodies):
            in_order.append(self._with_signature(body, answers[place]))
            await slices.pause()
        _count(in_order)
        return in_order

    async def _keep(self, all_let_in: Sequence[_LetIn], *, is_batch: bool) -> list[Receipt | Problem]:
        """Steps 7 and 8, with one deadline for all that they wait for, also for their turn."""
        keeping: list[_Keeping] = []
        answers: list[Receipt | Problem] = []
        slices = Slices()
        try:
            for let_in in all_let_in:
                keeping.append(self._begin_to_keep(let_in, is_batch=is_batch))
                await slices.pause()
            await asyncio.wait(keeping, timeout=self._settings.kafka_wait_ms / 1000)
            for let_in, each in zip(all_let_in, keeping, strict=True):
                answers.append(self._kept(let_in, each))
                await slices.pause()
            return answers
        finally:
            for each in keeping:
                each.cancel()
            for place, let_in in enumerate(all_let_in):
                under_way = self._under_way.pop(let_in.submission)
                under_way.set_result(answers[place] if place < len(answers) else _busy("The ledger did not answer."))

    def _begin_to_keep(self, let_in: _LetIn, *, is_batch: bool) -> _Keeping:
        event = let_in.event
        is_new = event.seq > self._highest_seq.get(let_in.key_id, event.seq)
        if (
            self._forewarning.one_too_many(let_in.key_id, event) is None
            and is_new
            and self._is_open
            and not isinstance(event, ElectionOpened)
        ):
            return self._append(let_in, is_batch=is_batch)
        return asyncio.create_task(self._find_or_append(let_in, is_batch=is_batch))

    def _kept(self, let_in: _LetIn, keeping: _Keeping) -> Receipt | Problem:
        """What became of it until now."""
        error = keeping.exception() if keeping.done() else TimeoutError()
        if isinstance(error, Problem):
            return error.with_traceback(None)
        if isinstance(error, (KafkaError, TimeoutError)):
            logger.warning(log_line("ledger-unavailable", error=type(error).__name__))
            return _busy("The ledger did not confirm the record in time; send it again, it will count once.")
        kept = keeping.result()
        if isinstance(kept, Receipt):
            self._remember(kept)
            return _as_duplicate(kept)
        self._highest_seq[let_in.key_id] = max(let_in.event.seq, self._highest_seq.get(let_in.key_id, -1))
        name = self._settings.gateway
        receipt = self._receipt(let_in.submission, let_in.partition, kept, let_in.record, let_in.received_at, name)
        findings = self._forewarning.taken(let_in.key_id, let_in.event, let_in.submission)
        if findings:
            receipt = receipt.model_copy(update={"warnings": [_warned(finding) for finding in findings]})
        self._remember(receipt)
        return receipt

    def _judge(self, body: bytes, party: str) -> _LetIn | Problem:
        """Steps 1 to 6, and what they cost the party and the key."""
        submissions, of_key = self._limits.submissions, self._limits.submissions_of_key
        if submissions.owes(party):
            return submissions.refusal(party, "Your address")
        try:
            let_in = self._let_in(body)
        except Problem as problem:
            submissions.charge(party, MISTAKE_COST)
            # Its traceback holds the frame of who called, and that the answers: they would stay until the collector comes.
            return problem.with_traceback(None)
        # Only now: else anybody could use up what somebody else's key may send.
        if not of_key.take(let_in.key_id):
            return of_key.refusal(let_in.key_id, f"Key {let_in.key_id}")
        return let_in

    def _let_in(self, body: bytes) -> _LetIn:
        """Steps 1 to 6. Raises Problem."""
        if len(body) > ENVELOPE_BYTES_MAX:
            raise _too_large(len(body), ENVELOPE_BYTES_MAX)
        opened = _open(body)
        event = _read_event(opened.payload)
        key_id, signature = opened.signatures[0]
        key = self._definition.keys.get(key_id)
        _refuse(check_election(event, self._definition) or check_key(event, key, key_id, self._definition))
        if not verify(self._keys[key_id], signature, opened.payload):
            raise Problem(
                401,
                _TITLE_OF_STATUS[401],
                "The signature does not fit the payload: it must be Ed25519 over the DSSE pre-authentication encoding.",
                field="signatures.0.sig",
                rule="K2",
            )
        assert key is not None
        _refuse(check_place(event, key, self._definition))
        if isinstance(event, ResultReported):
            self._check_choices(event)
        return _LetIn(event, opened.event_id.hex(), key_id, body)

    def _check_choices(self, event: ResultReported) -> None:
        contest = self._definition.contests[self._definition.contest_number[event.contest]]
        unknown = sorted(event.form.votes.keys() - contest.choice_index.keys())
        if unknown:
            raise Problem(
                422,
                _TITLE_OF_STATUS[422],
                f"Choice {unknown[0]} is not on the ballot of contest {event.contest}.",
                field=f"form.votes.{unknown[0]}",
                rule="C1",
            )

    async def _find_or_append(self, let_in: _LetIn, *, is_batch: bool) -> Receipt | int:
        """Steps 7 and 8. Raises Problem, and what Kafka raises."""
        highest = self._highest_seq.get(let_in.key_id)
        if highest is None or let_in.event.seq <= highest:
            found = await self._find(let_in.submission)
            if found is not None:
                return found
        if (finding := self._forewarning.one_too_many(let_in.key_id, let_in.event)) is not None:
            raise Problem(
                422,
                _TITLE_OF_STATUS[422],
                finding.sentence_en,
                field="station",
                rule=finding.rule,
                detail_id=finding.sentence_id,
            )
        await self._check_open()
        if isinstance(let_in.event, ElectionOpened):
            raise Problem(409, "Already open", "This election has been opened; its genesis stands at offset 0.")
        return await self._append(let_in, is_batch=is_batch)

    async def _find(self, submission: str) -> Receipt | None:
        """Look an event up in the read model and take its receipt from the ledger. Without the read model a retry may
        become a second record, which the fold counts once."""
        try:
            places = await self.look_ups.places(submission)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            logger.warning(log_line("look-up-failed", error=type(error).__name__))
            return None
        # The id is of the payload alone: a record with these words and a wrong signature stands refused, and is not this.
        place = next((each for each in places if each["state"] != ResultState.REFUSED), None)
        if place is None:
            return None
        partition, offset = place["partition"], place["offset"]
        value = await self._read(partition, offset)
        # It may have come past the gateways, with anything or nothing in their fields, and its receipt is signed.
        gateway, received_us = orjson.loads(value).get("gateway"), open_record(value).received_us
        received_at = moment_of(received_us) if received_us else UNKNOWN
        known = gateway if isinstance(gateway, str) else UNKNOWN
        return self._receipt(submission, partition, offset, value, received_at, known)

    def _with_signature(self, body: bytes, answer: Receipt | Problem) -> Receipt | Problem:
        """A final refusal signed by this gateway, so that an outbox can tell it from what a proxy on the way made up."""
        if isinstance(answer, Receipt) or answer.status not in FINAL_STATUSES:
            return answer
        text = refusal_text(self._definition.election.id, body, answer.body)
        return answer.saying(signed=self._signed_note(text))

    def _signed_note(self, text: str) -> str:
        signature = Signature(self._name, self._key_hash, self._key.sign(text.encode()))
        return Note(text, (signature,)).to_bytes().decode()

    def _receipt(
        self, submission: str, partition: int, offset: int, record: bytes, received_at: str, gateway: str
    ) -> Receipt:
        leaf = leaf_hash(record).hex()
        text = receipt_text(self._definition.election.id, submission, partition, offset, leaf, received_at)
        return Receipt(
            submission=submission,
            partition=partition,
            offset=offset,
            leaf_hash=leaf,
            received_at=received_at,
            gateway=gateway,
            signed=self._signed_note(text),
        )

    async def _read(self, partition: int, offset: int) -> bytes:
        place = TopicPartition(self._ledger, partition)
        async with self._reading:
            self._reader.seek(place, offset)
            self._reader.resume(place)
            try:
                message = await self._reader.getone(place)
            finally:
                self._reader.pause(place)
            return bytes(message.value)

    def _append(self, let_in: _LetIn, *, is_batch: bool) -> asyncio.Future[int]:
        """Step 8, begun."""
        event, definition = let_in.event, self._definition
        assert isinstance(event, (ResultReported, ResultReviewed, ResultAnnulled, AnnulmentWithdrawn))
        station = definition.station_number[event.station]
        let_in.partition = definition.partition_of_station(station)
        let_in.received_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        let_in.record = ledger_record(let_in.body, self._settings.gateway, let_in.received_at)
        key = definition.shard_code_of_station(station).encode()
        return self._writer.append(let_in.partition, key, let_in.record, is_batch=is_batch)

    async def _check_open(self) -> None:
        if self._is_open:
            return
        places = [TopicPartition(self._ledger, partition) for partition in range(self._definition.partitions)]
        async with self._reading:
            if self._is_open:  # whoever had the turn before has seen it
                return
            ends = await self._reader.end_offsets(places)
            if min(ends.values()) < 1:
                raise _busy("The election has not been opened yet.")
            self._is_open = True

    def _remember(self, receipt: Receipt) -> None:
        self._receipts[receipt.submission] = receipt
        if len(self._receipts) > RECEIPTS_KEPT:
            self._receipts.popitem(last=False)


def _count(answers: Iterable[Receipt | Problem]) -> None:
    for answer in answers:
        metrics.GATEWAY_ANSWERS.labels(_status(answer)).inc()
        rule = answer.body.get("rule") if isinstance(answer, Problem) else None
        if rule is not None:
            metrics.GATEWAY_REFUSED.labels(rule).inc()


def _status(answer: Receipt | Problem) -> int:
    if isinstance(answer, Problem):
        return answer.status
    return 200 if answer.duplicate else 201


def _as_duplicate(receipt: Receipt) -> Receipt:
    return receipt.model_copy(update={"duplicate": True})


def _open(body: bytes) -> Opened:
    try:
        return open_envelope(_envelope(body))
    except MalformedRecordError as error:
        field, _, reason = str(error).partition(": ")
        raise Problem(422, "Not a DSSE envelope", f"{field}: {reason}.", field=field) from None


def _envelope(body: bytes) -> Envelope:
    try:
        envelope = orjson.loads(body)
        _check_breadth(envelope, "body")
        _check_breadth(envelope.get("signatures") if isinstance(envelope, dict) else None, "signatures")
        check_names(body)
        return ENVELOPE.validate_python(envelope)
    except ValidationError as error:
        raise _shape_problem("Not a DSSE envelope", error) from None
    except (ValueError, RecursionError) as error:
        raise Problem(422, "Not JSON", f"The body is not JSON: {error}.", field="") from None


def _read_event(payload: bytes) -> AnyEvent:
    try:
        members = orjson.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Problem(422, "Not JSON", f"The payload is not JSON: {error}.", field="payload") from None
    _look_for_mistakes(members)
    # Before the schema looks at it: of a key that is given a thousand times, it would name a thousand mistakes.
    if canonical_event(payload) is None:
        raise Problem(
            422,
            "Not canonical",
            "The payload must be canonical JSON (RFC 8785): keys sorted, no spaces, no key twice, no fractions.",
            field="payload",
        )
    try:
        return LEDGER_EVENT.validate_json(payload)
    except ValidationError as error:
        raise _shape_problem("Not an event", error) from None


def _look_for_mistakes(event: Any) -> None:
    """Raises Problem at the first mistakes of an event that may have thousands. The schema would list them all, at 3 µs each,
    and an envelope has room for 20,000: everybody else would wait meanwhile."""
    _check_breadth(event, "payload")
    form = event.get("form") if isinstance(event, dict) else None
    for name, member in event.items() if isinstance(event, dict) else ():
        _check_breadth(member, name)
    for name, member in form.items() if isinstance(form, dict) else ():
        if name not in TABLES or not isinstance(member, dict):
            _check_breadth(member, f"form.{name}")
            continue
        entries = list(member.items())
        for start in range(0, len(entries), PIECE_ENTRIES):
            try:
                TABLE.validate_python(dict(entries[start : start + PIECE_ENTRIES]))
            except ValidationError as error:
                raise _shape_problem("Not an event", error, f"form.{name}.") from None


def _check_breadth(value: Any, field: str) -> None:
    if isinstance(value, (dict, list)) and len(value) > MEMBERS_MAX:
        sentence = f"{field}: has {len(value)} members, and may have {MEMBERS_MAX} at most."
        raise Problem(422, "Not an event", sentence, field=field)


def _shape_problem(title: str, error: ValidationError, above: str = "") -> Problem:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    places = [
        (above + ".".join(str(part) for part in each["loc"] if "." not in str(part)), each["msg"])
        for each in found[:MISTAKES_SHOWN_MAX]
    ]
    return Problem(
        422,
        title,
        f"{places[0][0] or 'body'}: {places[0][1]}.",
        field=places[0][0],
        errors=[{"field": field, "detail": detail} for field, detail in places],
    )


def _warned(finding: Finding) -> Warned:
    return Warned(
        rule=finding.rule,
        field=_FIELD_OF_RULE[finding.rule],
        detail=finding.sentence_en,
        detail_id=finding.sentence_id,
    )


def _refuse(refusal: Refusal | None) -> None:
    if refusal is not None:
        status = _STATUS_OF_RULE.get(refusal.rule, 422)
        raise Problem(
            status,
            _TITLE_OF_STATUS[status],
            refusal.sentence_en,
            field=refusal.field,
            rule=refusal.rule,
            detail_id=refusal.sentence_id,
        )


def _too_large(got: int, limit: int) -> Problem:
    return Problem(413, "Too large", f"The body has {got} bytes; the limit is {limit}.", field="")


def _busy(detail: str) -> Problem:
    return Problem(503, "Try again", detail, retry_after_s=RETRY_AFTER_S)


router = APIRouter(prefix="/v1", tags=["submissions"])

_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: PROBLEM_RESPONSES[status] for status in (401, 403, 409, 413, 422, 503)
}
_ENVELOPE_SCHEMA = {"$ref": "#/components/schemas/Envelope", "$defs": {"Envelope": ENVELOPE.json_schema()}}
_ENVELOPE_BODY = {"content": {"application/json": {"schema": _ENVELOPE_SCHEMA}}, "required": True}


@router.post(
    "/submissions",
    status_code=201,
    response_model=Receipt,
    responses={**_REFUSALS, 200: {"model": Receipt, "description": "The event was in the ledger already."}},
    openapi_extra={"requestBody": _ENVELOPE_BODY},
    summary="Submit one signed event",
)
async def submit(request: Request) -> Response:
    """A DSSE envelope with an Ed25519 signature around one event in canonical JSON. Answered once the ledger has it."""
    gateway: Gateway = request.app.state.gateway
    check_parameters(request.query_params.multi_items(), ())  # api/door.py comes here past the app's dependency
    async with gateway.held_body(request, ENVELOPE_BYTES_MAX) as body:
        (answer,) = await gateway.submit([body], request.scope.get(PARTY, NOBODY))
    if isinstance(answer, Problem):
        return answer.response()
    return Response(answer.model_dump_json(exclude_none=True), _status(answer), media_type="application/json")


@router.post(
    "/submissions:batch",
    response_class=Response,
    responses={
        200: {"description": "An answer a line.", "content": {"application/x-ndjson": {"schema": {"type": "string"}}}},
        **{status: PROBLEM_RESPONSES[status] for status in (413, 422)},
    },
    openapi_extra={
        "requestBody": {
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
            "required": True,
            "description": f"One envelope a line, up to {BATCH_LINES_MAX} lines.",
        }
    },
    summary="Submit up to 1,000 signed events, one a line",
)
async def submit_batch(request: Request) -> Response:
    """Each line is judged by itself. The answer has one line for each, in the same order: `{"line", "status", "receipt"}`
    or `{"line", "status", "problem"}`."""
    gateway: Gateway = request.app.state.gateway
    async with gateway.held_body(request, BATCH_BYTES_MAX, is_batch=True) as body:
        lines = _lines(body)
        party = request.scope.get(PARTY, NOBODY)
        gateway.charge_batch(party, len(lines))
        answers = await gateway.submit(lines, party, is_batch=True)
    slices = Slices()
    told = []
    for number, answer in enumerate(answers, start=1):
        told.append(_line(number, answer))
        await slices.pause()
    return Response(b"".join(told), media_type="application/x-ndjson")


def _lines(body: bytes) -> list[bytes]:
    """Of a body with LINE_ENDS_MAX line ends at most. Raises Problem."""
    lines = [line for each in body.split(b"\n") if (line := each.strip())]
    if len(lines) > BATCH_LINES_MAX:
        raise _too_many_lines(len(lines))
    return lines


def _too_many_lines(count: int) -> Problem:
    return Problem(413, "Too many lines", f"A batch has up to {BATCH_LINES_MAX} lines, got {count} or more.", field="")


def _line(number: int, answer: Receipt | Problem) -> bytes:
    told: dict[str, Any] = {"line": number, "status": _status(answer)}
    if isinstance(answer, Problem):
        told["problem"] = answer.body
    else:
        told["receipt"] = orjson.Fragment(answer.model_dump_json(exclude_none=True))
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)
