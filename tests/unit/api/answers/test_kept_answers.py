"""Kept answers: bounded in bytes, and a client that asks for much does not push out what others read."""

from __future__ import annotations

from api.answers.content_codings import GZIP, IDENTITY
from api.answers.kept_answers import HALF_LIFE_SECONDS, Answer, KeptAnswers, Key, Kind
from api.answers.read_cut import ReadCut
from api.answers.reading import entity_tag


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_newest_answer_to_a_question_is_kept() -> None:
    kept = KeptAnswers(_Clock())
    key: Key = (Kind.AREA, "N", None)
    kept.keep(key, Answer(b"1", 0))
    newest = Answer(b"22", 5)
    kept.keep(key, newest)
    assert kept.get(key) is newest
    assert kept.peek(key) is newest
    assert kept.get((Kind.AREA, "N", "president")) is None
    assert kept.peek((Kind.AREA, "N", "president")) is None


def test_the_forms_of_an_answer_have_tags_of_their_own_and_count() -> None:
    kept = KeptAnswers(_Clock())
    key: Key = (Kind.AREA, "N", None)
    answer = Answer(b"x" * 1_000, 0)
    kept.keep(key, answer)
    before = kept.bytes(Kind.AREA)
    assert answer.add_form(IDENTITY, answer.body).etag == entity_tag(answer.body)
    kept.measure(key, answer)
    assert kept.bytes(Kind.AREA) == before
    form = answer.add_form(GZIP, b"y" * 300)
    assert form.etag == entity_tag(answer.body)[:-1] + '-gzip"'
    assert answer.add_form(GZIP, b"made twice") is form
    answer.heads[GZIP] = b"h" * 70, b"h" * 30
    kept.measure(key, answer)
    assert kept.bytes(Kind.AREA) == before + 400
    other = Answer(b"", 0)
    kept.keep(key, other)
    kept.measure(key, answer)  # of a version that is not kept any more
    assert kept.bytes(Kind.AREA) == before - 1_000


def test_an_answer_is_current_while_the_cut_of_what_it_shows_is_the_same() -> None:
    cut = ReadCut({"president": (4, 7), "council": (1, 1)}, {("president", 0): 5, ("-", 0): 3})
    of_president = Answer(b"", 0, ("president",), cut.digest(("president",)), cut.height)
    of_all = Answer(b"", 0, None, cut.digest(None), cut.height)
    assert of_president.is_at(cut)
    assert of_president.is_at(cut)
    assert of_all.is_at(cut)
    moved = ReadCut({"president": (4, 7), "council": (1, 2)}, {("president", 0): 5, ("-", 0): 3})
    assert of_president.is_at(moved)
    assert not of_all.is_at(moved)
    results = ReadCut({"president": (4, 8)}, {("president", 0): 5})
    blocks = ReadCut({"president": (4, 7)}, {("president", 0): 6})
    assert not of_president.is_at(results)
    assert not of_president.is_at(blocks)
    assert not Answer(b"", 0).is_at(cut)
    without_office = ReadCut({"president": (4, 7), "council": (1, 1)}, {("president", 0): 5, ("-", 0): 4})
    assert of_president.is_at(without_office)
    assert not of_all.is_at(without_office)


def test_each_kind_has_its_bound_in_bytes() -> None:
    kept = KeptAnswers(_Clock())
    for kind in Kind:
        for number in range(3_000):
            kept.keep((kind, number), Answer(b"x" * 50_000, 0))
            assert kept.bytes(kind) <= kind.bytes_max
        assert kept.bytes(kind) > kind.bytes_max / 2
        kept.keep((kind, "more than all"), Answer(b"x" * kind.bytes_max, 0))
        assert kept.get((kind, "more than all")) is None
        assert kept.bytes(kind) <= kind.bytes_max


def test_empty_answers_are_bounded_too() -> None:
    kept = KeptAnswers(_Clock())
    keys: list[Key] = [(Kind.PAGE, number) for number in range(20_000)]
    for key in keys:
        kept.keep(key, Answer(b"", 0))
    assert sum(key in kept for key in keys) < 10_000


def test_what_is_read_stays_whatever_one_reader_asks_for_once() -> None:
    clock = _Clock()
    kept = KeptAnswers(clock)
    read: list[Key] = [(Kind.AREA, f"read-{number}") for number in range(100)]
    for number in range(50_000):  # of 20 kB: a gigabyte
        clock.now += 0.01
        if number % 500 == 0:
            for key in read:
                kept.keep(key, Answer(b"x" * 20_000, 0))
        kept.keep((Kind.AREA, number), Answer(b"x" * 20_000, 0))
    assert all(key in kept for key in read)


def test_answers_of_one_kind_never_push_out_another() -> None:
    kept = KeptAnswers(_Clock())
    kept.keep((Kind.TOTAL, "president"), Answer(b"total", 0))
    for number in range(2_000):
        for _ in range(5):
            kept.keep((Kind.PAGE, number), Answer(b"x" * 20_000, 0))
    assert kept.get((Kind.TOTAL, "president")) is not None


def test_what_nobody_reads_any_more_makes_room() -> None:
    clock = _Clock()
    kept = KeptAnswers(clock)
    for _ in range(1_000):
        kept.keep((Kind.AREA, "yesterday's"), Answer(b"x" * 20_000, 0))
    clock.now = 20 * HALF_LIFE_SECONDS
    for number in range(2_000):
        for _ in range(2):
            kept.keep((Kind.AREA, number), Answer(b"x" * 20_000, 0))
    assert (Kind.AREA, "yesterday's") not in kept


def test_several_that_share_the_memory_have_a_part_of_it_each() -> None:
    kept = KeptAnswers(_Clock(), parts=4)
    for number in range(200):
        kept.keep((Kind.PAGE, number), Answer(bytes(100_000), 0.0))
    assert Kind.PAGE.bytes_max // 8 < kept.bytes(Kind.PAGE) <= Kind.PAGE.bytes_max // 4
    kept.keep((Kind.PAGE, "longer than a part"), Answer(bytes(Kind.PAGE.bytes_max // 2), 0.0))
    assert (Kind.PAGE, "longer than a part") not in kept
