"""Bodies that are held at once have one bound together, a share for each address and one for batches; and what was held is
free again, whatever became of it."""

from __future__ import annotations

import pytest
from fastapi import Request

from api.limits import held_bytes
from api.limits.limits import CLIENT_ADDRESS, Limits
from api.problems import Problem
from api.submit.bodies import BATCH_LINES_MAX, LINE_ENDS_MAX, Lines, held_body
from runtime.settings import Settings

LIMIT = 10_000


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Limits:
    monkeypatch.setattr(held_bytes, "BYTES_MAX", 1_000)
    monkeypatch.setattr(held_bytes, "BATCHES_BYTES_MAX", 800)
    monkeypatch.setattr(held_bytes, "ADDRESS_BYTES_MAX", 600)
    return Limits(Settings())


def _request(
    size: int,
    address: str = "a",
    chunk: int = 100,
    *,
    declares: int | None = None,
    coding: tuple[bytes, bytes] | None = None,
) -> Request:
    parts = [b"x" * min(chunk, size - start) for start in range(0, size, chunk)]
    headers = [] if declares is None else [(b"content-length", b"%d" % declares)]
    headers += [] if coding is None else [coding]

    async def receive() -> dict[str, object]:
        body = parts.pop(0) if parts else b""
        return {"type": "http.request", "body": body, "more_body": bool(parts)}

    return Request(
        {"type": "http", "method": "POST", "path": "/", "headers": headers, CLIENT_ADDRESS: address}, receive
    )


async def test_what_is_more_than_the_bound_gets_retry_after(limits: Limits) -> None:
    async with held_body(limits, _request(600), LIMIT) as first:
        assert len(first) == 600
        with pytest.raises(Problem) as refused:
            async with held_body(limits, _request(600, "b"), LIMIT):
                pytest.fail("1,200 bytes are held where 1,000 may be")
        assert refused.value.status == 503
        async with held_body(limits, _request(400, "b"), LIMIT) as second:
            assert len(second) == 400


async def test_a_batch_of_line_ends_is_refused_before_it_has_come(
    limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_bytes, "ADDRESS_BYTES_MAX", 10**6)
    monkeypatch.setattr(held_bytes, "BATCHES_BYTES_MAX", 10**6)
    monkeypatch.setattr(held_bytes, "BYTES_MAX", 10**6)
    read = []

    async def receive() -> dict[str, object]:
        read.append(1)
        return {"type": "http.request", "body": b"\n" * 50, "more_body": True}

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": [], CLIENT_ADDRESS: "a"}, receive)
    with pytest.raises(Problem) as refused:
        async with held_body(limits, request, 10**9, is_batch=True):
            pytest.fail("it has no end")
    assert refused.value.status == 413
    assert len(read) == LINE_ENDS_MAX // 50 + 1


async def test_one_address_holds_its_share_and_no_more(limits: Limits) -> None:
    async with held_body(limits, _request(500), LIMIT):
        with pytest.raises(Problem) as refused:
            async with held_body(limits, _request(200), LIMIT):
                pytest.fail("it has 600 already")
        assert refused.value.status == 429
        assert refused.value.headers["Retry-After"] == "2"
        async with held_body(limits, _request(500, "b"), LIMIT):
            pass


async def test_batches_leave_room_for_single_submissions(limits: Limits) -> None:
    async with (
        held_body(limits, _request(500), LIMIT, is_batch=True),
        held_body(limits, _request(300, "b"), LIMIT, is_batch=True),
    ):
        with pytest.raises(Problem) as refused:
            async with held_body(limits, _request(100, "c"), LIMIT, is_batch=True):
                pytest.fail("batches hold 800 already")
        assert refused.value.status == 503
        async with held_body(limits, _request(200, "c"), LIMIT):
            pass
    assert limits.refusals.current() == ["batches of 0 MiB are held already"]


async def test_a_body_that_is_declared_too_large_is_not_read(limits: Limits) -> None:
    with pytest.raises(Problem) as refused:
        async with held_body(limits, _request(0, declares=LIMIT + 1), LIMIT):
            pytest.fail("it is too large")
    assert refused.value.status == 413


async def test_what_was_refused_or_failed_is_held_no_longer(limits: Limits) -> None:
    for limit in (LIMIT, 50):
        with pytest.raises(Problem):
            async with held_body(limits, _request(1_100), limit):
                pytest.fail("it is too large")
    with pytest.raises(ZeroDivisionError):
        async with held_body(limits, _request(500), LIMIT, is_batch=True):
            raise ZeroDivisionError
    async with held_body(limits, _request(600), LIMIT) as body:
        assert len(body) == 600
    assert not limits.bodies._of_address


def test_a_batch_has_so_many_lines_and_no_more() -> None:
    assert len(Lines(bytearray(b"x\n\n" * BATCH_LINES_MAX))) == BATCH_LINES_MAX
    assert len(Lines(bytearray(b"x\r\n" * BATCH_LINES_MAX))) == BATCH_LINES_MAX
    with pytest.raises(Problem):
        Lines(bytearray(b"x\n" * (BATCH_LINES_MAX + 1)))


@pytest.mark.parametrize("body", [b"", b"\n", b"a", b"a\n", b" a \r\n\nb\n \n c", b"\n\na b\n"])
def test_the_lines_of_a_batch_are_those_that_are_not_empty(body: bytes) -> None:
    lines = Lines(bytearray(body))
    assert list(lines) == [line for each in body.split(b"\n") if (line := each.strip())]
    assert lines[:] == list(lines)


@pytest.mark.parametrize(
    ("name", "value", "is_read"),
    [
        (b"content-encoding", b"gzip", False),
        (b"content-encoding", b"identity, br", False),
        (b"content-encoding", b"Identity", True),
        (b"transfer-encoding", b"gzip, chunked", False),
        (b"transfer-encoding", b"chunked", True),
    ],
)
async def test_a_body_in_another_coding_is_refused_by_its_header(
    limits: Limits, name: bytes, value: bytes, is_read: bool
) -> None:
    if is_read:
        async with held_body(limits, _request(10, coding=(name, value)), LIMIT) as body:
            assert len(body) == 10
        return
    with pytest.raises(Problem) as refused:
        async with held_body(limits, _request(10, coding=(name, value)), LIMIT):
            pytest.fail("a body is read whose coding is not understood")
    assert (refused.value.status, refused.value.body["field"]) == (415, f"header.{name.decode()}")
    assert refused.value.headers == {"Accept-Encoding": "identity"}
