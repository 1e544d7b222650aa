"""Why there is no answer, in words of ours: no text of httpx, httpcore or Python reaches a person."""

from __future__ import annotations

import httpx
import pytest

from rekap.embedded.ports import free_port
from runtime.http_client import AwayError, ask, client_for
from tests.support.fake_gateway import FakeGateway, answer, listening


async def _why(url: str) -> AwayError:
    async with client_for(url, seconds_max=5) as client:
        with pytest.raises(AwayError) as raised:
            await ask(client, "GET", url, bytes_max=100, seconds_max=5)
    return raised.value


async def test_a_server_that_is_not_there_is_named_by_the_reason_of_the_system() -> None:
    assert str(await _why(f"http://127.0.0.1:{free_port()}")) == "no server answers there (connection refused)"
    async with httpx.AsyncClient(transport=_Unknown()) as client:
        with pytest.raises(AwayError, match=r"^no server answers there \(the connection failed\)$"):
            await ask(client, "GET", "http://127.0.0.1", bytes_max=100, seconds_max=5)


class _Unknown(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("a text of the library")


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_server_is_not_one_that_is_away(status: int) -> None:
    made = answer(status, b"", "text/plain", "Retry-After: 7")
    async with listening(FakeGateway(respond=lambda *_: made)) as gateway:
        away = await _why(gateway.url)
    assert (away.was_busy, away.retry_after_s, away.was_odd) == (True, 7.0, False)
    assert not (await _why(f"http://127.0.0.1:{free_port()}")).was_busy


async def test_what_is_not_http_is_named_without_the_parsers_words() -> None:
    async with listening(FakeGateway(respond=lambda *_: b"nonsense\r\n\r\n")) as gateway:
        assert str(await _why(gateway.url)) == "what answers there is not HTTP, or broke off"
