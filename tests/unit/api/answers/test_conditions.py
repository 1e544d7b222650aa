"""Preconditions and ranges, row by row as RFC 9110 has them."""

from __future__ import annotations

import pytest

from api.answers.conditions import NOT_SATISFIABLE, Part, outcome, part

TAG = '"abc"'
BEFORE, MODIFIED, AFTER = (f"Sun, 06 Nov 1994 08:49:{second} GMT" for second in (36, 37, 38))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, 200),
        # 13.1.2: weak comparison, lists, any; what is not an entity tag names nothing
        ({"if-none-match": TAG}, 304),
        ({"if-none-match": f"W/{TAG}"}, 304),
        ({"if-none-match": f'"x", W/"y,z" ,{TAG}'}, 304),
        ({"if-none-match": f'"x",,{TAG},'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": " * "}, 304),
        ({"if-none-match": '"x"'}, 200),
        ({"if-none-match": "abc"}, 200),
        ({"if-none-match": '"x, "abc'}, 200),
        ({"if-none-match": ""}, 200),
        # 13.1.1: strong comparison
        ({"if-match": TAG}, 200),
        ({"if-match": f'"x", {TAG}'}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": f"W/{TAG}"}, 412),
        ({"if-match": '"x"'}, 412),
        # 13.1.3: not looked at beside If-None-Match, nor where it is not a date
        ({"if-modified-since": MODIFIED}, 304),
        ({"if-modified-since": AFTER}, 304),
        ({"if-modified-since": BEFORE}, 200),
        ({"if-modified-since": "Sunday, 06-Nov-94 08:49:37 GMT"}, 304),
        ({"if-modified-since": "Sun Nov  6 08:49:37 1994"}, 304),
        ({"if-modified-since": "Sun, 06 Nov 1994 15:49:36 +0700"}, 200),
        ({"if-modified-since": "Sun, 06 Nov 1994 15:49:37 +0700"}, 304),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-modified-since": f"Sun, 06 Nov 1994 08:49:{'9' * 30} GMT"}, 200),
        ({"if-modified-since": f"Sun, 06 Nov 1994 08:49:37 +{'9' * 30}"}, 200),
        ({"if-modified-since": MODIFIED, "if-none-match": '"x"'}, 200),
        # 13.1.4: not looked at beside If-Match
        ({"if-unmodified-since": MODIFIED}, 200),
        ({"if-unmodified-since": BEFORE}, 412),
        ({"if-unmodified-since": "never"}, 200),
        ({"if-unmodified-since": f"Sun, 06 Nov 1994 08:49:36 +{'9' * 30}"}, 200),
        ({"if-unmodified-since": BEFORE, "if-match": TAG}, 200),
        # 13.2.2: the order
        ({"if-match": '"x"', "if-none-match": TAG}, 412),
        ({"if-match": TAG, "if-none-match": TAG}, 304),
        ({"if-unmodified-since": BEFORE, "if-modified-since": AFTER}, 412),
    ],
)
def test_a_condition_is_decided(asked: dict[str, str], expected: int) -> None:
    assert outcome(asked, TAG, MODIFIED) == expected


@pytest.mark.parametrize("name", ["if-modified-since", "if-unmodified-since"])
def test_a_date_has_no_effect_on_an_answer_without_one(name: str) -> None:
    assert outcome({name: BEFORE}, TAG, None) == 200


def test_an_answer_without_a_tag_has_no_name_in_a_list() -> None:
    assert outcome({"if-none-match": TAG}, None, None) == 200
    assert outcome({"if-match": TAG}, None, None) == 412
    assert part({"range": "bytes=0-1", "if-range": TAG}, 10, None, MODIFIED) is None


def test_a_weak_tag_is_never_strongly_the_same() -> None:
    assert outcome({"if-match": f"W/{TAG}"}, f"W/{TAG}", None) == 412
    assert outcome({"if-none-match": TAG}, f"W/{TAG}", None) == 304


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, None),
        ({"range": "bytes=0-0"}, Part(0, 1)),
        ({"range": "bytes=2-5"}, Part(2, 6)),
        ({"range": "bytes=5-"}, Part(5, 10)),
        ({"range": "bytes=5-1000"}, Part(5, 10)),
        ({"range": "bytes=-3"}, Part(7, 10)),
        ({"range": "bytes=-30"}, Part(0, 10)),
        ({"range": "Bytes = 0 - 1"}, Part(0, 2)),
        ({"range": "bytes=10-"}, NOT_SATISFIABLE),
        ({"range": "bytes=-0"}, NOT_SATISFIABLE),
        ({"range": "bytes=5-2"}, None),
        ({"range": "bytes=0-1,4-5"}, None),
        ({"range": "lines=0-1"}, None),
        ({"range": "bytes=" + "9" * 5_000 + "-"}, None),
        ({"range": "bytes=0-1", "if-range": TAG}, Part(0, 2)),
        ({"range": "bytes=0-1", "if-range": MODIFIED}, Part(0, 2)),
        ({"range": "bytes=0-1", "if-range": AFTER}, None),
        ({"range": "bytes=0-1", "if-range": '"x"'}, None),
        ({"range": "bytes=0-1", "if-range": f"W/{TAG}"}, None),
        ({"range": "bytes=0-1", "if-range": "W/"}, None),
        ({"range": "bytes=99-", "if-range": '"x"'}, None),
    ],
)
def test_a_range_is_read(asked: dict[str, str], expected: Part | None) -> None:
    assert part(asked, 10, TAG, MODIFIED) == expected


def test_an_empty_answer_has_no_part() -> None:
    assert part({"range": "bytes=0-"}, 0, TAG, None) == NOT_SATISFIABLE
    assert part({"range": "bytes=-5"}, 0, TAG, None) == NOT_SATISFIABLE
