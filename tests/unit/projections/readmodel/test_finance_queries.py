"""The statement of a page of finance reports: values are arguments, and each filter is one condition."""

from __future__ import annotations

import pytest

from projections.readmodel.finance_queries import FinanceFilters, Position, reports


def test_without_filters_all_but_superseded_reports_pass() -> None:
    statement, arguments = reports(FinanceFilters())
    assert arguments == []
    assert "state <> 'superseded'" in statement
    assert "FROM finance_report WHERE true ORDER BY" in " ".join(statement.split())
    assert "LIMIT 500\n" in statement
    assert "superseded" not in reports(FinanceFilters(with_history=True))[0]


@pytest.mark.parametrize(
    ("filters", "condition", "arguments"),
    [
        (FinanceFilters(account="parties/P1/1"), "account = $1", ["parties/P1/1"]),
        (FinanceFilters(area="1", report="LADK"), "AND seen.report = $2", ["1", "LADK"]),
        (FinanceFilters(account="a", report="LADK"), "account = $1 AND report = $2", ["a", "LADK"]),
        (FinanceFilters(party="P1"), "party = $1", ["P1"]),
        (FinanceFilters(contest="c"), "contest = $1", ["c"]),
        (FinanceFilters(state="held"), "AND state = $1", ["held"]),
        (FinanceFilters(rule="D1"), "jsonb_build_object('rule', $1::text)", ["D1"]),
        (FinanceFilters(since_us=5), "received_us >= $1", [5]),
        (
            FinanceFilters(after=Position("parties/P1/1", "LADK", 1, 0, 7)),
            '(account, report, version, partition, "offset") > ($1, $2, $3, $4, $5)',
            ["parties/P1/1", "LADK", 1, 0, 7],
        ),
    ],
)
def test_each_filter_is_a_condition_with_arguments(
    filters: FinanceFilters, condition: str, arguments: list[object]
) -> None:
    statement, given = reports(filters)
    assert condition in statement
    assert given == arguments
