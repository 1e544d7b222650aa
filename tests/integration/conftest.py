"""What a module with a `stack` of its own speaks to it with."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from rekap.operate.stack import Stack
from tests.support.stacks import Voices


@pytest.fixture(scope="module")
def voices(stack: Stack) -> Voices:
    return Voices(stack)


@pytest_asyncio.fixture(loop_scope="module")
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        yield client
