"""The body of a request at each of its bounds: the slowest and the smallest chunks that are taken, and the first refused."""

from __future__ import annotations

from api.http.request_body import (
    BODY_SECONDS_MAX,
    BODY_WINDOW_BYTES_MIN,
    BODY_WINDOW_SECONDS,
    CHUNK_BYTES_MIN,
    CHUNKS_FREE,
    RequestBody,
)
from api.problems import Problem

BEGAN = 1_000.0


def _body() -> RequestBody:
    body = RequestBody()
    body.begin(BEGAN)
    return body


def _sentence(problem: Problem | None) -> str:
    return "" if problem is None else str(problem)


def test_a_window_needs_its_bytes() -> None:
    body = _body()
    assert body.look(BEGAN + BODY_WINDOW_SECONDS, is_paused=False) is None
    body.bytes += BODY_WINDOW_BYTES_MIN
    assert body.look(BEGAN + BODY_WINDOW_SECONDS + 1, is_paused=False) is None
    body.bytes += BODY_WINDOW_BYTES_MIN - 1
    assert body.look(BEGAN + 2 * BODY_WINDOW_SECONDS + 1, is_paused=False) is None
    expected = "408 Too slow: At least 8192 bytes of a body must come in 15 s; got 8191."
    assert _sentence(body.look(BEGAN + 2 * BODY_WINDOW_SECONDS + 2, is_paused=False)) == expected


def test_a_window_in_which_this_side_does_not_read_is_not_counted() -> None:
    body = _body()
    paused_at = BEGAN + BODY_SECONDS_MAX + 1
    assert body.look(paused_at, is_paused=True) is None
    body.since = paused_at
    assert body.look(paused_at + BODY_WINDOW_SECONDS, is_paused=False) is None
    assert body.look(paused_at + BODY_WINDOW_SECONDS + 1, is_paused=False) is not None


def test_a_whole_body_has_its_time() -> None:
    body = _body()
    body.bytes = 10**9
    assert body.look(BEGAN + BODY_SECONDS_MAX, is_paused=False) is None
    expected = "408 Too slow: A body must come within 300 s: send less at once."
    assert _sentence(body.look(BEGAN + BODY_SECONDS_MAX + 1, is_paused=False)) == expected


def test_chunks_after_the_first_have_their_size_on_average() -> None:
    body = _body()
    assert [body.add_chunk() for _ in range(CHUNKS_FREE)] == [None] * CHUNKS_FREE
    body.bytes = CHUNK_BYTES_MIN
    assert body.add_chunk() is None
    assert _sentence(body.add_chunk()) == "400 Chunks too small: Chunks of a body must have 256 bytes on average."


def test_a_new_body_is_counted_from_zero() -> None:
    body = _body()
    body.bytes = 10**6
    for _ in range(CHUNKS_FREE):
        body.add_chunk()
    body.begin(BEGAN + 5)
    assert (body.bytes, body.since, body.add_chunk()) == (0, BEGAN + 5, None)
    assert body.look(BEGAN + 5 + BODY_WINDOW_SECONDS + 1, is_paused=False) is not None
