"""Problems are listed up to a bound, with their line as an editor shows it."""

from __future__ import annotations

import pytest

from schemas.definition.problems import ELECTION_TABLE, PROBLEMS_MAX, PackageProblem, Problem, ProblemList


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (PackageProblem("areas.csv", None, None, "the file is missing"), "areas.csv: the file is missing"),
        (PackageProblem("areas.csv", 3, None, "is wrong"), "areas.csv:3: is wrong"),
        (PackageProblem("areas.csv", 3, "code", "is empty"), "areas.csv:3: code: is empty"),
    ],
)
def test_a_problem_names_file_line_and_column_as_far_as_it_has_them(problem: PackageProblem, text: str) -> None:
    assert str(problem) == text


def test_as_many_problems_as_are_kept_are_all_listed() -> None:
    problems = ProblemList()
    for row in range(PROBLEMS_MAX):
        problems.add("areas", row, "code", "is wrong")
    assert problems.closed() == [Problem("areas", row, "code", "is wrong") for row in range(PROBLEMS_MAX)]


def test_one_more_is_counted() -> None:
    problems = ProblemList()
    for row in range(PROBLEMS_MAX + 1):
        problems.add("areas", row, "code", "is wrong")
    listed = problems.closed()
    assert len(listed) == PROBLEMS_MAX + 1
    assert listed[-1] == Problem(ELECTION_TABLE, None, None, "1 more problems are not listed; correct these first")
