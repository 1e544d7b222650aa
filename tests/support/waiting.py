"""Waiting for what must come, however busy the machine is: never a sleep that hopes it has come by then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

LOOK_SECONDS = 0.005


async def until(holds: Callable[[], object], *, seconds: float = 180.0) -> None:
    """Let the event loop run until the condition holds. Fails when it does not in time."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, f"did not come within {seconds:g} s"
        await asyncio.sleep(LOOK_SECONDS)
