"""Every read of the read model, on 800,000 stations, touches no more of it than what it shows: seen in the plans that
PostgreSQL carries out, not in a clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.resources import files
from itertools import product
from typing import Any
from unittest.mock import patch

import asyncpg
import orjson
import pytest
import pytest_asyncio

from api.errors import ListsBusyError
from api.read.area_list import EXAMINED_AREAS_MAX
from api.readmodel.read_model import ReadModel
from api.readmodel.station_list import After, Order, StationQuestion, stations
from consumers.recorder.transaction import make_list_indexes
from projections.area.tally import empty_tally
from projections.definition.compiled import Definition
from projections.readmodel import event_queries, queries
from projections.readmodel.event_queries import EventFilters
from projections.readmodel.finance_queries import FinanceFilters, Position
from projections.shown.answer_parts import (
    BEFORE_ALL,
    HISTORY_BYTES_MAX,
    Line,
    RecordPosition,
    part_of_area,
    part_of_office,
)
from projections.shown.published import answer_bytes
from projections.station.submissions import ResultState
from projections.tables.list_rows import InOrder
from runtime.postgres import migrate, open_pool
from runtime.settings import read_settings
from schemas.codes import ContestId
from schemas.definition.package import Area, ElectionPackage, Station
from schemas.ledger.envelope import RECORD_BYTES_MAX
from tests.conftest import Parts
from tests.support.small_election import small_package
from tests.support.small_finance import with_finance

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROVINCES, DISTRICTS, VILLAGES, STATIONS = 8, 100, 10, 100
"""In the nation, and each in each: 800,000 stations, 800 areas at the shard level."""
TOUCHED_MAX = 40_000
"""Pages of 8 kB, nearly all of them met again and again: some for each record that is looked at, and each that is shown. The
tables have more than twice as many, and a plan that sorts or scans them touches all."""
ROWS_MAX = 25_000
"""That one step of a plan gives."""


def _definition() -> Definition:
    """The small election's offices over a large tree. Its contests are in the first provinces, as before."""
    areas, stations = [Area(code="N", name="Nation", level="nation")], []
    for province in range(1, PROVINCES + 1):
        areas.append(Area(code=f"{province}", name="P", level="province", parent="N"))
        for district in range(1, DISTRICTS + 1):
            areas.append(Area(code=f"{province}.{district}", name="D", level="district", parent=f"{province}"))
            for village in range(1, VILLAGES + 1):
                code = f"{province}.{district}.{village}"
                areas.append(Area(code=code, name="V", level="village", parent=f"{province}.{district}"))
                stations += [
                    Station.model_construct(code=f"{code}-{number}", name="S", area=code, registered_voters=300)
                    for number in range(1, STATIONS + 1)
                ]
    package = with_finance(small_package(partitions=1))
    with patch.object(
        ElectionPackage, "definition_hash", return_value="0" * 64
    ):  # of 800,000 stations: most of a minute
        return Definition.of(
            replace(
                package,
                election=package.election.model_copy(update={"id": "at-size"}),
                areas=tuple(areas),
                stations=tuple(stations),
            )
        )


