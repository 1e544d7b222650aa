"""The tabulator: ledger records in, blocks and keyframes of `subtotals` out.

For each assigned partition it folds from offset 0, or from a state that it kept (projections/fold/state.py), silently up
to where the group had committed (those blocks are out), then speaks with a keyframe, then tells blocks. So start is
recovery, and a rebuild is a start without a committed offset. For each batch, in this order:

    1. read records, and have signatures checked (signature_checks.py), but for those remembered (proofs/checked_signatures.py);
       where more is waiting, those of the next batch meanwhile
    2. fold (projections/fold/tabulation.py decides everything)
    3. send the blocks; the next batch is folded meanwhile
    4. wait until Kafka has them (acks=all), then commit the ledger offsets    before this line a crash tells blocks again

Readers skip what is told again by its watermark (schemas/derived/blocks.py). A state is written aside from time to time; it is
used only where no more went into it than was told, and where the ledger still has the record that went in last.

A fold that raises has met a bug, and the worker stops (invariant 6). It leaves the reason beside the partition's committed
offset in Kafka, where /v1/health finds it, and where whoever gets the partition next reads it: that worker folds and tells
the partition up to the record, goes on with its other partitions, and tries the record again after `fold_retry_s`.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError

from consumers.tabulator.signature_checks import SignatureChecks
from consumers.tabulator.signature_process import Check
from projections.definition.compiled import Definition
from projections.fold.records import Record, read_record
from projections.fold.state import StateOf, UnfitStateError, decoded, encoded
from projections.fold.tabulation import PartitionFold
from projections.station.contest import ResultState
from proofs.checked_signatures import CheckedSignatures
from proofs.merkle import leaf_hash
from runtime import metrics
from runtime.files.state_files import FOLD_CODE, CheckedFiles, StateFiles, hash_of_code
from runtime.kafka.clients import ordered_producer, plain_consumer, stop_consumer
from runtime.kafka.groups import committed_offsets
from runtime.kafka.message_keys import MessageKeys
from runtime.kafka.seals import Seals
from runtime.kafka.set_aside import SetAside, believed_offsets
from runtime.kafka.topics import group_of, topics_of
from runtime.logs import log_line
from runtime.settings import Settings
from schemas.codes import OfficeId
from schemas.derived.blocks import Block
from schemas.derived.parts import TooManyPartsError

logger = logging.getLogger("rekap.tabulator")

COMMIT_MS = 250
"""Longest that a committed offset lags behind the blocks that are out. A restart tells that much again: at half this
value every fourth batch would wait for a commit, at double a restart repeats twice as many blocks."""
POLL_MS = 100
SESSION_MS = 6_000
"""After this a dead worker's partitions are another's: the least that Kafka allows by default."""
KEYFRAMES_PAUSE = 20
"""Between two rounds of keyframes, times what the last one took: so they take no more than a twentieth of the time. Those of a
nation whose three legislatures have candidates are 30 MB and take a second. At half, they take a tenth of the count's time for
ever; at double, a roll-up that missed a block is silent for 40 s."""
OF_ONE_MESSAGE = (MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError)
"""What Kafka's client and broker raise of a message, and not of all that is sent."""
ON_THE_WAY_BYTES_MAX = 32 * 1024 * 1024
"""Limit for blocks that wait for acknowledgement: the producer keeps them until then, to send them again."""
ON_THE_WAY_MAX = 200
"""Blocks that may wait for acknowledgement: some seconds of a busy night. With more, a Kafka that hangs is found later."""

FOLD_TURN_SECONDS = 0.05
"""A fold lets heartbeats, acknowledgements and metrics have their turn after this, whatever the records cost. At half, a batch
of 2,000 results is cut once more; at double, a metrics scrape or an acknowledgement waits as long as a whole batch takes."""
STATES_PAUSE_SECONDS = 2.0
"""After this the next state is written however little it adds. A nation in 12 partitions is 60 MB each: at half that is
60 MB/s for ever, at double a quiet night's restart folds twice as many records."""
STATES_AT_STOP_SECONDS = 5
"""For writing states before the process ends, or its partitions go to another: half of what a supervisor waits."""
REASON_CHARACTERS_MAX = 900
"""Limit for a reason left in Kafka, which takes 4,096 bytes by default, its seal and up to four bytes a character."""


