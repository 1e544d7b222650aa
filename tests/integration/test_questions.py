"""Lists by filters and a search, of a real count: each row is what the API answers about its station or area."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from rekap.operate.stack import Stack
from runtime.tables.table_files import MEDIA_TYPES, Format
from schemas.tables.columns import Table
from schemas.tables.lists import AREA_LIST, STATION_LIST
from tests.support.bulk_files import rows_of
from tests.support.small_election import annulled, reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

stack = stack_of("questions", REKAP_REQUESTS_PER_S="0")

FORMS = [
    reported("1.1.1-1"),
    reported("1.2.1-1", VA=999),  # breaks F3: held
    reported("2.2.2-2", VC=1),  # breaks F4: flagged
    reported("2.1.1-1"),
    reported("1.1.1-1", (11, 20, 30), version=2),
]
NUMBERS = ("registered_voters", "voters", "valid", "valid_ballots", "invalid", "blank", "total")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asked(stack: Stack, voices: Voices) -> AsyncIterator[httpx.AsyncClient]:
    """A client, once the forms are counted. The order of their receipt is that of FORMS, and then the annulment."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        for body in FORMS:
            (await client.post("/v1/submissions", content=voices.sign(body))).raise_for_status()
        order = annulled("2.1.1-1", 1)
        (await client.post("/v1/submissions", content=voices.sign(order, "supervisor"))).raise_for_status()

        async def is_counted() -> bool:
            office = (await client.get("/v1/areas/N")).json()["offices"][0]
            stations = office["contests"][0]["stations"]
            return bool(
                (stations["reported"], stations["annulled"]) == (3, 1) and office["as_of"] == office["shard_as_of"]
            )

        await eventually(is_counted)
        yield client


async def _rows(client: httpx.AsyncClient, url: str) -> list[dict[str, Any]]:
    """The rows of all pages."""
    rows, cursor = [], ""
    while True:
        answer = (await client.get(f"{url}{cursor}")).raise_for_status().json()
        rows += answer["rows"]
        if answer["next"] is None:
            return rows
        cursor = f"&cursor={answer['next']}"


async def _codes(client: httpx.AsyncClient, query: str) -> list[str]:
    return [row["station"] for row in await _rows(client, f"/v1/stations?{query}")]


async def test_each_station_is_as_its_own_answer_has_it(stack: Stack, asked: httpx.AsyncClient) -> None:
    rows = await _rows(asked, "/v1/stations?limit=3")
    ranks = stack.definition.stations.order.rank
    in_order = sorted(stack.definition.stations.codes, key=lambda code: ranks[stack.definition.stations.number[code]])
    assert [row["station"] for row in rows] == in_order
    for row in rows:
        assert tuple(row) == STATION_LIST.column_names
        answer = (await asked.get(f"/v1/stations/{row['station']}")).json()
        standing = answer["contests"][0]
        assert {name: row[name] for name in ("state", "offset", "event", "version")} == {
            name: standing[name] for name in ("state", "offset", "event", "version")
        }
        numbers = standing["numbers"]
        assert {name: row[name] for name in NUMBERS} == {name: numbers and numbers[name] for name in NUMBERS}
        form = [each for each in answer["history"] if each["event"] == row["event"]]
        assert row["rules"] == (" ".join(each["rule"] for each in form[0]["findings"]) or None if form else None)
        of_contest = [each for each in answer["history"] if each["contest"] == "president"]
        assert row["changed_at"] == (of_contest[-1]["received_at"] if of_contest else None)


async def test_filters_and_orders(asked: httpx.AsyncClient) -> None:
    in_order = ["1.2.1-1", "2.2.2-2", "1.1.1-1", "2.1.1-1"]
    assert await _codes(asked, "contest=president&sort=changed&limit=1") == in_order
    assert await _codes(asked, "contest=president&sort=-changed&limit=3") == in_order[::-1]
    rows = await _rows(asked, "/v1/stations?contest=president&sort=changed&fields=station,changed_at")
    since = rows[2]["changed_at"]
    for order, expected in (("changed", in_order[2:]), ("-changed", in_order[:1:-1]), ("area", in_order[2:])):
        assert await _codes(asked, f"contest=president&sort={order}&changed_since={since}") == expected
    for query, expected in (
        ("state=held", ["1.2.1-1"]),
        ("state=annulled", ["2.1.1-1"]),
        ("rule=F3", ["1.2.1-1"]),
        ("rule=F4&area=2", ["2.2.2-2"]),
        ("rule=F4&area=1", ["1.2.1-1"]),
        ("rule=F4&area=1.1", []),
        ("rule=F4&sort=changed", ["1.2.1-1", "2.2.2-2"]),
        ("state=counted&area=1.1", ["1.1.1-1"]),
        ("state=waiting&area=1.1", ["1.1.1-2", "1.1.2-1", "1.1.2-2"]),
        ("state=held&rule=F4", ["1.2.1-1"]),
        ("state=flagged&rule=F3", []),
    ):
        assert await _codes(asked, f"contest=president&{query}") == expected, query


