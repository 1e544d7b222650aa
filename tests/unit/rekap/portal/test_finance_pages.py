"""Pages of finance reports from SQLite: those that pass the filters, in order, of the reports that a page examines."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple
from unittest.mock import patch

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.readmodel.finance_queries import FinanceFilters, Position
from rekap.portal import finance_pages
from rekap.portal.finance_pages import COUNTING_KINDS, finance_page
from rekap.portal.read_model_file import INDEXES, TABLES, as_dictionary

EXAMINED = 4


class Report(NamedTuple):
    account: str
    report: str
    version: int
    partition: int
    offset: int
    area: str
    party: str | None
    contest: str | None
    state: str
    rules: tuple[str, ...]
    received_us: int


def _report(offset: int, account: tuple[str, str, str | None, str | None], *rest: Any) -> Report:
    path, area, party, contest = account
    report, version, state, rules, received_us = rest
    return Report(path, report, version, 0, offset, area, party, contest, state, tuple(rules), received_us)


ACCOUNTS = (
    ("parties/P1/1", "1", "P1", None), ("parties/P1/2", "2", "P1", None), ("candidates/c/01", "1", None, "c"),
)  # fmt: skip
reports = st.lists(
    st.tuples(
        st.sampled_from(ACCOUNTS), st.sampled_from(("A", "B")), st.integers(1, 3),
        st.sampled_from(("counted", "flagged", "held", "superseded")),
        st.lists(st.sampled_from(("D1", "D4")), unique=True), st.integers(0, 6),
    ),
    max_size=12,
).map(lambda found: [_report(offset, *each) for offset, each in enumerate(found)])  # fmt: skip
filters = st.builds(
    FinanceFilters,
    account=st.none() | st.sampled_from([account for account, *_ in ACCOUNTS]),
    area=st.none() | st.sampled_from(("1", "2")),
    party=st.none() | st.just("P1"),
    contest=st.none() | st.just("c"),
    report=st.none() | st.sampled_from(("A", "B")),
    state=st.none() | st.sampled_from(("held", "superseded")),
    with_history=st.booleans(),
    rule=st.none() | st.sampled_from(("D1", "D4", "D44")),
    since_us=st.none() | st.integers(0, 6),
    after=st.none()
    | st.builds(Position, st.just("parties/P1/1"), st.just("A"), st.integers(1, 3), st.just(0), st.integers(0, 9)),
)  # fmt: skip


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(":memory:")
    made.row_factory = as_dictionary
    made.executescript(TABLES + INDEXES)
    yield made
    made.close()


def _write(connection: sqlite3.Connection, found: list[Report]) -> None:
    connection.executescript("DELETE FROM record; DELETE FROM finance_report;")
    for each in found:
        connection.execute(
            'INSERT INTO record (partition, "offset", event, state, findings, received_us) VALUES (?, ?, ?, ?, ?, ?)',
            (
                each.partition,
                each.offset,
                b"\xab",
                each.state,
                orjson.dumps([{"rule": rule, "of": "D4"} for rule in each.rules]).decode(),
                each.received_us,
            ),
        )
        connection.execute("INSERT INTO finance_report VALUES (?, ?, ?, ?, ?, ?, ?, ?)", each[:8])


def _passes(asked: FinanceFilters, each: Report) -> bool:
    is_in_state = (
        each.state == asked.state
        if asked.state is not None
        else asked.with_history or each.state != "superseded"
    )  # fmt: skip
    has_rule = asked.rule is None or asked.rule in each.rules
    is_of_kind = asked.report in (None, each.report)
    return is_of_kind and is_in_state and has_rule and (asked.since_us is None or each.received_us >= asked.since_us)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reports, filters)
def test_a_page_has_what_is_examined_and_blank_what_does_not_pass(
    connection: sqlite3.Connection, found: list[Report], asked: FinanceFilters
) -> None:
    _write(connection, found)
    wanted = [
        each
        for each in sorted(found, key=lambda each: each[:5])
        if all(
            getattr(asked, name) in (None, getattr(each, name))
            for name in ("account", "area", "party", "contest", *(("report",) if asked.account else ()))
        )
        and (asked.after is None or each[:5] > asked.after)
    ][:EXAMINED]
    with patch.object(finance_pages, "EXAMINED_MAX", EXAMINED):
        page = finance_page(connection, asked)
    assert [tuple(row.values())[:5] for row in page] == [each[:5] for each in wanted]
    assert [row["event"] for row in page] == ["ab" if _passes(asked, each) else None for each in wanted]


def test_the_kinds_that_count_are_those_of_the_account(connection: sqlite3.Connection) -> None:
    first, second, _ = ACCOUNTS
    _write(
        connection,
        [
            _report(0, first, "A", 1, "counted", (), 0),
            _report(1, first, "B", 1, "held", (), 0),
            _report(2, first, "C", 1, "flagged", (), 0),
            _report(3, second, "D", 1, "counted", (), 0),
        ],
    )
    rows = connection.execute(COUNTING_KINDS, (first[0],)).fetchall()
    assert sorted(row["report"] for row in rows) == ["A", "C"]


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        (FinanceFilters(), "SCAN finance_report"),
        (FinanceFilters(account="parties/P1/1"), "SEARCH finance_report USING PRIMARY KEY (account=?)"),
        (FinanceFilters(area="1"), "SEARCH finance_report USING COVERING INDEX finance_report_area (area=?"),
        (FinanceFilters(party="P1"), "SEARCH finance_report USING COVERING INDEX finance_report_party (party=?"),
        (FinanceFilters(contest="c"), "SEARCH finance_report USING COVERING INDEX finance_report_contest (contest=?"),
    ],
)
def test_each_filter_is_read_in_the_order_of_an_index(
    connection: sqlite3.Connection, asked: FinanceFilters, index: str
) -> None:
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    finance_page(connection, asked)
    connection.set_trace_callback(None)
    plan = [row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {statements[-1]}")]
    assert any(each.startswith(index) for each in plan), plan
    # Only the page is sorted, which has EXAMINED_MAX reports at most.
    assert sum("TEMP B-TREE" in each for each in plan) <= 1, plan
    assert any("found USING INDEX" in each and "partition=? AND offset=?" in each for each in plan), plan
