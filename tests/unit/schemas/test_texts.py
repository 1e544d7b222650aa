"""Which texts, addresses and times an event may hold: the same for the schema, the quick reader and the auditor."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.sources.events import Opened
from proofs.signatures import sign_envelope
from schemas.ledger.envelope import ledger_record
from schemas.ledger.events import LEDGER_EVENT
from schemas.ledger.reports import report_of
from schemas.texts import HIDDEN, SHOWN_CHARACTERS_MAX, same_name, shown, written
from tests.support.ledger import CREATED_AT, private_key
from tests.support.small_election import reported

SHA = "ab" * 32
FRAME = {"election": "small", "mode": "rehearsal", "definition": SHA, "seq": 0, "prev": None, "created_at": CREATED_AT}


def is_taken(**more: Any) -> bool:
    """By all three, or by none."""
    event = {**FRAME, **reported("1.1.1-1"), **more}
    payload = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
    try:
        LEDGER_EVENT.validate_json(payload)
        by_schema = True
    except ValueError:
        by_schema = False
    record = ledger_record(sign_envelope(private_key("officer"), payload), "test", CREATED_AT)
    assert (Opened(record).event is not None) == by_schema, (more, Opened(record).problem)
    if payload.isascii() and b"\\" not in payload:
        assert (report_of(payload) is not None) == by_schema, more
    else:
        assert report_of(payload) is None
    return by_schema


@pytest.mark.parametrize("text", ["C.HASIL-PPWP", "", "Formulaire n° 1", "表", "नेहरू\u200d", "a" * 60, "'\"<b>[red]"])
def test_a_form_may_have_any_name_that_can_be_seen(text: str) -> None:
    assert is_taken(form_name=text)


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "a\rb",
        "\t",
        "\x00",
        "\x1b[2J",
        "\x7f",
        "\x9b",
        "\u202eCBA",
        "\u2066",
        "\u200e",
        "\u061c",
        "\u2028",
        "\ufeff",
        "a\n",
    ],
)
def test_a_name_with_a_hidden_character_is_none(text: str) -> None:
    assert not is_taken(form_name=text)


@pytest.mark.parametrize(
    "url",
    [
        "https://kpu.example/1.jpg",
        "http://kpu.example",
        "https://kpu.example:8443/a?b=c&d=%20#e",
        "https://[2001:db8::1]/x",
        "https://10.0.0.1/",
    ],
)
def test_an_image_is_found_at_a_web_address(url: str) -> None:
    assert is_taken(images=[{"sha256": SHA, "url": url}])


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://a.example/",
        "HTTPS://a.example/",
        "//a.example/",
        "https://",
        "https:///x",
        "https://a.example/ x",
        "https://a.example/\n",
        "https://a.example/\u202e",
        "https://kpu.example@elsewhere.example/",
        'https://a.example/"onload="x',
        "https://a.example/<b>",
        "https://a.example/\\",
        "https://ä.example/",
        "",
    ],
)
def test_another_address_is_none(url: str) -> None:
    assert not is_taken(images=[{"sha256": SHA, "url": url}])


@pytest.mark.parametrize(
    "text",
    [
        "2029-02-29T00:00:00Z",
        "2028-02-30T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2029-04-31T00:00:00Z",
        "2029-13-01T00:00:00Z",
        "2029-00-10T00:00:00Z",
        "2029-01-00T00:00:00Z",
        "2029-01-32T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "9999-01-01T00:00:00Z",
        "2029-01-01T24:00:00Z",
        "2029-01-01T00:60:00Z",
        "2029-01-01T00:00:60Z",
        "2029-01-01T00:00:00+24:00",
        "2029-01-01T00:00:00+07:60",
        "2029-01-01T00:00:00",
        "2029-01-01 00:00:00Z",
        "2029-01-01T00:00:00z",
        "2029-01-01T00:00:00Z\n",
    ],
)
def test_a_time_that_there_is_not_is_none(text: str) -> None:
    assert not is_taken(created_at=text)


@pytest.mark.parametrize(
    "text",
    ["2028-02-29T23:59:59Z", "2000-02-29T00:00:00.123456+07:00", "2029-12-31T23:59:59-11:30", "1000-01-01T00:00:00Z"],
)
def test_a_time_that_there_is_is_taken(text: str) -> None:
    assert is_taken(created_at=text)


@settings(max_examples=1000, deadline=None)
@given(st.integers(1990, 2110), st.integers(0, 13), st.integers(0, 32), st.integers(0, 25), st.integers(0, 61))
def test_the_calendar_is_the_one_of_everybody(year: int, month: int, day: int, hour: int, minute: int) -> None:
    text = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z"
    try:
        datetime(year, month, day, hour, minute)
        exists = True
    except ValueError:
        exists = False
    assert is_taken(created_at=text) == exists


@settings(max_examples=1000, deadline=None)
@given(st.text(max_size=8), st.text(alphabet="ahtps:/.@[]?# \\\n%é0", max_size=12))
def test_whatever_the_text_all_readers_agree(name: str, rest: str) -> None:
    assert is_taken(form_name=name) == (HIDDEN.search(name) is None)
    is_taken(images=[{"sha256": SHA, "url": f"https://a{rest}"}])
    is_taken(images=[{"sha256": SHA, "url": rest}])


@given(st.text(alphabet=st.characters(), max_size=30))
def test_what_is_shown_is_one_line_without_hidden_characters(text: str) -> None:
    line = shown(text)
    assert HIDDEN.search(line) is None
    assert len(line.splitlines()) <= 1
    line.encode()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cafe\u0301", "Café"),
        ("Kam\u00adpung", "Kampung"),
        ("Kam\u200bpung", "Kampung"),
        ("Kampung\u00a0 Baru ", "Kampung Baru"),
    ],
)
def test_spellings_that_look_alike_are_one_name(one: str, other: str) -> None:
    assert same_name(one) == same_name(other) == other


def test_another_name_is_not_the_same() -> None:
    assert same_name("Kampung Baru") != same_name("KampungBaru") != same_name("kampungbaru")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\x07b\nc", r"a\x07b\x0ac"),
        ("\u202eabc", r"\u202eabc"),
        ("\ud800", r"\ud800"),
        ("x" * SHOWN_CHARACTERS_MAX, "x" * SHOWN_CHARACTERS_MAX),
        ("x" * (SHOWN_CHARACTERS_MAX + 1), "x" * (SHOWN_CHARACTERS_MAX - 1) + "…"),
    ],
)
def test_a_text_from_elsewhere_is_shown_in_a_line_of_bounded_length(text: str, line: str) -> None:
    assert shown(text) == line


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Jakarta", "'Jakarta'"),
        (1.5, "1.5"),
        (None, "None"),
        ([1, "a", [2, {"b": True, "a": None}]], "[1, 'a', [2, {'b': True, 'a': None}]]"),
        ("\x1b[2J", r"'\x1b[2J'"),
        ([[[[[1]]]]], "[[[[[...]]]]]"),
        ({"a": {"b": {"c": {"d": {"e": 1}}}}}, "{'a': {'b': {'c': {'d': {...}}}}}"),
        ({str(number): number for number in range(20)}, "{" + ", ".join(f"'{n}': {n}" for n in range(20)) + "}"),
        ({str(number): number for number in range(30)}, "{" + "".join(f"'{n}': {n}, " for n in range(20)) + "...}"),
    ],
)
def test_a_value_from_elsewhere_is_written_in_short(value: object, text: str) -> None:
    assert written(value) == text


def test_a_value_is_written_however_long_and_deep_it_is() -> None:
    nested = orjson.loads(b'[{"a":' * 500 + b"1" + b"}]" * 500)
    assert written(nested) == "[{'a': [{'a': [...]}]}]"
    assert len(written(["x" * 10_000_000] * 100)) <= SHOWN_CHARACTERS_MAX
