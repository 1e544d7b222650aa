"""What a replay takes as a moment, and what it says of a question that has no answer."""

from __future__ import annotations

import pytest

from projections.definition import Definition
from rekap.replay import Question, ReplayError, cut_of, through_of
from tests.support.small_election import small_package

DEFINITION = Definition(small_package())


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ('{"0":12,"1":9}', {0: 12, 1: 9}),
        ("0:12,1:9", {0: 12, 1: 9}),
        ("0:-1", {0: -1}),
        ('{"contest":"president","as_of":{"2":0}}', {2: 0}),
        ("{}", {}),
    ],
)
def test_a_moment_is_an_as_of(text: str, cut: dict[int, int]) -> None:
    assert cut_of(text) == cut


@pytest.mark.parametrize("text", ["", "12", "0:12,", "[1,2]", '{"0":"x"}', '{"0":null}', "0:-2", '{"-1":3}', '"0:1"'])
def test_what_is_no_moment_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ReplayError, match="--to: expected"):
        cut_of(text)


class _Log:
    async def size(self, partition: int) -> int:
        return 10 + partition


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        ("0:10,1:0,2:0", "partition 0 has 10 events there, none with offset 10"),
        ("0:0,1:0,2:0,3:0", "partitions 0 to 2, not 3"),
        (
            "0:9",
            "names nothing for partition 1, 2; each of the 3 must be named, with -1 where none of its events counts",
        ),
    ],
)
async def test_a_moment_must_be_in_the_log(to: str, sentence: str) -> None:
    with pytest.raises(ReplayError, match=sentence):
        await through_of(_Log(), DEFINITION, to)  # type: ignore[arg-type]


async def test_without_a_moment_all_is_read() -> None:
    assert await through_of(_Log(), DEFINITION, None) == {0: 9, 1: 10, 2: 11}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (Question("1", "president", None, None, None), "--area and --contest do not go together"),
        (Question(None, None, "president", "1.1.1-1", None), "--office and --station do not go together"),
        (Question("9", None, None, None, None), "--area: there is no area '9'"),
        (Question(None, "mayor", None, None, None), "--contest: there is no contest 'mayor'"),
        (Question(None, None, None, "1.1.1", None), "--station: there is no station '1.1.1'"),
        (Question(None, None, None, None, "station"), "--level: there is no level 'station'"),
    ],
)
def test_a_question_without_an_answer_is_told_why(question: Question, sentence: str) -> None:
    with pytest.raises(ReplayError, match=sentence):
        question.check(DEFINITION)
