"""A bug that one office meets stops that office alone, with its reason left behind, and the office begins again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError

from projections.fold.rollup import OfficeRollup
from runtime.kafka.seals import make_seal_keys
from runtime.settings import Settings
from schemas.codes import OfficeId
from schemas.derived.results import Result
from streams import rollup as shell
from streams.rollup import Publisher
from tests.support.ledger import MemoryLedger, fold
from tests.support.small_election import reported, small_package

PRESIDENT, COUNCIL = OfficeId("president"), OfficeId("council")


class FakeProducer:
    """Takes each result, unless one of the functions `refuses_…` gives an error for it."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.refuses_at_once: Callable[[Result], Exception | None] = lambda _: None
        self.refuses_later: Callable[[Result], Exception | None] = lambda _: None

    async def send(self, _: str, value: bytes, **__: Any) -> asyncio.Future[None]:
        result = Result.from_bytes(value)
        if (error := self.refuses_at_once(result)) is not None:
            raise error
        sent = asyncio.get_running_loop().create_future()
        if (error := self.refuses_later(result)) is not None:
            sent.set_exception(error)
        else:
            self.results.append(result)
            sent.set_result(None)
        return sent


class Worker:
    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ledger = MemoryLedger(small_package())
        self.now = 100.0
        self.left: dict[int, dict[str, str]] = {}
        self.producer = FakeProducer()
        make_seal_keys(tmp_path / "workers-key.txt")
        settings = replace(Settings(), generation=1, fold_retry_s=60, workers_key=tmp_path / "workers-key.txt")
        self.publisher = Publisher(settings, self.ledger.definition)
        self.publisher._producer = self.producer

        async def leave(_: Any, __: Any, ___: Any, partition: int, reasons: Mapping[str, str]) -> None:
            self.left[partition] = dict(reasons)

        monkeypatch.setattr(shell, "leave_stopped", leave)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def report(self, station: str, version: int = 1) -> None:
        self.ledger.append_as("officer", reported(station, version=version))
        council = {"votes": {"P1-0": 1, "P1-1": 2, "P2-0": 3, "P2-1": 4}, "VA": 10, "VB": 0, "VC": 10}
        self.ledger.append_as("officer", reported(station, version=version, contest="council-a") | {"form": council})

    async def round(self) -> None:
        """All that tabulators publish about the ledger, from the beginning; then the roll-up publishes."""
        for partition in range(self.ledger.definition.partitions):
            folded, blocks = fold(self.ledger, partition)
            for block in [*blocks, *folded.keyframes()]:
                self.publisher._apply(block.to_bytes())
        await self.publisher._publish(with_keyframes=False)
        await self.publisher._leave_stopped()

    def newest(self, office: OfficeId) -> Result | None:
        return next((result for result in reversed(self.producer.results) if result.office == office), None)

    @property
    def reasons(self) -> dict[str, str]:
        return {office: reason for each in self.left.values() for office, reason in each.items()}


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    return Worker(tmp_path, monkeypatch)


def _bug(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    honest = getattr(OfficeRollup, method)

    def faulty(self: OfficeRollup, *arguments: Any) -> Any:
        if self._office.id == COUNCIL:
            raise ZeroDivisionError("an injected fault")
        return honest(self, *arguments)

    monkeypatch.setattr(OfficeRollup, method, faulty)


@pytest.mark.parametrize("method", ["_set", "_result", "is_news"])
async def test_an_office_that_meets_a_bug_stops_alone_and_begins_again(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    with monkeypatch.context() as bug:
        _bug(bug, method)
        worker.report("1.1.1-1")
        await worker.round()
        assert worker.newest(COUNCIL) is None
        assert worker.newest(PRESIDENT) is not None
        assert worker.reasons.keys() == {COUNCIL}
        assert "ZeroDivisionError: an injected fault" in worker.reasons[COUNCIL]
    await worker.round()
    assert worker.newest(COUNCIL) is None, "not before it is tried again"
    worker.now += 61
    await worker.round()
    council = worker.newest(COUNCIL)
    assert council is not None
    assert (council.as_of, sum(tally[0] for _, area, tally in council.areas if area == "1.1")) == ((2, 0, 0), 1)
    assert worker.reasons == {}


@pytest.mark.parametrize("when", ["refuses_at_once", "refuses_later"])
async def test_a_message_that_kafka_refuses_stops_its_office_alone(worker: Worker, when: str) -> None:
    def too_large(result: Result) -> Exception | None:
        return MessageSizeTooLargeError("9,700,000 bytes") if result.office == COUNCIL else None

    setattr(worker.producer, when, too_large)
    worker.report("1.1.1-1")
    await worker.round()
    assert worker.newest(PRESIDENT) is not None
    assert "MessageSizeTooLargeError" in worker.reasons[COUNCIL]
    setattr(worker.producer, when, lambda _: None)
    worker.now += 61
    await worker.round()
    assert worker.newest(COUNCIL) is not None
    assert worker.reasons == {}


async def test_a_kafka_that_is_away_is_of_no_single_office(worker: Worker) -> None:
    worker.producer.refuses_later = lambda _: KafkaConnectionError()
    worker.report("1.1.1-1")
    with pytest.raises(KafkaConnectionError):
        await worker.round()
    assert worker.reasons == {}


async def test_a_result_of_more_parts_than_readers_take_stops_its_office_alone(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schemas.derived.parts.PARTS_MAX", 1)
    nothing, now = (-1, -1, -1), (0, 0, 0)
    huge = Result("change", COUNCIL, nothing, now, [("council-a", "1.1", [0] * 300_000)] * 2, [], [])
    take_change = OfficeRollup.take_change
    monkeypatch.setattr(
        OfficeRollup, "take_change", lambda self: huge if self._office.id == COUNCIL else take_change(self)
    )
    worker.report("1.1.1-1")
    await worker.round()
    assert worker.newest(PRESIDENT) is not None
    assert "TooManyPartsError: a message has over 1 parts" in worker.reasons[COUNCIL]


class FakeApp:
    """A Faust app that only keeps its tasks; as a worker it runs the one that publishes."""

    def __init__(self, directory: Path) -> None:
        self.conf = SimpleNamespace(datadir=directory)
        self.on_partitions_revoked = SimpleNamespace(connect=lambda called: called)
        self.tasks: dict[str, Callable[[], Any]] = {}

    def topic(self, *_: Any, **__: Any) -> None: ...

    def agent(self, _: None) -> Callable[[Any], Any]:
        return self.task

    def task(self, made: Callable[[], Any]) -> Callable[[], Any]:
        self.tasks[made.__name__] = made
        return made

    def execute_from_commandline(self) -> None:
        asyncio.run(self.tasks["publish"]())


def test_an_error_that_concerns_no_single_office_ends_the_process_with_its_exit_code(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    error, app = KafkaConnectionError("away"), FakeApp(tmp_path / "faust")

    async def run(_: Publisher) -> None:
        raise error

    def end(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(shell, "create_app", lambda *_: app)
    monkeypatch.setattr(faust, "Worker", lambda *_, **__: app)
    monkeypatch.setattr(Publisher, "run", run)
    monkeypatch.setattr("os._exit", end)
    ended: list[Exception] = []

    def ended_by(error: Exception) -> int:
        ended.append(error)
        return 3

    with pytest.raises(SystemExit, match="3"):
        shell.run_worker(worker.publisher._settings, worker.ledger.definition, ended_by)
    assert ended == [error]
