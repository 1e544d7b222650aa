"""What routes answer, as OpenAPI describes it."""

from __future__ import annotations

from api.described import BYTES, READ_PROBLEMS, TEXT, UNCHANGED, described, described_as, problem_answers
from api.problems import MEDIA_TYPE, PROBLEM_RESPONSES
from schemas.served.examples import EXAMPLES
from schemas.served.snapshots import AreaSnapshot


def test_an_answer_of_the_read_model_has_its_example_its_texts_and_its_problems() -> None:
    found = described(AreaSnapshot, "text/csv", "application/x-ndjson")
    assert [*found] == [200, 304, *READ_PROBLEMS]
    assert (found[200]["model"], found[304]) == (AreaSnapshot, UNCHANGED)
    assert found[200]["content"] == {
        "application/json": {"example": EXAMPLES[AreaSnapshot]},
        "text/csv": TEXT,
        "application/x-ndjson": TEXT,
    }


def test_contents_are_described_with_the_problems_that_are_named() -> None:
    assert described_as("A picture.", {"image/png": BYTES}, (404,)) == {
        200: {"description": "A picture.", "content": {"image/png": BYTES}},
        404: PROBLEM_RESPONSES[404],
    }
    assert [*described_as("A picture.", {})] == [200, *READ_PROBLEMS]


def test_each_problem_has_an_example_of_its_own_status() -> None:
    assert problem_answers() == {}
    for status, found in problem_answers(*[each for each in PROBLEM_RESPONSES if isinstance(each, int)]).items():
        assert found["content"][MEDIA_TYPE]["example"]["status"] == status
