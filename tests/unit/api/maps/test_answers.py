"""Answers made of maps: one at a time, for all who ask, and bounded."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from api.answers.kept_answers import Key, Kind
from api.maps import answers
from api.maps.answers import FRESH_SECONDS, WANTED_OF_ADDRESS_MAX, MapAnswers
from api.problems import Problem
from projections.shown.published import Moment

KEY: Key = (Kind.MAP, "province")
CLIENT_ADDRESS = "192.0.2.1"
NOTHING = Moment({}, {}, {}, {})


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Model:
    """A read model that counts its readers, and can be away or hang."""

    def __init__(self) -> None:
        self.readings = 0
        self.error: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    async def read(self) -> Moment:
        self.readings += 1
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return NOTHING


async def _nothing() -> None:
    """What is read for a map without results."""


def _made(moment: Moment | None) -> bytes:
    return b"with results" * 100 if moment is not None else b"without"


async def test_all_who_ask_within_a_moment_get_one_answer() -> None:
    model, clock = Model(), Clock()
    maps = MapAnswers(clock)
    found = await asyncio.gather(*(maps.get(KEY, CLIENT_ADDRESS, model.read, _made) for _ in range(50)))
    assert len({id(answer) for answer, _ in found}) == 1
    assert model.readings == 1
    answer, age = found[0]
    assert (answer.body, age) == (b"with results" * 100, None)
    packed, plain = await maps.form(KEY, answer, "gzip"), await maps.form(KEY, answer, "identity")
    assert (gzip.decompress(packed.body), plain.body) == (answer.body, answer.body)
    assert packed.etag != plain.etag
    assert await maps.form(KEY, answer, "gzip") is packed
    clock.now += FRESH_SECONDS
    await maps.get(KEY, CLIENT_ADDRESS, model.read, _made)
    assert model.readings == 1
    clock.now += 0.1
    await maps.get(KEY, CLIENT_ADDRESS, model.read, _made)
    assert model.readings == 2
    maps.close()


async def test_a_map_without_results_reads_nothing() -> None:
    maps = MapAnswers()
    answer, _ = await maps.get(KEY, CLIENT_ADDRESS, _nothing, _made)
    assert answer.body == b"without"
    maps.close()


async def test_while_the_database_is_away_the_last_answer_is_sent_with_its_age() -> None:
    model, clock = Model(), Clock()
    maps = MapAnswers(clock)
    model.error = OSError("away")
    with pytest.raises(Problem, match="The read model cannot be reached"):
        await maps.get(KEY, CLIENT_ADDRESS, model.read, _made)
    model.error = None
    before, _ = await maps.get(KEY, CLIENT_ADDRESS, model.read, _made)
    model.error = TimeoutError()
    clock.now += 60
    assert await maps.get(KEY, CLIENT_ADDRESS, model.read, _made) == (before, 60)
    maps.close()


async def test_a_database_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "READ_SECONDS_MAX", 0.01)
    model = Model()
    model.answers.clear()
    maps = MapAnswers()
    with pytest.raises(Problem, match="The read model cannot be reached"):
        await maps.get(KEY, CLIENT_ADDRESS, model.read, _made)
    maps.close()


async def test_an_address_that_wants_many_maps_gets_the_last_one_and_others_are_not_refused() -> None:
    model, clock = Model(), Clock()
    maps = MapAnswers(clock)
    known, _ = await maps.get(KEY, CLIENT_ADDRESS, model.read, _made)
    clock.now += 10
    model.answers.clear()
    waiting = [
        asyncio.create_task(maps.get((Kind.MAP, number), CLIENT_ADDRESS, model.read, _made))
        for number in range(WANTED_OF_ADDRESS_MAX)
    ]
    await asyncio.sleep(0)
    with pytest.raises(Problem, match="Your address has asked for many long answers") as refused:
        await maps.get((Kind.MAP, "another"), CLIENT_ADDRESS, model.read, _made)
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
    assert await maps.get(KEY, CLIENT_ADDRESS, model.read, _made) == (known, 10)
    of_another = asyncio.create_task(maps.get((Kind.MAP, "another"), "192.0.2.2", model.read, _made))
    await asyncio.sleep(0)
    model.answers.set()
    assert (await of_another)[1] is None
    assert not waiting[-1].done(), "the other address's map was made before the last one of the first address"
    await asyncio.gather(*waiting)
    assert (await maps.get((Kind.MAP, "one more"), CLIENT_ADDRESS, model.read, _made))[1] is None
    maps.close()


async def test_one_map_is_loaded_read_and_made_at_a_time() -> None:
    at_once = most = 0

    async def read() -> Moment:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        return NOTHING

    maps = MapAnswers()
    await asyncio.gather(*(maps.get((Kind.MAP, number), f"192.0.2.{number}", read, _made) for number in range(20)))
    assert most == 1
    maps.close()


async def test_a_form_is_compressed_once_for_all_who_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    compressed: list[bytes] = []

    def compress(body: bytes, coding: str) -> bytes:
        compressed.append(body)
        return body

    monkeypatch.setattr("api.answers.kept_answers.compressed", compress)
    maps = MapAnswers()
    answer, _ = await maps.get(KEY, CLIENT_ADDRESS, _nothing, _made)
    forms = await asyncio.gather(*(maps.form(KEY, answer, "gzip") for _ in range(20)))
    assert (len(compressed), len({id(form) for form in forms})) == (1, 1)
    maps.close()


async def test_a_bug_in_making_a_map_is_not_taken_for_an_absent_database() -> None:
    def broken(moment: Moment | None) -> bytes:
        raise ZeroDivisionError

    maps = MapAnswers()
    with pytest.raises(ZeroDivisionError):
        await maps.get(KEY, CLIENT_ADDRESS, _nothing, broken)
    maps.close()
