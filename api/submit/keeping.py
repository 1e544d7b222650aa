"""Steps 7 and 8 of the gateway (gateway.py): is this event in the ledger? If not, append it, and wait until Kafka has it."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson
from aiokafka.errors import KafkaError

from api.limits.refusals import Refusals
from api.problems import BUG, Problem
from api.submit.answers import (
    Answer,
    AnswerSigner,
    SignedReceipt,
    as_duplicate,
    busy,
    log_failed_submission,
    with_warnings,
)
from api.submit.checks import TITLE_OF_STATUS, CheckedSubmission
from api.submit.forewarning import Forewarning
from api.submit.ledger_reader import LedgerReader
from api.submit.ledger_writer import LedgerWriter
from api.submit.look_ups import LookUps
from api.submit.slices import Slices
from projections.definition.compiled import Definition
from projections.definition.tree import partition_of
from projections.station.submissions import ResultState
from runtime.error_words import in_words
from runtime.kafka.topics import topics_of
from runtime.logs import log_line
from runtime.settings import Settings
from schemas.ledger.envelope import ledger_record, open_record
from schemas.ledger.events import (
    AnnulmentWithdrawn,
    ElectionOpened,
    FinanceReported,
    ResultAnnulled,
    ResultReviewed,
)
from schemas.ledger.reports import Report
from schemas.times import text_of_microseconds, time_text

logger = logging.getLogger("rekap.gateway")

RECEIPTS_KEPT = 200_000
"""Receipts remembered to answer a retry at once; an older one is found in the read model and read from the ledger."""
IN_FLIGHT_MAX = 5_000
"""Submissions that may wait for Kafka at once. Others are refused for now: at 1,000/s and the usual 5 ms there are 5."""
IN_FLIGHT_OF_BATCHES_MAX = 4_000
"""Share of these for lines of batches. The rest is free for single submissions, however many batches wait."""
UNKNOWN = "unknown"
"""Text in a receipt whose record does not state when, or at which gateway, it was received."""


Soon = Callable[[Callable[[], None]], None]
"""Does a short piece of work now or soon."""


def now(work: Callable[[], None]) -> None:
    work()


@dataclass(slots=True)
class _Keeping:
    """A submission on its way into the ledger."""

    checked: CheckedSubmission
    ends: float
    """Deadline of the answer, by the loop's clock."""
    partition: int = -1
    record: bytes = b""
    received_at: str = ""
    result: asyncio.Future[SignedReceipt | int] | asyncio.Future[int] | None = None
    """The receipt of an event that was in the ledger already, or the offset of the record that was appended."""
    answered: Callable[[Answer], None] | None = None
    """Function that a single submission's answer is given to; None for a line of a batch."""