FILL = [
    # Every fifth station has a flagged form, one in 1,000 a held one, one in 100,000 an annulled one: anywhere in the
    # tree.
    """
    INSERT INTO station_result
    SELECT rank, 0, rank, rank, contest, station,
           CASE WHEN rank % 100000 = 77 THEN 'annulled' WHEN rank % 1000 = 7 THEN 'held' WHEN rank % 5 = 0 THEN
           'flagged' ELSE 'counted' END, NULL
    FROM unnest($1::text[], $2::int[]) AS given (station, rank), unnest(ARRAY['president']) AS contest
    """,
    """
    INSERT INTO record (partition, version, "offset", received_us, event, office, type, key, station, contest, area, shard,
                        state, findings, payload)
    SELECT 0, 1, rank, 1000000 + (rank * 7919::bigint % 800000), sha256(station::bytea), 'president',
           CASE WHEN rank % 50000 = 3 THEN 'result.annulled' ELSE 'result.reported' END, 'key' || rank % 40, station,
           CASE WHEN rank % 3 = 0 THEN 'council-a' ELSE 'president' END, split_part(station, '-', 1),
           regexp_replace(split_part(station, '-', 1), '[.][0-9]+$', ''), 'counted',
           CASE WHEN rank % 1000 = 7 THEN '[{"rule":"F3"}]' ELSE '[]' END,
           '{"created_at":"2029-02-14T06:00:00Z","filler":"' || repeat('x', 100) || '"}'
    FROM unnest($1::text[], $2::int[]) AS given (station, rank)
    """,
    # One station with 10,000 forms; one event that has 5,000 records.
    """
    INSERT INTO record (partition, version, "offset", received_us, event, office, type, key, station, contest, area, shard,
                        state, findings, payload)
    SELECT 0, number, 1000000 + number, 2000000 + number, CASE WHEN number <= 5000 THEN sha256('again') ELSE
           sha256(number::text::bytea) END, 'president', 'result.reported', 'key1', '3.7.7-7', 'president', '3.7.7', '3.7',
           'superseded', '[]', '{"created_at":"2029-02-14T06:00:00Z"}'
    FROM generate_series(1, 10000) AS number
    """,
    # One station with 200 forms of 40 kB.
    """
    INSERT INTO record (partition, version, "offset", received_us, event, office, type, key, station, contest, area, shard,
                        state, findings, payload)
    SELECT 0, number, 2000000 + number, 3000000 + number, sha256(('long' || number)::bytea), 'president', 'result.reported',
           'key2', '3.7.7-8', 'president', '3.7.7', '3.7', 'superseded', '[]',
           '{"created_at":"2029-02-14T06:00:00Z","filler":"' || repeat('x', 40000) || '"}'
    FROM generate_series(1, 200) AS number
    """,
    # Two parties hand in three versions of a report in each area: 52,854. One in 1,000 is late; the last version counts.
    """
    WITH given AS (
        SELECT row_number() OVER () AS number, area, party, version
        FROM unnest($1::text[]) AS area, unnest(ARRAY['P1', 'P2']) AS party, generate_series(1, 3) AS version
    ), kept AS (
        INSERT INTO finance_report (account, report, version, partition, "offset", area, party)
        SELECT 'parties/' || party || '/' || area, 'LADK', version, 0, 3000000 + number, area, party FROM given
    )
    INSERT INTO record (partition, version, "offset", received_us, event, office, type, key, area, shard, state, findings,
                        payload)
    SELECT 0, version, 3000000 + number, 4000000 + number, sha256(('finance' || number)::bytea), '-finance',
           'finance.reported', 'finance', area, area,
           CASE WHEN version < 3 THEN 'superseded' WHEN number % 1000 = 3 THEN 'held' ELSE 'counted' END,
           CASE WHEN number % 1000 = 3 THEN '[{"rule":"D4"}]' ELSE '[]' END,
           json_build_object('area', area, 'party', party, 'report', 'LADK', 'version', version, 'opening', 1, 'closing', 1,
               'begins', '2028-11-01', 'ends', '2028-11-30', 'submitted', '2028-12-09', 'document',
               json_build_object('sha256', repeat('d0', 32)), 'created_at', '2029-02-14T06:00:00Z')
    FROM given
    """,
    """
    INSERT INTO area_tally SELECT contest, area, tally
    FROM unnest($1::text[]) AS area, unnest($2::text[], $3::text[]) AS given (contest, tally)
    """,
]


@dataclass
class Explaining:
    """A pool that explains each statement before it carries it out, and keeps what the plan touched."""

    pool: Any
    touched: list[tuple[str, int, float]] = field(default_factory=list)
    """Statement, pages, most rows of one step."""

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Explaining]:
        async with self.pool.acquire() as connection:
            yield replace(self, pool=connection)

    def transaction(self, **options: Any) -> Any:
        return self.pool.transaction(**options)

    async def execute(self, statement: str) -> None:
        await self.pool.execute(statement)

    async def fetch(self, statement: str, *arguments: object) -> list[Any]:
        explained = await self.pool.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}", *arguments
        )
        (plan,) = orjson.loads(explained)
        top = plan["Plan"]
        pages = (
            top["Shared Hit Blocks"] + top["Shared Read Blocks"] + top["Temp Read Blocks"] + top["Temp Written Blocks"]
        )
        self.touched.append((statement, pages, max(_rows(top))))
        rows: list[Any] = await self.pool.fetch(statement, *arguments)
        return rows

    async def fetchrow(self, statement: str, *arguments: object) -> Any:
        return next(iter(await self.fetch(statement, *arguments)), None)


