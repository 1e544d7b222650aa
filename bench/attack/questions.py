"""Attacks by questions: whatever is made when it is asked for, asked for all the time and each time differently."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import orjson

from attack.target import Attack, Target, Wire, ask_each

CONNECTIONS = 40
AREAS_MAX = 5_000
"""Areas that the attacker learns and asks about."""


class Places:
    """What the election has to ask about."""

    def __init__(self, offices: list[str], levels: dict[str, list[str]]) -> None:
        self.offices = offices
        self.levels = levels
        """By level, from the root down, the codes of its areas."""

    @property
    def areas(self) -> list[str]:
        return [code for codes in self.levels.values() for code in codes]


async def _places(target: Target) -> Places:
    async with target.connection() as wire:

        async def asked(path: str) -> dict[str, Any]:
            await wire.send(_get(path))
            status, body = await wire.whole()
            assert status == 200, f"{path}: {status}"
            found: dict[str, Any] = orjson.loads(body)
            return found

        election = await asked("/v1/election")
        levels: dict[str, list[str]] = {}
        for level in [each["id"] for each in election["levels"]][:-1]:
            codes: list[str] = []
            cursor = ""
            while len(codes) < AREAS_MAX:
                page = await asked(f"/v1/areas?level={level}&fields=area&limit=1000{cursor}")
                codes += [row["area"] for row in page["rows"]]
                if page["next"] is None:
                    break
                cursor = f"&cursor={page['next']}"
            levels[level] = codes
        return Places([office["id"] for office in election["offices"]], levels)


def _get(path: str, *headers: str, method: str = "GET") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _ask(target: Target, questions: Callable[[Places], Iterator[bytes]]) -> str:
    """Each question once, as fast as they are answered, on connections that are made anew when they end."""
    return await ask_each(target, CONNECTIONS, questions(await _places(target)))


async def long_pages(target: Target) -> str:
    """The longest pages of lists, each from another moment on, so that none is the page of another question."""

    def questions(places: Places) -> Iterator[bytes]:
        for number in itertools.count():
            office, since = random.choice(places.offices), f"2020-01-01T00:00:{number % 60:02}.{number:06}Z"
            for sort in ("area", "changed", "-changed"):
                yield _get(f"/v1/stations?office={office}&limit=1000&sort={sort}&changed_since={since}")
            yield _get(f"/v1/stations?office={office}&limit=1000&rule=F{number % 9}&format=csv&changed_since={since}")
            yield _get(f"/v1/events?limit=500&order=oldest&from={since}")

    return await _ask(target, questions)


async def lists_of_areas(target: Target) -> str:
    """Areas of each level, sorted by each number, with columns in another order each time."""

    def questions(places: Places) -> Iterator[bytes]:
        columns = ["area", "valid", "invalid", "stations_waiting", "stations_counted", "results_status", "voters"]
        for number in itertools.count():
            fields = ",".join(random.sample(columns, len(columns)))
            for level in places.levels:
                sort = random.choice(["area", "valid", "-valid", "-stations_waiting", "voters"])
                yield _get(f"/v1/areas?level={level}&sort={sort}&limit={1000 - number % 500}&fields={fields}")

    return await _ask(target, questions)


async def files_of_areas(target: Target) -> str:
    """A file of another area each time, in each table and format, some of them half read."""

    def questions(places: Places) -> Iterator[bytes]:
        tables = ("station-votes", "station-counts", "area-votes", "area-counts")
        formats = ("xlsx", "parquet", "json", "xml", "csv", "ndjson")
        while True:
            area, office = random.choice(places.areas), random.choice(places.offices)
            for table in tables:
                for format in formats:
                    yield _get(f"/v1/files/areas/{area}/{table}.{format}?office={office}", "Range: bytes=-100")

    return await _ask(target, questions)


async def nist_reports(target: Target) -> str:
    """A report of another area each time, as JSON and as XML."""

    def questions(places: Places) -> Iterator[bytes]:
        while True:
            area, office = random.choice(places.areas), random.choice(places.offices)
            for format in ("json", "xml"):
                yield _get(f"/v1/areas/{area}/results/nist.{format}?office={office}")

    return await _ask(target, questions)


async def searches(target: Target) -> str:
    """Words that nearly all names have, and words that none has, of areas, stations, parties and candidates."""

    def questions(_: Places) -> Iterator[bytes]:
        letters = "abdegijklmnoprstuwy"
        for number in itertools.count():
            words = " ".join(random.sample(letters, 8)) if number % 2 else " ".join([random.choice(letters)] * 40)
            yield _get(f"/v1/search?q={quote(words)}&limit=100")
            yield _get(f"/v1/candidates?name={quote(words)}&limit=200")
            yield _get(f"/v1/search?q=tps+{number}&limit=100")

    return await _ask(target, questions)


async def maps_and_pictures(target: Target) -> str:
    """Maps of each level within another area each time, with results and without, in each format and resolution."""

    def questions(places: Places) -> Iterator[bytes]:
        while True:
            area, office, level = (
                random.choice(places.areas),
                random.choice(places.offices),
                random.choice([*places.levels]),
            )
            resolution = random.choice(("low", "medium", "high"))
            for format in ("svg", "png", "geojson", "topojson"):
                yield _get(f"/v1/maps/{area}/{level}.{format}?results={office}&resolution={resolution}")
                yield _get(f"/v1/maps/{level}.{format}?results={office}&resolution={resolution}", "Accept-Encoding: br")
            yield _get(f"/v1/maps/offices/{office}.png?resolution={resolution}")
            yield _get("/v1/maps", "Accept-Encoding: zstd")

    return await _ask(target, questions)


async def catalogues(target: Target) -> str:
    """Searches of CKAN with all the conditions that it takes, and documents under another host each time."""

    def questions(_: Places) -> Iterator[bytes]:
        for number in itertools.count():
            conditions = quote(" AND ".join(f"{letter}{number}" for letter in "abcdefghijklmnopqrst"))
            facets = quote('["organization","tags","res_format","license_id","groups"]')
            yield _get(f"/api/3/action/package_search?q={conditions}&rows=1000&facet.field={facets}")
            yield _get("/api/3/action/package_search?q=*:*&rows=1000")
            for document in ("v1/catalog.ttl", "v1/catalog.jsonld", "v1/datapackage.json", "sitemap.xml"):
                yield _get(f"/{document}", "Accept-Encoding: br").replace(b"Host: x", b"Host: h%d.example" % number)
            yield _get("/v1/files")

    return await _ask(target, questions)


async def bulk_files_half_read(target: Target) -> str:
    """Each bulk file again and again: by HEAD, a byte at a time, many ranges at once, and whole without reading it."""
    async with target.connection() as wire:
        await wire.send(_get("/v1/files"))
        status, body = await wire.whole()
        names = [each["name"] for each in orjson.loads(body)["files"]] if status == 200 else ["none.csv"]
    answers: Counter[int] = Counter()

    async def once(wire: Wire) -> None:
        for name in random.sample(names, min(20, len(names))):
            path = f"/v1/files/latest/{name}"
            many = "Range: bytes=" + ",".join(f"{number}-{number}" for number in range(500))
            for question in (_get(path, "Range: bytes=7-7"), _get(path, many)):
                await wire.send(question)
                answers[await wire.status()] += 1
            await wire.send(_get(path, method="HEAD"))
            answers[int((await wire.answer())[9:12])] += 1
        await wire.send(_get(f"/v1/files/latest/{random.choice(names)}") * 4)
        await asyncio.sleep(0.5)

    await target.over_and_over(CONNECTIONS, once)
    return f"of {len(names)} files answered {dict(answers)}"


async def answers_never_asked_twice(target: Target) -> str:
    """Each area, contest and station once, so that nothing is in memory."""

    def questions(places: Places) -> Iterator[bytes]:
        codes = places.areas
        random.shuffle(codes)
        for part in itertools.count(1):
            for code in codes:
                yield _get(f"/v1/areas/{code}", "Accept-Encoding: br")
                for office in places.offices:
                    yield _get(f"/v1/areas/{code}?office={office}&part={part}", "Accept-Encoding: gzip")
                    yield _get(f"/v1/areas/{code}/stations?contest={office}&limit={4_000 + part}")

    return await _ask(target, questions)


QUESTION_ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        long_pages,
        lists_of_areas,
        files_of_areas,
        nist_reports,
        searches,
        maps_and_pictures,
        catalogues,
        bulk_files_half_read,
        answers_never_asked_twice,
    )
}
