"""Current answers: read once for each cut, made once for all who ask, and never older than one before."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from api.answers import current_answers, newest_cut
from api.answers.content_codings import GZIP, IDENTITY
from api.answers.current_answers import CurrentAnswers
from api.answers.kept_answers import COMPRESSED_AT_ONCE_BYTES, Answer, Key, Kind
from api.answers.newest_cut import FRESH_SECONDS, LATE_SECONDS_MAX, WATCHED_SECONDS, NewestCut
from api.answers.read_cut import AtCut, ReadCut
from projections.shown.published import Moment

PRESIDENT: Key = (Kind.TOTAL, "contest", "president")
COUNCIL: Key = (Kind.TOTAL, "contest", "council")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Database:
    """A read model of two offices, of which each statement can be held back."""

    def __init__(self) -> None:
        self.at = {"president": 0, "council": 0}
        self.looks = self.reads = 0
        self.is_away = False
        self.hold: asyncio.Event | None = None
        """Where it is there, a reading has its moment and waits."""

    def moment(self) -> Moment:
        return Moment({office: (offset,) for office, offset in self.at.items()}, {}, {}, {})

    async def cut(self) -> ReadCut:
        self.looks += 1
        if self.is_away:
            raise ConnectionError
        return ReadCut(self.moment().results, {})

    def contest(self, office: str) -> Callable[[], Any]:
        async def work() -> AtCut:
            self.reads += 1
            if self.is_away:
                raise ConnectionError
            found = AtCut({"office": office, "as_of": self.at[office]}, self.moment())
            if self.hold is not None:
                await self.hold.wait()
            return found

        return work


class Reader:
    def __init__(self) -> None:
        self.clock = Clock()
        self.database = Database()
        self.current = CurrentAnswers(self.database.cut, orjson.dumps, self.clock)

    async def get(self, office: str = "president") -> Answer:
        key = PRESIDENT if office == "president" else COUNCIL
        return await self.current.get(key, (office,), self.database.contest(office))

    async def as_of(self, office: str = "president") -> int:
        return int(orjson.loads((await self.get(office)).body)["as_of"])

    def later(self) -> None:
        self.clock.now += 2 * FRESH_SECONDS


@pytest.fixture
async def reader() -> Reader:
    return Reader()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_an_answer_is_read_once_for_each_cut_of_what_it_shows(reader: Reader) -> None:
    database = reader.database
    first = await reader.get()
    assert await reader.get() is first
    assert (database.looks, database.reads) == (1, 1)
    reader.later()
    assert await reader.get() is first
    assert (database.looks, database.reads) == (2, 1)
    database.at["council"] += 1
    reader.later()
    assert await reader.get() is first
    assert database.reads == 1
    database.at["president"] += 1
    reader.later()
    assert await reader.as_of() == 1
    assert database.reads == 2


async def test_one_reading_serves_all_who_ask_meanwhile(reader: Reader) -> None:
    reader.database.hold = asyncio.Event()
    asked = [asyncio.create_task(reader.get()) for _ in range(50)]
    await settled()
    asked[0].cancel()  # the others still get it
    reader.database.hold.set()
    answers = await asyncio.gather(*asked[1:])
    assert len({id(answer) for answer in answers}) == 1
    assert (reader.database.looks, reader.database.reads) == (1, 1)


async def test_who_knows_of_a_later_cut_does_not_get_an_earlier_reading(reader: Reader) -> None:
    database = reader.database
    database.hold = held = asyncio.Event()
    early = asyncio.create_task(reader.as_of())
    await settled()
    database.hold = None
    database.at["president"] = 7
    reader.later()
    assert await reader.as_of("council") == 0  # with which cut 7 is known
    assert await reader.as_of() == 7
    held.set()
    assert await early == 0
    assert await reader.as_of() == 7


async def test_what_one_answer_shows_no_later_answer_steps_behind(reader: Reader) -> None:
    database = reader.database
    assert await reader.as_of("council") == 0
    database.at = {"president": 1, "council": 1}
    assert await reader.as_of("president") == 1  # read anew, while the cut that was looked up is fresh
    assert await reader.as_of("council") == 1


async def test_an_earlier_look_that_ends_late_is_not_taken_over(reader: Reader) -> None:
    clock, looks = Clock(), asyncio.Queue[ReadCut]()
    newest = NewestCut(looks.get, clock)
    looking = asyncio.create_task(newest.look())
    await settled()
    clock.now += 0.01
    later = ReadCut({"president": (5,)}, {})
    newest.take(later, clock.now)
    looks.put_nowait(ReadCut({"president": (3,)}, {}))
    await looking
    assert newest.cut is later
    assert newest.is_fresh()


async def test_a_read_model_that_was_made_anew_is_believed(reader: Reader) -> None:
    database = reader.database
    database.at["president"] = 9
    assert await reader.as_of() == 9
    database.at["president"] = 2
    reader.later()
    assert await reader.as_of() == 2


async def test_a_look_that_began_before_a_request_serves_it_only_while_it_is_fresh(reader: Reader) -> None:
    clock, looks = Clock(), asyncio.Queue[ReadCut]()
    newest = NewestCut(looks.get, clock)
    first = asyncio.create_task(newest.look())
    await settled()
    clock.now += 2 * FRESH_SECONDS
    second = asyncio.create_task(newest.look())
    await settled()
    looks.put_nowait(ReadCut({"president": (1,)}, {}))
    await settled()
    assert first.done()
    assert not second.done()
    looks.put_nowait(ReadCut({"president": (2,)}, {}))
    assert (await second).digest(None) == ReadCut({"president": (2,)}, {}).digest(None)


async def test_while_readers_come_the_cut_is_looked_up_again_and_again(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, newest, database = reader.clock, reader.current.newest, reader.database
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.now += seconds
        await asyncio.Event().wait() if len(slept) > 100 else None

    await newest.look()
    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "sleep", sleep)
        newest.watch()
        newest.watch()
        await asyncio.wait({task for task in asyncio.all_tasks() if task is not asyncio.current_task()}, timeout=5)
    assert database.looks == 1 + len(slept)
    assert len(slept) == pytest.approx(WATCHED_SECONDS / FRESH_SECONDS, abs=2)
    assert slept[0] == pytest.approx(FRESH_SECONDS)
    reader.later()
    assert not newest.is_fresh()  # nobody watches it any more


async def test_a_watch_ends_where_the_database_is_away(reader: Reader) -> None:
    newest = reader.current.newest
    await newest.look()
    reader.database.is_away = True
    newest.watch()
    reader.later()
    assert newest.is_fresh()
    await asyncio.sleep(2 * FRESH_SECONDS)
    await settled()
    assert not newest.is_fresh()
    with pytest.raises(ConnectionError):
        await newest.look()


async def test_the_age_of_an_answer_begins_when_it_was_last_known_to_be_current(reader: Reader) -> None:
    clock, current = reader.clock, reader.current
    assert current.last_good(PRESIDENT) is None
    answer = await reader.get()
    clock.now += 6
    assert await reader.get() is answer
    reader.database.is_away = True
    clock.now += 5
    with pytest.raises(ConnectionError):
        await reader.get()
    assert current.last_good(PRESIDENT) == (answer, 5.0)
    reader.database.is_away = False
    reader.database.at["president"] = 1
    assert await reader.as_of("council") == 0
    assert current.last_good(PRESIDENT) == (answer, 11.0)


async def test_an_answer_is_read_again_after_some_seconds_although_its_cut_did_not_move(reader: Reader) -> None:
    answer = await reader.get()
    reader.clock.now += current_answers.KEPT_SECONDS_MAX
    assert await reader.get() is answer
    reader.clock.now += 1
    assert await reader.get() is not answer


async def test_a_database_that_hangs_is_given_up(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (newest_cut, "LOOK_SECONDS_MAX"),
        (current_answers, "READ_SECONDS_MAX"),
        (current_answers, "FIRST_READ_SECONDS_MAX"),
    ):
        monkeypatch.setattr(module, name, 0.01)
    reader.database.hold = asyncio.Event()
    with pytest.raises(TimeoutError):
        await reader.get()
    reader.database.hold = None
    await reader.get()

    async def hangs() -> ReadCut:
        await asyncio.Event().wait()
        raise AssertionError

    reader.current.newest = NewestCut(hangs, reader.clock)
    with pytest.raises(TimeoutError):
        await reader.get()


async def test_an_answer_of_more_than_the_cut_is_read_each_time(reader: Reader) -> None:
    values = iter((1, 2))

    async def work() -> dict[str, Any]:
        return {"value": next(values)}

    key: Key = (Kind.PAGE, "events")
    assert (await reader.current.read(key, work)).body == b'{"value":1}'
    assert (await reader.current.read(key, work)).body == b'{"value":2}'
    reader.clock.now += 3
    kept = reader.current.last_good(key)
    assert kept is not None
    assert (kept[0].body, kept[1]) == (b'{"value":2}', 3.0)


@pytest.mark.parametrize("length", [1_000, COMPRESSED_AT_ONCE_BYTES + 1])
async def test_each_form_is_made_once(reader: Reader, length: int) -> None:
    current = reader.current
    answer = Answer(b"x" * length, 0)
    current.kept.keep(PRESIDENT, answer)
    forms = await asyncio.gather(*(current.form(PRESIDENT, answer, GZIP) for _ in range(5)))
    assert len({id(form) for form in forms}) == 1
    assert gzip.decompress(forms[0].body) == answer.body
    plain = await current.form(PRESIDENT, answer, IDENTITY)
    assert plain.body is answer.body
    assert await current.form(PRESIDENT, answer, IDENTITY) is plain
    current.close()


async def test_on_a_busy_machine_a_watched_cut_serves_for_a_second(reader: Reader) -> None:
    clock, newest = reader.clock, reader.current.newest
    await newest.look()
    clock.now += 2 * FRESH_SECONDS
    assert not newest.is_fresh()
    newest.watch()
    assert newest.is_fresh()
    clock.now += LATE_SECONDS_MAX
    assert not newest.is_fresh()
    reader.current.close()
    await settled()
    clock.now -= LATE_SECONDS_MAX
    assert not newest.is_fresh()