def _rows(plan: dict[str, Any]) -> list[float]:
    """The rows that each step gave, and those that it read and dropped."""
    own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return [own, *(each for part in plan.get("Plans", []) for each in _rows(part))]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(parts: Parts) -> AsyncIterator[Any]:
    definition = _definition()
    schema = queries.schema_of(definition.election)
    pool = await open_pool(read_settings(parts), schema)
    try:
        await migrate(pool, schema, files("projections.readmodel").joinpath("migrations"))
        async with pool.acquire() as connection:
            ranks = list(definition.stations.order.rank)
            for table in ("record", "station_result", "area_tally"):
                await connection.execute(f"ALTER TABLE {table} SET UNLOGGED")
            await connection.execute(FILL[0], list(definition.stations.codes), ranks)
            await connection.execute(FILL[1], list(definition.stations.codes), ranks)
            await connection.execute(FILL[2])
            await connection.execute(FILL[3])
            tallies = [orjson.dumps(empty_tally(len(entry.choices))).decode() for entry in definition.ballots.contests]
            contests = [entry.id for entry in definition.ballots.contests]
            await connection.execute(FILL[4], list(definition.tree.codes))
            await connection.execute(FILL[5], list(definition.tree.codes), contests, tallies)
            await make_list_indexes(connection)
        yield definition, pool
    finally:
        async with asyncpg.create_pool(parts["REKAP_DATABASE"], min_size=1, max_size=1) as other:
            await other.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
        await pool.close()


@pytest.fixture
def read(pool: Any) -> tuple[Definition, ReadModel, Explaining]:
    definition, connections = pool
    explaining = Explaining(connections)
    return definition, ReadModel(explaining, explaining, definition), explaining


def _check(explaining: Explaining, asked: object) -> None:
    assert explaining.touched
    for statement, pages, rows in explaining.touched:
        assert pages <= TOUCHED_MAX, f"{asked}: touched {pages} pages with {statement}"
        assert rows <= ROWS_MAX, f"{asked}: a step gave {rows} rows with {statement}"
    explaining.touched.clear()


AREAS = ["N", "1", "8", "3.7", "3.7.7"]


async def test_any_page_of_stations(read: tuple[Definition, ReadModel, Explaining]) -> None:
    definition, model, explaining = read
    contests = {entry.id: entry for entry in definition.ballots.contests}
    states = [None, *(state.value for state in ResultState)]
    for area, contest, state, limit in product(AREAS, ("president", "council-b"), states, (1, 5_000)):
        number = definition.tree.number[area]
        for after in (None, "3.7.7-50", "8.100.10-99"):
            last = None if after is None else definition.stations.number[after]
            page = (await model.stations(number, contests[ContestId(contest)], state, last, limit)).answer
            assert len(page["stations"]) <= limit
            _check(explaining, (area, contest, state, limit, after))


async def test_pages_of_stations_hold_all_of_an_area_in_order(read: tuple[Definition, ReadModel, Explaining]) -> None:
    definition, model, _ = read
    contest = definition.ballots.contest("president")
    for area, state in (("3", "held"), ("N", "annulled"), ("3.7", None), ("3.7.7", "flagged")):
        number, found, after = definition.tree.number[area], [], None
        while True:
            page = (await model.stations(number, contest, state, after, 30)).answer
            found += [line["station"] for line in page["stations"]]
            if page["next"] is None:
                break
            after = definition.stations.number[page["next"]]
        ranks = [definition.stations.order.rank[definition.stations.number[each]] for each in found]
        assert ranks == sorted(set(ranks))
        expected = [
            station
            for station, rank in zip(definition.stations.codes, definition.stations.order.rank, strict=True)
            if number in definition.tree.lineage[definition.stations.area[definition.stations.number[station]]]
            and (state is None or state == _state(rank))
        ]
        assert sorted(found) == sorted(expected)