class Keeper:
    """One event loop owns it."""

    def __init__(
        self, settings: Settings, definition: Definition, pool: Any, signer: AnswerSigner, refusals: Refusals
    ) -> None:
        self._settings = settings
        self._definition = definition
        self._signer = signer
        self._refusals = refusals
        self.look_ups = LookUps(pool)
        ledger = topics_of(definition.election).ledger
        self._writer = LedgerWriter(settings, ledger, definition.partitions)
        self._reader = LedgerReader(settings, ledger, definition.partitions)
        self._receipts: OrderedDict[str, SignedReceipt] = OrderedDict()
        self._under_way: dict[str, asyncio.Future[Answer]] = {}
        """Answer that a submission under way will get, by event id."""
        self._highest_seq: dict[str, int] = {}
        """Highest number that this gateway has seen, by key. An event with a higher number is new and needs no look-up."""
        self._singles: dict[int, _Keeping] = {}
        """Single submissions that wait for the ledger, in the order in which they came."""
        self._deadline: asyncio.TimerHandle | None = None
        """Timer of the first single submission that waits. A timer for each would cost more than reading a form."""
        self._forewarning = Forewarning()

    async def start(self) -> None:
        await self._writer.start()
        await self._reader.start()

    async def stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        await self._writer.stop()
        await self._reader.stop()

    def keep_one(self, checked: CheckedSubmission, answered: Callable[[Answer], None], soon: Soon) -> None:
        """Call `answered` with the answer to a single submission: now, once the ledger has it, or within `kafka_wait_ms` with
        the refusal that it could not be kept."""
        admitted = self._admit(checked, IN_FLIGHT_MAX)
        if isinstance(admitted, asyncio.Future):
            admitted.add_done_callback(lambda other: answered(_as_another(other.result())))
        elif admitted is not None:
            answered(admitted)
        else:
            try:
                keeping = self._begin(checked, is_batch=False)
            except Exception:  # a bug, after which others with the same event would wait for ever
                self._end(checked, BUG)
                raise
            assert keeping.result is not None
            keeping.answered = answered
            self._singles[id(keeping)] = keeping
            # Kafka confirms many records at once, and to sign their receipts takes 0.05 ms each.
            keeping.result.add_done_callback(lambda _: soon(lambda: self._end_single(keeping)))
            if self._deadline is None:
                self._deadline = asyncio.get_running_loop().call_at(keeping.ends, self._end_late)

    def _end_single(self, keeping: _Keeping) -> None:
        if self._singles.pop(id(keeping), None) is None:
            return  # it was answered at its deadline
        try:
            answer = self._answer(keeping)
        except Exception as error:
            log_failed_submission(error)
            answer = BUG
        self._end(keeping.checked, answer)
        assert keeping.answered is not None
        keeping.answered(answer)

    def _end_late(self) -> None:
        """Answer the single submissions whose deadline is over. All have the same time, so the deadlines are in their order."""
        self._deadline = None
        loop = asyncio.get_running_loop()
        while self._singles:
            keeping = next(iter(self._singles.values()))
            assert keeping.result is not None
            if keeping.ends > loop.time():
                self._deadline = loop.call_at(keeping.ends, self._end_late)
                break
            self._end_single(keeping)
            keeping.result.cancel()

    async def keep(self, submissions: Mapping[int, CheckedSubmission]) -> dict[int, Answer]:
        """Answer the lines of a batch once the ledger has them, or within `kafka_wait_ms` with the refusal that they could not
        be kept. The numbers are the caller's."""
        answers: dict[int, Answer] = {}
        own: dict[int, CheckedSubmission] = {}
        others: dict[int, asyncio.Future[Answer]] = {}
        for number, checked in submissions.items():
            admitted = self._admit(checked, IN_FLIGHT_OF_BATCHES_MAX)
            if isinstance(admitted, asyncio.Future):
                others[number] = admitted
            elif admitted is not None:
                answers[number] = admitted
            else:
                own[number] = checked
        if own:
            answers |= zip(own, await self._keep_own(list(own.values())), strict=True)
        for number, other in others.items():
            answers[number] = _as_another(await asyncio.shield(other))
        return answers

    def _admit(self, checked: CheckedSubmission, in_flight_max: int) -> Answer | asyncio.Future[Answer] | None:
        """The answer of a submission that is known or refused, or the future of the submission under way with the same event.
        None where there is neither: from then to the answer, other submissions of the same event wait for this one."""
        known = self._receipts.get(checked.submission)
        if known is not None:
            return as_duplicate(known)
        under_way = self._under_way.get(checked.submission)
        if under_way is not None:
            return under_way
        if len(self._under_way) >= in_flight_max:
            self._refusals.add("in-flight", f"{in_flight_max} submissions are waiting for the ledger")
            return busy("Too many submissions are waiting for the ledger.")
        self._under_way[checked.submission] = asyncio.get_running_loop().create_future()
        return None

    def _end(self, checked: CheckedSubmission, answer: Answer) -> None:
        self._under_way.pop(checked.submission).set_result(answer)

    async def _keep_own(self, submissions: Sequence[CheckedSubmission]) -> list[Answer]:
        """Answer these lines by one deadline, which includes the time that they wait for their turn."""
        all_keeping: list[_Keeping] = []
        answers: list[Answer] = []
        slices = Slices()
        try:
            for checked in submissions:
                all_keeping.append(self._begin(checked, is_batch=True))
                await slices.pause()
            waited_for = [each.result for each in all_keeping if each.result is not None]
            await asyncio.wait(waited_for, timeout=self._settings.kafka_wait_ms / 1000)
            for keeping in all_keeping:
                answers.append(self._answer(keeping))
                await slices.pause()
            return answers
        finally:
            for keeping in all_keeping:
                if keeping.result is not None:
                    keeping.result.cancel()
            for number, checked in enumerate(submissions):
                self._end(checked, answers[number] if number < len(answers) else busy("The ledger did not answer."))

    def _begin(self, checked: CheckedSubmission, *, is_batch: bool) -> _Keeping:
        """Begin to look up or append a submission. An event that is surely new is appended without a look-up and without a
        task."""
        loop = asyncio.get_running_loop()
        keeping = _Keeping(checked, loop.time() + self._settings.kafka_wait_ms / 1000)
        event = checked.event
        is_new = event.seq > self._highest_seq.get(checked.key_id, event.seq)
        if (
            is_new
            and self._reader.is_open
            and self._forewarning.one_too_many(checked.key_id, event) is None
            and not isinstance(event, ElectionOpened)
        ):
            keeping.result = self._append(keeping, is_batch=is_batch)
        else:
            keeping.result = loop.create_task(self._find_or_append(keeping, is_batch=is_batch))
        return keeping

    async def _find_or_append(self, keeping: _Keeping, *, is_batch: bool) -> SignedReceipt | int:
        """Raises Problem, and what Kafka raises."""
        checked = keeping.checked
        # 7. Is this event in the ledger? Then the same receipt again.
        highest = self._highest_seq.get(checked.key_id)
        if highest is None or checked.event.seq <= highest:
            found = await self._find(checked.submission)
            if found is not None:
                return found
        if (finding := self._forewarning.one_too_many(checked.key_id, checked.event)) is not None:
            raise Problem(
                422,
                TITLE_OF_STATUS[422],
                finding.sentence_en,
                field="station",
                rule=finding.rule,
                detail_id=finding.sentence_id,
            )
        if not await self._reader.look_whether_open():
            raise busy("The election has not been opened yet.")
        if isinstance(checked.event, ElectionOpened):
            raise Problem(409, "Already open", "This election has been opened; its genesis is at offset 0.")
        return await self._append(keeping, is_batch=is_batch)

    async def _find(self, submission: str) -> SignedReceipt | None:
        """Look an event up in the read model and make its receipt from the record in the ledger. While the read model cannot
        be reached, a retry may become a second record, which the fold counts once."""
        try:
            records = await self.look_ups.records(submission)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            logger.warning(log_line("look-up-failed", error=in_words(error)))
            return None
        # The id hashes the payload alone: a refused record with this payload and a wrong signature is another submission.
        found = next((each for each in records if each["state"] != ResultState.REFUSED), None)
        if found is None:
            return None
        partition, offset = found["partition"], found["offset"]
        value = await self._reader.read(partition, offset)
        # The record may have been written past the gateways, with anything in the fields that only gateways write, and the
        # receipt is signed.
        gateway, received_us = orjson.loads(value).get("gateway"), open_record(value).received_us
        received_at = text_of_microseconds(received_us) if received_us else UNKNOWN
        known = gateway if isinstance(gateway, str) else UNKNOWN
        return self._signer.receipt(submission, partition, offset, value, received_at, known)

    def _append(self, keeping: _Keeping, *, is_batch: bool) -> asyncio.Future[int]:
        """8. Begin to append. Once the future has an offset, Kafka has the record (acks=all) and a crash loses nothing."""
        event, definition = keeping.checked.event, self._definition
        if isinstance(event, FinanceReported):
            keeping.partition, area = partition_of(event.area, definition.partitions), event.area
        else:
            assert isinstance(event, (Report, ResultReviewed, ResultAnnulled, AnnulmentWithdrawn))
            station = definition.stations.number[event.station]
            keeping.partition, area = definition.stations.partition(station), definition.stations.shard_code(station)
        keeping.received_at = time_text(datetime.now(UTC))
        keeping.record = ledger_record(keeping.checked.body, self._settings.gateway, keeping.received_at)
        return self._writer.append(keeping.partition, area.encode(), keeping.record, is_batch=is_batch)

    def _answer(self, keeping: _Keeping) -> Answer:
        """The answer from what has become of a submission until now."""
        checked, result = keeping.checked, keeping.result
        assert result is not None
        error = result.exception() if result.done() else TimeoutError()
        if isinstance(error, Problem):
            return error.bare()
        if isinstance(error, (KafkaError, TimeoutError)):
            logger.warning(log_line("ledger-unavailable", error=in_words(error)))
            return busy("The ledger did not confirm the record in time; send it again, it will count once.")
        kept = result.result()
        if isinstance(kept, SignedReceipt):
            self._remember(kept)
            return as_duplicate(kept)
        self._highest_seq[checked.key_id] = max(checked.event.seq, self._highest_seq.get(checked.key_id, -1))
        receipt = self._signer.receipt(
            checked.submission, keeping.partition, kept, keeping.record, keeping.received_at, self._settings.gateway
        )
        receipt = with_warnings(receipt, self._forewarning.taken(checked.key_id, checked.event, checked.submission))
        self._remember(receipt)
        return receipt

    def _remember(self, receipt: SignedReceipt) -> None:
        self._receipts[receipt.submission] = receipt
        if len(self._receipts) > RECEIPTS_KEPT:
            self._receipts.popitem(last=False)


def _as_another(answer: Answer) -> Answer:
    """The answer to another submission of the same event."""
    return as_duplicate(answer) if isinstance(answer, SignedReceipt) else answer
