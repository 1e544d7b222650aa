"""Applies messages of the topics in slices, because a feed that catches up has megabytes of them at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

APPLY_SECONDS = 0.005
"""Time of one slice, after which the loop does something else, because the process may have other roles."""


async def in_slices(messages: Iterable[Any]) -> AsyncIterator[Any]:
    """The messages in their order, with a turn of the loop between two slices."""
    until = time.perf_counter() + APPLY_SECONDS
    for message in messages:
        if time.perf_counter() > until:
            await asyncio.sleep(0)
            until = time.perf_counter() + APPLY_SECONDS
        yield message