def _state(rank: int) -> str:
    if rank % 100_000 == 77:
        return "annulled"
    return "held" if rank % 1_000 == 7 else "flagged" if rank % 5 == 0 else "counted"


async def test_any_page_of_a_list_of_stations(read: tuple[Definition, ReadModel, Explaining]) -> None:
    definition, model, explaining = read
    in_order, contest = InOrder(definition), definition.ballots.contest("president")
    orders: list[tuple[Order, list[After | None]]] = [
        ("area", [None, (0,), (500_000,), (799_999,)]),
        ("changed", [None, (1_450_000, 0, 5), (2**61, 0, 0)]),
        ("-changed", [None, (1_450_000, 0, 5), (1, 0, 0)]),
    ]
    states = [None, *(state.value for state in ResultState)]
    for order, cursors in orders:
        for area, state, rule, since_us, after in product(
            AREAS, states, (None, "F3", "G9"), (None, 1_700_000), cursors
        ):
            asked = StationQuestion(contest, definition.tree.number[area], state, rule, since_us, order, after, 100)
            found = await stations(model, in_order, asked)
            assert len(found.rows) <= 100
            _check(explaining, asked)


@pytest.mark.parametrize(
    ("area", "state", "rule", "since_us", "order"),
    [
        ("3.7.7", None, None, None, "area"),
        ("3", "held", None, None, "area"),
        ("2", None, "F3", None, "area"),
        ("8.100", None, None, 1_500_000, "area"),
        ("N", None, None, 1_795_000, "changed"),
        ("3", "flagged", None, 1_780_000, "changed"),
        ("N", None, "F3", 1_780_000, "-changed"),
    ],
)
async def test_pages_of_a_list_of_stations_hold_all_that_is_asked_for_in_order(
    read: tuple[Definition, ReadModel, Explaining],
    area: str,
    state: str | None,
    rule: str | None,
    since_us: int | None,
    order: Order,
) -> None:
    """Also where most pages find few. Sorted by change, the stations are those whose newest event is about the contest."""
    definition, model, _ = read
    in_order, contest = InOrder(definition), definition.ballots.contest("president")
    number, after, found = definition.tree.number[area], None, []
    while True:
        page = await stations(
            model, in_order, StationQuestion(contest, number, state, rule, since_us, order, after, 90)
        )
        found += [row[2] for row in page.rows]
        after = page.after
        if after is None:
            break
    ranks = definition.stations.order
    expected = []
    for rank in range(ranks.first[number], ranks.end[number]):
        changed_us = 1_000_000 + rank * 7919 % 800_000
        if (
            (state is None or state == _state(rank))
            and (rule is None or rank % 1_000 == 7)
            and changed_us >= (since_us or 0)
            and (order == "area" or rank % 3 != 0)
        ):
            expected.append((0 if order == "area" else changed_us, rank))
    expected.sort(reverse=order == "-changed")
    assert found == [definition.stations.codes[in_order.by_rank[rank]] for _, rank in expected]
    assert found


async def test_the_tallies_of_a_page_of_areas(read: tuple[Definition, ReadModel, Explaining]) -> None:
    definition, model, explaining = read
    contest = definition.ballots.contest("president")
    areas = InOrder(definition).areas(definition.tree.root, 3, contest)
    assert len(areas) == 8_000
    await model.moment_of([Line(area, contest.number) for area in areas[:EXAMINED_AREAS_MAX]], [])
    _check(explaining, "areas")


