"""A question to PostgreSQL that is given up after some seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Found = TypeVar("Found")


async def in_time(work: Coroutine[Any, Any, Found], seconds: float) -> Found:
    """Raises TimeoutError. Work that is given up is not waited for, because it first rolls back on a connection that may
    hang."""
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        task.cancel()
        raise TimeoutError
    return task.result()
