"""PostgreSQL: pools of connections, and migrations of a schema."""

from __future__ import annotations

from importlib.resources.abc import Traversable

import asyncpg

from runtime.settings import Settings, SettingsError

COMMAND_SECONDS_MAX = 60
MIGRATION_SECONDS_MAX = 3_600
"""A migration may write every row of a nation again. A process that starts meanwhile waits for it."""
_MIGRATION_LOCK = 0x72656B6170
"""Number of an advisory lock ("rekap" in ASCII), because two processes that start together must not both migrate."""


async def open_pool(
    settings: Settings, schema: str, *, size: int = 4, statement_seconds_max: float | None = None
) -> asyncpg.Pool:
    """A pool on REKAP_DATABASE whose statements use one schema. PostgreSQL cancels a statement that takes longer than
    `statement_seconds_max`. Raises SettingsError where the setting is empty, and what asyncpg raises."""
    if not settings.database:
        raise SettingsError("REKAP_DATABASE: expected the address of a PostgreSQL database, got nothing")
    server_settings = {"search_path": _quoted(schema)}
    if statement_seconds_max is not None:
        server_settings["statement_timeout"] = str(int(statement_seconds_max * 1000))
    return await asyncpg.create_pool(
        settings.database,
        min_size=1,
        max_size=size,
        command_timeout=COMMAND_SECONDS_MAX,
        reset=_nothing_to_reset,
        server_settings=server_settings,
    )


async def _nothing_to_reset(connection: asyncpg.Connection) -> None:
    """Used instead of asyncpg's reset, which sends a second statement when a connection is given back, to undo settings and
    locks of the session. This program makes no such settings and releases its locks where it takes them, and asyncpg rolls back
    open transactions without that statement."""


async def migrate(pool: asyncpg.Pool, schema: str, migrations: Traversable) -> int:
    """Apply the numbered `NNNN-….sql` files that were not applied to the schema, each in its transaction. Gives how many.

    `schema` is the one the pool was opened on. The program made its name, never a client; it is quoted all the same.
    """
    quoted = _quoted(schema)
    done = 0
    files = sorted((file for file in migrations.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    async with pool.acquire() as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", _MIGRATION_LOCK, timeout=MIGRATION_SECONDS_MAX)
        try:
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted}")
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, applied_at timestamptz DEFAULT now())"
            )
            seen = {row["name"] for row in await connection.fetch("SELECT name FROM migration")}
            for file in files:
                if file.name not in seen:
                    async with connection.transaction():
                        await connection.execute(file.read_text(), timeout=MIGRATION_SECONDS_MAX)
                        await connection.execute("INSERT INTO migration (name) VALUES ($1)", file.name)
                    done += 1
        finally:
            await connection.execute("SELECT pg_advisory_unlock($1)", _MIGRATION_LOCK)
    return done


def _quoted(schema: str) -> str:
    return '"' + schema.replace('"', '""') + '"'