async def test_any_page_of_events(read: tuple[Definition, ReadModel, Explaining]) -> None:
    definition, model, explaining = read
    filters = [
        EventFilters(station=station, contest=contest, type=kind, key=key, from_us=from_us, to_us=to_us, after=after)
        for station, contest, kind, key, from_us, to_us, after in product(
            (None, "3.7.7-7", "1.1.1-1"),
            (None, "council-a", "council-c"),
            (None, "result.reported", "result.annulled", "unreadable"),
            (None, "key1", "nobody"),
            (None, 1_400_000),
            (None, 1_500_000),
            (None, (1_450_000, 0, 5)),
        )
    ]
    for number, each in enumerate(filters[::5]):
        area = AREAS[number % len(AREAS)]
        page, _ = await model.events(
            each, area=definition.tree.number[area], newest_first=number % 2 == 0, limit=(1, 100, 500)[number % 3]
        )
        assert len(page) <= 500
        _check(explaining, (area, each))


@pytest.mark.parametrize("newest_first", [True, False])
async def test_pages_of_events_hold_all_that_is_asked_for_in_order(
    read: tuple[Definition, ReadModel, Explaining], newest_first: bool
) -> None:
    """Also where most pages find none, and where the records of many areas are merged."""
    definition, model, explaining = read
    for area, filters, expected in (
        ("N", EventFilters(type="result.annulled"), 16),
        ("3", EventFilters(type="result.annulled"), 2),
        ("3", EventFilters(contest="council-a", from_us=1_000_000, to_us=1_010_000), None),
        ("N", EventFilters(contest="council-a", type="result.annulled"), 6),
        ("3.7.7", EventFilters(key="key1", from_us=2_009_000), 1_001),
        ("8", EventFilters(key="key1", contest="council-a", to_us=1_300_000), None),
    ):
        found, after, pages = [], None, 0
        while True:
            page, after = await model.events(
                filters._replace(after=after),
                area=definition.tree.number[area],
                newest_first=newest_first,
                limit=100,
            )
            pages += 1
            found += [(datetime.fromisoformat(each["received_at"]), each["partition"], each["offset"]) for each in page]
            if after is None:
                break
        assert found == sorted(set(found), reverse=newest_first)
        if expected is None:
            expected = await _counted(explaining.pool, filters, area)
            assert expected > 100
        assert len(found) == expected


async def _counted(pool: Any, filters: EventFilters, area: str) -> int:
    rows = await pool.fetch(
        """SELECT count(*) FROM record WHERE ($1::text IS NULL OR contest = $1) AND ($2::text IS NULL OR key = $2)
           AND received_us >= $3 AND received_us < $4 AND area LIKE $5 || '.%'""",
        filters.contest, filters.key, filters.from_us or 0, filters.to_us or 2**62, area,
    )  # fmt: skip
    return int(rows[0][0])


async def test_any_page_of_finance_reports(read: tuple[Definition, ReadModel, Explaining]) -> None:
    _, model, explaining = read
    accounts: tuple[dict[str, Any], ...] = (
        {},
        {"account": "parties/P1/3.7"},
        {"area": "3.7"},
        {"party": "P2"},
        {"contest": "president"},
        {"party": "P2", "area": "8"},
    )
    late = Position("parties/P2/3", "LADK", 2, 0, 3_000_000)
    for account, report, state, rule, since_us, after, limit in product(
        accounts,
        (None, "LADK", "LPPDK"),
        (None, "held", "superseded"),
        (None, "D4", "G9"),
        (None, 4_050_000),
        (None, late),
        (1, 200),
    ):
        filters = FinanceFilters(**account, report=report, state=state, rule=rule, since_us=since_us, after=after)
        page = await model.finance(filters, limit)
        assert len(page.lines) <= limit
        _check(explaining, filters)


@pytest.mark.parametrize(
    ("filters", "reports"),
    [
        (FinanceFilters(rule="D4", with_history=True), 53),
        (FinanceFilters(rule="D4", state="held"), 18),
        (FinanceFilters(party="P1", since_us=4_052_000), 142),
        (FinanceFilters(area="3.7.7"), 2),
        (FinanceFilters(account="parties/P1/3.7.7", with_history=True), 3),
    ],
)
async def test_pages_of_finance_reports_hold_all_that_is_asked_for_in_order(
    read: tuple[Definition, ReadModel, Explaining], filters: FinanceFilters, reports: int
) -> None:
    """Also where most pages find none."""
    _, model, _ = read
    found: list[tuple[str, int]] = []
    after = None
    while True:
        page = await model.finance(filters._replace(after=after), 100)
        found += [(each["account"], each["version"]) for each in page.lines]
        after = page.after
        if after is None:
            break
    assert found == sorted(set(found))
    assert len(found) == reports


