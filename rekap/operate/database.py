"""Connections of an operator's command to PostgreSQL."""

from __future__ import annotations

from typing import Any

import asyncpg

from rekap.errors import NotReachedError
from rekap.failures import database_sentence
from runtime.settings import Settings


class DatabaseAwayError(NotReachedError):
    """PostgreSQL does not take the connection."""


async def connected(settings: Settings, schema: str | None = None) -> Any:
    """A connection whose search path is `schema`. Raises DatabaseAwayError."""
    search_path = {} if schema is None else {"search_path": f'"{schema}"'}
    try:
        return await asyncpg.connect(settings.database, server_settings=search_path)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseAwayError(database_sentence(error)) from None
