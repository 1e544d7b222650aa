"""What a replay takes as a moment, and its error for a question that has no answer."""

from __future__ import annotations

import pytest

from projections.definition.compiled import Definition
from projections.shown.answer_parts import HISTORY_BYTES_MAX, HistoryPage, RecordPosition, history_page
from projections.shown.published import Moment
from rekap.follow.question import Question
from rekap.follow.replay import Replayed, ReplayError, cut_of, through_of
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())


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
def test_what_is_not_a_moment_is_refused(text: str) -> None:
    with pytest.raises(ReplayError, match="--to: expected"):
        cut_of(text)


class _Log:
    async def size(self, partition: int) -> int:
        return 10 + partition


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        ("0:10,1:0,2:0", "partition 0 has 10 events in this log, none with offset 10"),
        ("0:0,1:0,2:0,3:0", "partitions 0 to 2, not 3"),
        (
            "0:9",
            "has no offset for partition 1, 2; each of the 3 needs one, which is -1 if none of its events counts",
        ),
    ],
)
async def test_a_moment_must_be_in_the_log(to: str, sentence: str) -> None:
    with pytest.raises(ReplayError, match=sentence):
        await through_of(_Log(), DEFINITION, cut_of(to))  # type: ignore[arg-type]  # as much of one as is used


async def test_without_a_moment_all_is_read() -> None:
    assert await through_of(_Log(), DEFINITION, None) == {0: 9, 1: 10, 2: 11}  # type: ignore[arg-type]  # as much of one as is used


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (Question("1", "president", None, None, None), "--area and --contest do not go together"),
        (Question(None, None, "president", "1.1.1-1", None), "--office and --station do not go together"),
        (Question("9", None, None, None, None), "--area: there is no area '9'"),
        (Question(None, "mayor", None, None, None), "--contest: there is no contest 'mayor'"),
        (Question(None, None, None, "1.1.1", None), "--station: there is no station '1.1.1'"),
        (Question(None, None, None, None, "station"), "--level: there is no level 'station'"),
        (Question(finance=True), "--finance: this election's package does not describe campaign finance"),
        (Question(finance=True, area="1"), "--finance and --area do not go together"),
        (Question(part=2), "--part: There is no part 2; this answer has 1."),
        (Question(office="president", part=2), "--part: There is no part 2; this answer has 1."),
        (Question(contest="president", part=1), "--part: only an area or an office is shown in parts; --contest is"),
        (Question(office="president", level="village", part=1), "--part: only an area .*; --level is shown whole"),
        (Question(area="1", after="0/1"), "--after: goes with --station or --finance only"),
        (
            Question(station="1.1.1-1", after="1"),
            "--after: expected the partition/offset of a record, as 0/12, got '1'",
        ),
    ],
)
def test_a_question_without_an_answer_gets_the_reason(question: Question, sentence: str) -> None:
    with pytest.raises(ReplayError, match=sentence):
        question.check(DEFINITION)


def test_the_parts_of_an_answer_hold_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    replayed = Replayed(Moment({}, {}, {}, {}), {}, ())
    whole = Question(area="1").answer(DEFINITION, replayed)
    monkeypatch.setattr("projections.shown.answer_parts.PART_BYTES_MAX", 3_000)
    first = Question(area="1").answer(DEFINITION, replayed)
    assert first["parts"] > 1
    parts = [Question(area="1", part=number).answer(DEFINITION, replayed) for number in range(1, first["parts"] + 1)]
    assert parts[0] == first
    assert [each["part"] for each in parts] == list(range(1, first["parts"] + 1))
    for shown in ("contests", "children"):
        in_parts = [each for part in parts for office in part["offices"] for each in office[shown]]
        of_whole = [each for office in whole["offices"] for each in office[shown]]
        assert sorted(map(repr, in_parts)) == sorted(map(repr, of_whole))


def test_pages_of_a_history_end_at_their_number_or_bytes() -> None:
    rows = [{"partition": 0, "offset": offset, "bytes": HISTORY_BYTES_MAX // 2} for offset in range(5)]
    assert history_page(rows[:2], 2) == HistoryPage(rows[:2], None)
    assert history_page(rows[:2], 1) == HistoryPage(rows[:1], RecordPosition(0, 0))
    assert history_page(rows, 5) == HistoryPage(rows[:2], RecordPosition(1, 0))
    huge = [{**row, "bytes": 2 * HISTORY_BYTES_MAX} for row in rows]
    assert history_page(huge, 5) == HistoryPage(huge[:1], RecordPosition(0, 0))
    assert history_page([], 5) == HistoryPage([], None)