class FoldError(Exception):
    """A bug or a wrong package met in a fold. The worker stops (invariant 6)."""

    def __init__(self, place: TopicPartition, offset: int, record: str, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        super().__init__(
            log_line("fold-stopped", partition=place.partition, offset=offset, record=record, error=reason)
        )
        self.place = place
        self.stop = Stop(offset, reason[:REASON_CHARACTERS_MAX])


class Stop(NamedTuple):
    """The record that a partition's fold stopped at, and why; kept as the metadata of its committed offset."""

    offset: int
    reason: str

    def as_metadata(self) -> str:
        return f"stopped at {self.offset}: {self.reason}"

    @classmethod
    def from_metadata(cls, text: str) -> Stop | None:
        found = re.match(r"stopped at (\d+): (.*)", text, re.DOTALL)
        return cls(int(found[1]), found[2]) if found else None


class _Folding:
    """A partition that this worker holds."""

    def __init__(
        self,
        fold: PartitionFold,
        checked: CheckedSignatures,
        committed: int,
        stop: Stop | None,
        last_leaf: bytes = b"",
    ) -> None:
        self.fold = fold
        self.checked = checked
        self.fold.is_silent = fold.next_offset < committed
        self.told_through = committed
        """Blocks of the records below this offset are out."""
        self.kept_through = fold.next_offset
        """Offset below which a state of the records is kept."""
        self.last_leaf = last_leaf
        """Of the record before those that are still to be folded, where the fold began from a state: until the ledger has
        shown that record, the state may be of another ledger."""
        self.has_spoken = False
        self.owes_keyframes = False
        """Whether its first keyframes are still to be sent."""
        self.without_keyframe: dict[OfficeId, str] = {}
        """Offices whose last keyframe could not be sent, and why."""
        self.stop = stop
        """Fold no further than this, until it is time to try again."""
        self.left_note = ""
        """What stands beside the committed offset, where health reads it."""

    def has_news_to_commit(self, offset: int) -> bool:
        """Whether the offset is further than the one committed, or is the same and there is something else to say beside it: on
        a partition where nothing new comes, the reason of a stop would stay for ever, or never be there."""
        return offset > self.told_through or (offset == self.told_through and self.note != self.left_note)

    @property
    def note(self) -> str:
        """What is left beside its committed offset."""
        if self.stop is not None:
            return self.stop.as_metadata()
        lines = [f"has no keyframe of office {office}: {why}" for office, why in sorted(self.without_keyframe.items())]
        return "; ".join(lines)[:REASON_CHARACTERS_MAX]

    def take_blocks(self) -> list[Block]:
        """What has changed; nothing where that is told already."""
        if self.fold.next_offset < self.told_through:
            self.fold.forget_changes()
            return []
        return self.fold.take_blocks()

    @property
    def not_kept(self) -> int:
        """Records folded since the last state."""
        return self.fold.next_offset - self.kept_through


class _Opened(NamedTuple):
    """Records of one partition that were read, and whose signatures are checked or being checked."""

    place: TopicPartition
    folding: _Folding
    messages: Sequence[Any]
    records: list[Record]
    asked: list[int]
    """Which of the records were asked about: their places here."""
    holds: list[bool]
    """What is known without asking."""
    answer: asyncio.Future[list[bytes]]


class Tabulator(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    def __init__(self, settings: Settings, definition: Definition) -> None:
        self._settings = settings
        self._definition = definition
        self._topics = topics_of(definition.election, settings.generation)
        self._group = group_of(definition.election, "tabulator", settings.generation)
        self._seals = Seals(settings.workers_key, definition.hash)
        self._aside = SetAside(metrics.TABULATOR_SET_ASIDE)
        self._folding: dict[int, _Folding] = {}
        self._committed: dict[TopicPartition, int] = {}
        """What stands committed of the partitions that this worker was given, where it was sealed."""
        self._checks = SignatureChecks(settings.check_processes)
        self._ahead: list[_Opened] = []
        """Opened records of the batch after the one that was folded last, where the ledger was ahead of the fold."""
        self._consumer: AIOKafkaConsumer = plain_consumer(
            settings,
            group_id=self._group,
            group_instance_id=settings.instance or None,
            session_timeout_ms=SESSION_MS,
        )
        self._producer: AIOKafkaProducer = ordered_producer(settings)
        self._message_keys = MessageKeys()
        self._on_the_way: dict[asyncio.Future[Any], tuple[Block, int]] = {}
        """What Kafka has not acknowledged yet: of which block, without its rows, and how many bytes."""
        self._uncommitted: dict[TopicPartition, int] = {}
        self._committed_at = time.monotonic()
        self._keyframes_due = time.monotonic() + settings.keyframe_ms / 1000
        election = definition.election
        name = f"{election.mode.value}.{election.id}"
        self._states = StateFiles(settings.state_directory / name / f"generation-{settings.generation}")
        self._rules = hash_of_code(*FOLD_CODE)
        self._checked_files = CheckedFiles(settings.state_directory / name / "checked")
        self._checked_with = f"{definition.hash} {hash_of_code('proofs.signatures', 'schemas.ledger.envelope')}"
        self._keeping: asyncio.Task[None] | None = None
        self._kept_at = time.monotonic()
        self._retry_at = float("inf")
        """When partitions that stopped are tried again."""
        self._committing = asyncio.Lock()
        self._rebalance_failed: Exception | None = None
        """aiokafka only logs what a listener raises, and would go on with partitions that nobody folds."""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. Raises FoldError, or what Kafka raises; the process then ends and is started again."""
        await self._producer.start()
        self._consumer.subscribe([self._topics.ledger], listener=self)
        await self._consumer.start()
        logger.info(log_line("started", ledger=self._topics.ledger, definition=self._definition.hash[:12]))
        try:
            while not stop.is_set():
                records = await self._step()
                if records < self._settings.batch_records:
                    # A block of one form costs everybody behind as much as a block of ten.
                    await asyncio.sleep(self._settings.gather_ms / 1000)
            await self._commit()
            await self._keep_states()
        except FoldError as error:
            await self._leave_reason(error)
            raise
        finally:
            if self._keeping is not None:
                await self._keeping
            await stop_consumer(self._consumer)
            await self._producer.stop()
            self._checks.close()

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        try:
            await self._commit()
            await self._keep_states()
        except Exception as error:
            self._rebalance_failed = error
        for each in revoked:
            self._folding.pop(each.partition, None)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        try:
            places = await committed_offsets(self._settings, self._group)
            # Of a place that no worker left, nothing is believed: its blocks are told again from the beginning.
            believed = believed_offsets(self._seals, self._group, places, self._aside)
            for each in assigned:
                if each.partition < self._definition.partitions:
                    await self._begin(each, *believed.get(each, (0, "")))
                else:
                    # The topic has been given more partitions than the election has: nobody may write there.
                    self._consumer.pause(each)
        except Exception as error:
            self._rebalance_failed = error

    async def _begin(self, place: TopicPartition, committed: int, metadata: str) -> None:
        stop = Stop.from_metadata(metadata)
        folding = await asyncio.to_thread(self._begun, place.partition, committed, stop)
        folding.left_note = metadata
        self._folding[place.partition] = folding
        self._committed[place] = committed
        # The last record that the state knows is read again: to see that it is of this ledger.
        self._consumer.seek(place, max(0, folding.fold.next_offset - 1))
        logger.info(
            log_line("assigned", partition=place.partition, committed=committed, state=folding.fold.next_offset)
        )
        if stop is not None:
            self._retry_at = time.monotonic() + self._settings.fold_retry_s
            logger.warning(log_line("held-back", partition=place.partition, offset=stop.offset, error=stop.reason))

    # -- states kept -----------------------------------------------------------------------------------------------

    def _begun(self, partition: int, committed: int, stop: Stop | None) -> _Folding:
        """From the newest state that fits and is told as a whole, or from the beginning."""
        at_most = committed if stop is None else min(committed, stop.offset)
        checked = CheckedSignatures(self._checked_with)
        if self._settings.state_records:
            checked = CheckedSignatures.from_bytes(self._checked_files.read(partition), self._checked_with)
            self._states.begin(partition)
            while (path := self._states.newest(partition, at_most=at_most)) is not None:
                try:
                    state = decoded(self._states.read(path), self._state_of(partition))
                except (UnfitStateError, OSError) as error:
                    logger.warning(log_line("state-thrown-away", partition=partition, file=path.name, reason=error))
                    path.unlink(missing_ok=True)
                    continue
                fold = PartitionFold.from_state(self._definition, partition, state)
                return _Folding(fold, checked, committed, stop, state.last_leaf)
        return _Folding(PartitionFold(self._definition, partition), checked, committed, stop)

    def _state_of(self, partition: int) -> StateOf:
        return StateOf(self._definition.hash, self._rules, partition)

    def _is_of_this_ledger(self, place: TopicPartition, folding: _Folding, messages: Sequence[Any]) -> bool:
        """Whether the first message is the last one that the state knows; where not, the partition begins again."""
        first = messages[0]
        if first.offset == folding.fold.next_offset - 1 and leaf_hash(first.value or b"") == folding.last_leaf:
            folding.last_leaf = b""
            return True
        reason = f"the ledger has another record at offset {folding.fold.next_offset - 1}"
        logger.warning(log_line("state-thrown-away", partition=place.partition, reason=reason))
        while (path := self._states.newest(place.partition, at_most=folding.fold.next_offset)) is not None:
            path.unlink(missing_ok=True)
        fold = PartitionFold(self._definition, place.partition)
        begun = _Folding(fold, folding.checked, folding.told_through, folding.stop)
        begun.left_note = folding.left_note
        self._folding[place.partition] = begun
        self._consumer.seek(place, 0)
        return False

    def _keep_a_state(self) -> None:
        """Begin to write one, beside the counting: of the partition with the most records since its last, as soon as these
        are `state_records`, and also where they are fewer after a pause."""
        if self._keeping is not None and self._keeping.done():
            self._keeping.result()
            self._keeping = None
            self._kept_at = time.monotonic()
        if self._settings.state_records and self._keeping is None and self._folding:
            folding = max(self._folding.values(), key=lambda each: each.not_kept)
            enough = self._settings.state_records if time.monotonic() - self._kept_at < STATES_PAUSE_SECONDS else 1
            if folding.not_kept >= enough:
                self._keeping = asyncio.create_task(self._keep_state(folding))

    async def _keep_states(self) -> None:
        """Keep the states of all partitions, as far as the time allows: their next worker begins from there."""
        if self._keeping is not None:
            await self._keeping
        deadline = time.monotonic() + STATES_AT_STOP_SECONDS
        for folding in list(self._folding.values()):
            if self._settings.state_records and folding.not_kept:
                if time.monotonic() > deadline:
                    logger.info(log_line("state-not-written", partition=folding.fold.partition, reason="no time left"))
                else:
                    await self._keep_state(folding)

    async def _keep_state(self, folding: _Folding) -> None:
        """A state that cannot be written costs time at the next start and nothing else."""
        partition, state = folding.fold.partition, folding.fold.state()
        folding.kept_through = state.next_offset
        checked = folding.checked.to_bytes()
        write = functools.partial(self._states.write, partition, state.next_offset)
        try:
            await asyncio.to_thread(self._checked_files.write, partition, checked)
            size = await asyncio.to_thread(write, encoded(state, self._state_of(partition)))
        except OSError as error:
            metrics.TABULATOR_STATES_KEPT.labels("failed").inc()
            logger.warning(log_line("state-not-written", partition=partition, reason=error))
            return
        metrics.TABULATOR_STATES_KEPT.labels("written").inc()
        metrics.TABULATOR_STATE_BYTES.labels(partition).set(size)

    # -- records in, blocks out ------------------------------------------------------------------------------------

    async def _step(self) -> int:
        """Gives how many records were read."""
        if self._rebalance_failed is not None:
            raise self._rebalance_failed
        opened = self._ahead or self._open(await self._read(POLL_MS))
        count = sum(len(each.records) for each in opened)
        # Behind, the next batch's signatures are checked while this one is folded.
        self._ahead = self._open(await self._read(0)) if count >= self._settings.batch_records else []
        blocks: list[Block] = []
        folded: dict[TopicPartition, int] = {}
        for each in opened:
            blocks += await self._fold(each, folded)
        now = time.monotonic()
        if now >= self._retry_at:
            self._retry()
        for folding in self._folding.values():
            if folding.has_spoken or folding.last_leaf:
                continue
            if folding.fold.next_offset >= max(folding.told_through, 1):
                folding.has_spoken = True
                folding.owes_keyframes = True
                logger.info(log_line("speaks", partition=folding.fold.partition, through=folding.fold.next_offset - 1))
        await self._send(blocks)
        # Not before: a rebalance may commit at any moment, and its reader would never be told what was only folded.
        self._uncommitted |= folded
        await self._send_keyframes(now)
        self._keep_a_state()
        if now - self._committed_at >= COMMIT_MS / 1000:
            await self._commit()
        return count

    async def _read(self, wait_ms: int) -> dict[TopicPartition, Sequence[Any]]:
        most = self._settings.batch_records
        batches: dict[TopicPartition, Sequence[Any]] = await self._consumer.getmany(
            timeout_ms=wait_ms, max_records=most
        )
        return batches

    def _measure(self, place: TopicPartition, messages: Sequence[Any]) -> None:
        metrics.TABULATOR_RECORDS.labels(place.partition).inc(len(messages))
        metrics.TABULATOR_BATCH.observe(len(messages))
        end = self._consumer.highwater(place)
        if end is not None:
            metrics.TABULATOR_LAG.labels(place.partition).set(max(0, end - messages[-1].offset - 1))
        # Kafka's time of the record: the gateway's clock, or whoever's wrote past it; it is a gauge and decides nothing.
        metrics.TABULATOR_LAG_SECONDS.labels(place.partition).set(max(0.0, time.time() - messages[-1].timestamp / 1000))

    def _before_stop(self, place: TopicPartition, stop: Stop, messages: Sequence[Any]) -> Sequence[Any]:
        """The messages before the one that stopped the fold; the partition rests there."""
        if messages[-1].offset >= stop.offset:
            self._consumer.pause(place)
            self._consumer.seek(place, stop.offset)
        return [message for message in messages if message.offset < stop.offset]

    def _retry(self) -> None:
        self._retry_at = float("inf")
        for partition, folding in self._folding.items():
            if folding.stop is not None:
                folding.stop = None
                self._consumer.resume(TopicPartition(self._topics.ledger, partition))
                logger.info(log_line("tried-again", partition=partition))

    async def _leave_reason(self, error: FoldError) -> None:
        """Beside the offset that is committed, which stays: what was folded since then is not out."""
        logger.critical(str(error))
        committed = self._committed.get(error.place, 0)
        try:
            await self._consumer.commit(
                {error.place: (committed, self._sealed(error.place, committed, error.stop.as_metadata()))}
            )
        except KafkaError as unreachable:
            logger.warning(log_line("reason-not-left", error=type(unreachable).__name__))

    def _open(self, batches: Mapping[TopicPartition, Sequence[Any]]) -> list[_Opened]:
        """Step 1, begun."""
        opened = []
        for place, messages in batches.items():
            folding = self._folding.get(place.partition)
            if folding is None:
                continue
            if folding.last_leaf:
                if not self._is_of_this_ledger(place, folding, messages):
                    continue
                messages = messages[1:]
            if folding.stop is not None and messages:
                messages = self._before_stop(place, folding.stop, messages)
            if messages:
                opened.append(self._open_records(place, folding, messages))
        return opened

    def _open_records(self, place: TopicPartition, folding: _Folding, messages: Sequence[Any]) -> _Opened:
        offset = messages[0].offset
        records, checks, asked = [], [], []
        try:
            for message in messages:
                offset = message.offset
                records.append(read_record(offset, message.value or b""))
        except Exception as error:
            raise FoldError(place, offset, "unread", error) from error
        holds = folding.checked.hold(records[0].offset, [record.leaf for record in records])
        metrics.TABULATOR_SIGNATURES.labels("remembered").inc(sum(holds))
        metrics.TABULATOR_SIGNATURES.labels("checked").inc(len(holds) - sum(holds))
        for number, (record, known) in enumerate(zip(records, holds, strict=True)):
            key = self._definition.keys.get(record.key_id)
            if not known and key is not None and record.event is not None:
                asked.append(number)
                checks.append(Check(key.public_key, record.signature, record.payload))
        return _Opened(place, folding, messages, records, asked, holds, self._checks.ask(checks))

    async def _fold(self, opened: _Opened, folded: dict[TopicPartition, int]) -> list[Block]:
        """Steps 1, ended, and 2. A batch is cut where silent folding ends. `folded` learns how far the partition is."""
        place, folding, records, holds = opened.place, opened.folding, opened.records, opened.holds
        try:
            answers = b"".join(await opened.answer)
        except Exception as error:
            raise FoldError(place, records[0].offset, "unchecked", error) from error
        if folding is not self._folding.get(place.partition):
            # Taken away since it was read; it begins anew where it is given back.
            return []
        for number, said in zip(opened.asked, answers, strict=True):
            holds[number] = bool(said)
        folding.checked.note(records[0].offset, [record.leaf for record in records], holds)
        blocks: list[Block] = []
        turn_ends = time.monotonic() + FOLD_TURN_SECONDS
        for record, signature_holds in zip(records, holds, strict=True):
            try:
                folding.fold.apply(record, signature_holds)
            except Exception as error:
                # It may have stopped half way: no state of it is kept.
                self._folding.pop(place.partition, None)
                raise FoldError(place, record.offset, record.event_id.hex(), error) from error
            if folding.fold.next_offset == folding.told_through:
                folding.fold.forget_changes()
                folding.fold.is_silent = False
            elif not folding.fold.is_silent:
                blocks += folding.fold.take_full_blocks()
            if time.monotonic() > turn_ends:
                blocks += folding.take_blocks()
                await asyncio.sleep(0)
                if folding is not self._folding.get(place.partition):
                    return []
                turn_ends = time.monotonic() + FOLD_TURN_SECONDS
        blocks += folding.take_blocks()
        folded[place] = folding.fold.next_offset
        self._measure(place, opened.messages)
        return blocks

    async def _send(self, blocks: list[Block]) -> None:
        """Step 3, begun: the next batch is folded while Kafka takes these; the producer keeps their order. Raises FoldError
        where Kafka takes none so large, since that is of one partition, and health must say which."""
        for block in blocks:
            try:
                await self._send_one(block)
            except OF_ONE_MESSAGE as error:
                raise self._refused(block, error) from error
            _measure_block(block)
        await self._wait_where_much_is_on_the_way()

    async def _send_one(self, block: Block) -> None:
        topic, partition = self._topics.subtotals_partition_of(block.office)
        for key, value in self._message_keys.messages(block):
            headers = self._seals.headers(topic, partition, key, value)
            sent = await self._producer.send(topic, value, key=key, partition=partition, headers=headers)
            self._on_the_way[sent] = (block._replace(areas=[], records=[], states=[], stations=[]), len(value))

    async def _wait_where_much_is_on_the_way(self) -> None:
        size = sum(size for _, size in self._on_the_way.values())
        if len(self._on_the_way) > ON_THE_WAY_MAX or size > ON_THE_WAY_BYTES_MAX:
            await self._acknowledged()

    def _refused(self, block: Block, error: Exception) -> FoldError:
        """No state of the partition is kept, and nothing of it is told any more, as after a fold that raised."""
        self._folding.pop(block.partition, None)
        place = TopicPartition(self._topics.ledger, block.partition)
        return FoldError(place, block.through, f"block of office {block.office}", error)

    async def _send_keyframes(self, now: float) -> None:
        """Send keyframes of the partitions that are due, one office at a time, so that no more of them is held in memory."""
        everywhere = now >= self._keyframes_due
        for folding in list(self._folding.values()):
            if not folding.owes_keyframes and not (everywhere and folding.has_spoken):
                continue
            folding.owes_keyframes = False
            for office in self._definition.offices:
                if folding is not self._folding.get(folding.fold.partition):
                    break  # taken away while the one before was sent
                await self._send_keyframe(folding, office.id)
        if everywhere:
            took = time.monotonic() - now
            self._keyframes_due = now + max(self._settings.keyframe_ms / 1000, KEYFRAMES_PAUSE * took)

    async def _send_keyframe(self, folding: _Folding, office: OfficeId) -> None:
        try:
            frame = folding.fold.keyframe(office)
            await self._send_one(frame)
        except (TooManyPartsError, AssertionError, ValueError, TypeError, *OF_ONE_MESSAGE) as error:
            self._without_keyframe(folding, office, error)
        else:
            if folding.without_keyframe.pop(office, None) is not None:
                self._leave_note(folding)
            _measure_block(frame)
        await self._wait_where_much_is_on_the_way()

    def _without_keyframe(self, folding: _Folding, office: OfficeId, error: Exception) -> None:
        """One that cannot be made or sent leaves a gap of that office as it is, and stops nothing else."""
        reason = f"{type(error).__name__}: {error}"[:REASON_CHARACTERS_MAX]
        if folding.without_keyframe.get(office) != reason:
            logger.critical(log_line("keyframe-stopped", partition=folding.fold.partition, office=office, error=reason))
            folding.without_keyframe[office] = reason
            self._leave_note(folding)

    def _leave_note(self, folding: _Folding) -> None:
        """With the next commit, where health finds it."""
        place = TopicPartition(self._topics.ledger, folding.fold.partition)
        self._uncommitted.setdefault(place, folding.fold.next_offset)

    async def _acknowledged(self) -> None:
        """Step 3, ended. Raises what Kafka raises. Blocks stay on the way while they are waited for: a rebalance may commit
        meanwhile, and waits for them too."""
        waiting = dict(self._on_the_way)
        if waiting:
            await asyncio.wait(waiting)
        for sent in waiting:
            self._on_the_way.pop(sent, None)
        for sent, (block, _) in waiting.items():
            error = sent.exception()
            folding = self._folding.get(block.partition)
            if isinstance(error, OF_ONE_MESSAGE) and block.kind == "block":
                raise self._refused(block, error) from error
            if isinstance(error, OF_ONE_MESSAGE):
                if folding is not None:
                    self._without_keyframe(folding, block.office, error)
            elif error is not None:
                raise error

    async def _commit(self) -> None:
        """Step 4: what is in `_uncommitted` is folded, and its blocks are on the way or acknowledged."""
        async with self._committing:
            # While these blocks are waited for, the next batch may be folded and sent: its turn comes with its blocks'.
            uncommitted, self._uncommitted = self._uncommitted, {}
            await self._acknowledged()
            self._committed_at = time.monotonic()
            notes = {
                place: self._folding[place.partition].note
                for place, offset in uncommitted.items()
                if place.partition in self._folding and self._folding[place.partition].has_news_to_commit(offset)
            }
            ready = {
                place: (uncommitted[place], self._sealed(place, uncommitted[place], note))
                for place, note in notes.items()
            }
            if ready:
                await self._consumer.commit(ready)
                self._committed |= {place: offset for place, (offset, _) in ready.items()}
                for place in ready:
                    if (folding := self._folding.get(place.partition)) is not None:
                        folding.left_note = notes[place]

    def _sealed(self, place: TopicPartition, offset: int, note: str) -> str:
        return self._seals.place(self._group, place.topic, place.partition, offset, note)


def _measure_block(block: Block) -> None:
    metrics.TABULATOR_BLOCKS.labels(block.kind).inc()
    for state, count in Counter(row["state"] for row in block.states).items():
        metrics.TABULATOR_STATES.labels(state).inc(count)
    for row in block.states:
        if row["state"] == ResultState.REFUSED:
            for finding in row["findings"]:
                metrics.TABULATOR_REFUSED.labels(finding["rule"]).inc()


async def run(settings: Settings, definition: Definition, stop: asyncio.Event) -> None:
    await Tabulator(settings, definition).run(stop)
