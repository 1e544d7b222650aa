"""One cut of the read model, copied to the disk: the results of all stations at one moment, with the watermarks that name it.

The copy takes seconds. The files are written from the copy afterwards, so that no transaction stays open for minutes, in which
PostgreSQL could not clean up the rows that the recorder replaces meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from projections.definition.ballots import OfficeEntry
from projections.definition.compiled import Definition
from projections.readmodel import export_queries, queries
from projections.tables.standings import StationStanding, standings

COPY_SECONDS_MAX = 600.0
"""Limit for the copy of one contest. A nation's president takes less than a minute of a busy database."""


@dataclass(frozen=True, slots=True)
class CopiedCut:
    taken_at: datetime
    blocks: dict[tuple[str, int], int]
    """(office, ledger partition) → the last offset that is counted in."""
    directory: Path

    def standings(self, office: OfficeEntry) -> Iterator[StationStanding]:
        """The results of the office's stations, contest by contest. Raises OSError."""
        with _file(self.directory, office).open("rb") as lines:
            yield from standings(lines)


async def copy_cut(
    connection: Any, definition: Definition, offices: Iterable[OfficeEntry], directory: Path
) -> CopiedCut:
    """Copy the results of these offices into files of the directory, in one transaction. Raises OSError and what asyncpg
    raises."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(export_queries.MEMORY)
        rows = await connection.fetch(queries.BLOCK_WATERMARKS)  # the snapshot is taken here
        taken_at = datetime.now(UTC)
        for office in offices:
            with _file(directory, office).open("xb") as file:
                for number in office.contests:
                    await connection.copy_from_query(
                        export_queries.STANDINGS_OF_CONTEST,
                        definition.ballots.contests[number].id,
                        output=file,
                        format="text",
                        timeout=COPY_SECONDS_MAX,
                    )
    return CopiedCut(taken_at, {(row["office"], row["partition"]): row["through"] for row in rows}, directory)


def _file(directory: Path, office: OfficeEntry) -> Path:
    return directory / f"standings-{office.number}"