@pytest.mark.parametrize(("station", "records"), [("3.7.7-7", 10_001), ("3.7.7-8", 201), ("1.1.1-1", 1)])
@pytest.mark.parametrize("limit", [1, 100, 500])
async def test_the_pages_of_a_history_hold_all_of_it_in_order(
    read: tuple[Definition, ReadModel, Explaining], station: str, records: int, limit: int
) -> None:
    """Also of a station with 10,000 forms, and of one whose forms are so long that fewer than `limit` are on a page."""
    definition, model, explaining = read
    number, found, after, pages = definition.stations.number[station], [], BEFORE_ALL, 0
    while pages < 250:
        answer = (await model.station(number, after, limit)).answer
        _check(explaining, (station, after, limit))
        body = answer_bytes(definition, answer)
        assert len(body) <= HISTORY_BYTES_MAX + limit * 1_000 + RECORD_BYTES_MAX
        pages += 1
        assert 1 <= len(answer["history"]) <= limit
        found += [(entry["offset"], entry["partition"]) for entry in answer["history"]]
        if answer["next"] is None:
            break
        partition, _, offset = answer["next"].partition("/")
        after = RecordPosition(int(offset), int(partition))
        assert after == found[-1]
    assert found == sorted(set(found))
    assert len(found) == (records if pages < 250 else 250 * limit)


async def test_snapshots_and_look_ups(read: tuple[Definition, ReadModel, Explaining]) -> None:
    definition, model, explaining = read
    for area in AREAS:
        number = definition.tree.number[area]
        part = part_of_area(definition, number, definition.ballots.offices, 1)
        answer = (await model.area(number, definition.ballots.offices, part)).answer
        assert answer["offices"][0]["contests"]
        _check(explaining, area)
    for office in definition.ballots.offices:
        await model.office(office, part_of_office(definition, office, 1))
        _check(explaining, office.id)
    for contest in definition.ballots.contests:
        await model.contest(contest)
        _check(explaining, contest.id)
    assert await model.event(0, 5)
    _check(explaining, "event")
    again = await explaining.pool.fetchval("SELECT encode(sha256('again'), 'hex')")
    assert len(await model.submission(again)) == event_queries.RECORDS_OF_EVENT_MAX
    _check(explaining, "an event that has 5,000 records")
    connection = Explaining(explaining.pool, explaining.touched)
    await connection.fetch(event_queries.RECORDS_OF_EVENTS, [again, *(f"{number:064x}" for number in range(1_000))])
    _check(explaining, "look-up of a batch")
    await connection.fetch(queries.NEWEST_RECEIVED, 2**62)
    _check(explaining, "newest")


async def test_more_lists_than_can_be_read_are_refused_at_once_and_snapshots_go_on(pool: Any) -> None:
    """Twenty lists that hang hold up no other reader."""
    definition, connections = pool

    class Hanging:
        @asynccontextmanager
        async def acquire(self) -> AsyncIterator[Any]:
            await asyncio.Event().wait()
            yield

    model = ReadModel(connections, Hanging(), definition)
    contest = definition.ballots.contests[0]
    lists = [asyncio.create_task(model.stations(0, contest, None, None, 1)) for _ in range(20)]
    await asyncio.sleep(0)
    with pytest.raises(ListsBusyError):
        await model.stations(0, contest, None, None, 1)
    part = part_of_area(definition, 0, definition.ballots.offices, 1)
    assert (await model.area(0, definition.ballots.offices, part)).answer["area"]["code"] == "N"
    for each in lists:
        each.cancel()
    await asyncio.gather(*lists, return_exceptions=True)
    again = asyncio.create_task(model.stations(0, contest, None, None, 1))
    await asyncio.sleep(0)
    assert not again.done()
    again.cancel()