@pytest.mark.parametrize("format", [each for each in Format if each is not Format.JSON])
@pytest.mark.parametrize(("path", "limit", "table"), [("/v1/stations", 5, STATION_LIST), ("/v1/areas", 1, AREA_LIST)])
async def test_each_format_has_the_same_rows_and_names_the_next_page(
    asked: httpx.AsyncClient, tmp_path: Path, path: str, limit: int, table: Table, format: Format
) -> None:
    rows = await _rows(asked, f"{path}?contest=president&limit={limit}")
    url, found, pages = f"{path}?contest=president&limit={limit}&format={format}", list[dict[str, Any]](), 0
    while True:
        answer = (await asked.get(url)).raise_for_status()
        assert answer.headers["content-type"] == MEDIA_TYPES[format]
        file = tmp_path / f"{pages}.{format}"
        file.write_bytes(answer.content)
        found += rows_of(file, table)
        pages += 1
        again = await asked.get(url, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
        if format in (Format.XML, Format.PARQUET):
            assert b"CC0-1.0" in answer.content  # the licence is in the file
        if "next" not in answer.links:
            break
        url = answer.links["next"]["url"]
    assert pages > 1
    assert found == rows


async def test_each_area_is_as_its_own_answer_has_it(stack: Stack, asked: httpx.AsyncClient) -> None:
    for query, level in (("level=village&", 3), ("level=province&", 1), ("", 1), ("level=nation&", 0)):
        rows = await _rows(asked, f"/v1/areas?{query}office=president&limit=3")
        tree = stack.definition.tree
        assert {row["area"] for row in rows} == {
            code for code, own in zip(tree.codes, tree.level, strict=True) if own == level
        }
        for row in rows:
            tally = (await asked.get(f"/v1/areas/{row['area']}?office=president")).json()["offices"][0]["contests"][0]
            assert {name: row[name] for name in NUMBERS} == {name: tally["counted"][name] for name in NUMBERS}
            assert {name: row[f"stations_{name}"] for name in tally["stations"]} == tally["stations"]
            assert row["results_status"] == tally["results_status"]


async def test_areas_are_filtered_and_sorted(asked: httpx.AsyncClient) -> None:
    async def areas(query: str) -> list[str]:
        return [row["area"] for row in await _rows(asked, f"/v1/areas?contest=president&{query}&fields=area")]

    assert await areas("level=village&status=unofficial-partial&limit=1") == ["1.1.1", "1.2.1", "2.2.2"]
    assert await areas("level=district&status=pre-election") == ["2.1"]
    assert await areas("level=district&sort=-stations_held&limit=1") == ["1.2", "1.1", "2.1", "2.2"]
    assert await areas("level=district&sort=valid&limit=3") == ["1.2", "2.1", "2.2", "1.1"]
    assert await areas("level=district&area=2&sort=-valid") == ["2.2", "2.1"]
    assert await areas("level=province&sort=-valid&status=unofficial-complete") == []
    council = await _rows(asked, "/v1/areas?area=2.1&office=council&contest=council-b&fields=area,contest")
    assert council == [{"area": "2.1.1", "contest": "council-b"}]


async def test_names_are_found(asked: httpx.AsyncClient) -> None:
    for q, kind, code in (
        ("village 1.1.1 tps 2", "station", "1.1.1-2"),
        ("DISTRICT 2.1", "area", "2.1"),
        ("pair 1", "candidate", "president/01"),
        ("party 2", "party", "P2"),
        ("2.2.2-2", "station", "2.2.2-2"),
    ):
        answer = (await asked.get("/v1/search", params={"q": q})).raise_for_status().json()
        found = [each for each in answer["found"] if (each["kind"], each["code"]) == (kind, code)]
        assert found, q
        assert (await asked.get(found[0]["link"])).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/v1/stations?office=mayor", 404, "office"),
        ("/v1/stations?office=council", 422, "query.contest"),
        ("/v1/stations?office=president&contest=council-a", 422, "query.office"),
        ("/v1/stations?contest=mayor", 404, "contest"),
        ("/v1/stations?contest=president&area=9", 404, "area"),
        ("/v1/stations?contest=president&fields=station,votes", 422, "query.fields"),
        ("/v1/stations?contest=president&fields=", 422, "query.fields"),
        ("/v1/stations?contest=president&sort=name", 422, "query.sort"),
        ("/v1/stations?contest=president&cursor=x", 422, "query.cursor"),
        ("/v1/stations?contest=president&cursor=WyJhcmVhIiwtMV0", 422, "query.cursor"),
        ("/v1/stations?contest=president&sort=changed&cursor=WyJhcmVhIiwxXQ", 422, "query.cursor"),
        ("/v1/stations?contest=president&rule=f4", 422, "query.rule"),
        ("/v1/stations?contest=president&limit=1001", 422, "query.limit"),
        ("/v1/stations?contest=president&format=pdf", 422, "query.format"),
        ("/v1/stations?contest=president&name=x", 422, "query.name"),
        ("/v1/areas?contest=president&sort=area_name", 422, "query.sort"),
        ("/v1/areas?contest=president&level=station", 404, "query.level"),
        ("/v1/areas?contest=president&area=1.1&level=nation", 422, "query.level"),
        ("/v1/areas?contest=president&cursor=WyJhcmVhIiwwLCI5Il0", 422, "query.cursor"),
        ("/v1/areas?office=council&area=1.1.1&contest=council-a&status=done", 422, "query.status"),
        ("/v1/search?q=x", 422, "query.q"),
        ("/v1/search", 422, "query.q"),
    ],
)
async def test_what_cannot_be_answered_is_named(asked: httpx.AsyncClient, path: str, status: int, field: str) -> None:
    answer = await asked.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert field in answer.text
