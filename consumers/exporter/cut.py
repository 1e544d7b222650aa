"""One cut of the read model, copied to the disk: the results of all stations at one moment, the events of the stations whose
result has changed, and the watermarks that name the cut.

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
from projections.form.across_contests import CrossJudge
from projections.readmodel import export_queries, finance_queries, queries
from projections.tables.finance_rows import copied_lines
from projections.tables.histories import HistoryRecord, history_records
from projections.tables.standings import StationStanding, standings

COPY_SECONDS_MAX = 600.0
"""Limit for one copy of one contest. A nation's president takes less than a minute of a busy database."""

FINANCE_FILE = "finance"


@dataclass(frozen=True, slots=True)
class CopiedCut:
    taken_at: datetime
    blocks: dict[tuple[str, int], int]
    """(office, ledger partition) → the last offset that is counted in."""
    directory: Path

    def standings(self, office: OfficeEntry) -> Iterator[StationStanding]:
        """The results of the office's stations, contest by contest. Raises OSError."""
        with _file(self.directory, "standings", office).open("rb") as lines:
            yield from standings(lines)

    def histories(self, office: OfficeEntry) -> Iterator[HistoryRecord]:
        """The events of the office's stations that have a history, contest by contest, and in each station by station. Raises
        OSError."""
        with _file(self.directory, "histories", office).open("rb") as lines:
            yield from history_records(lines)

    def finance(self, definition: Definition) -> Iterator[dict[str, Any]]:
        """The campaign finance reports, as they are listed. Raises OSError."""
        with (self.directory / FINANCE_FILE).open(encoding="utf-8", newline="") as copied:
            yield from copied_lines(definition, copied)


async def copy_cut(
    connection: Any, definition: Definition, offices: Iterable[OfficeEntry], directory: Path
) -> CopiedCut:
    """Copy the results of these offices into files of the directory, in one transaction. Raises OSError and what asyncpg
    raises."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(export_queries.MEMORY)
        rows = await connection.fetch(queries.BLOCK_WATERMARKS)  # the snapshot is taken here
        taken_at = datetime.now(UTC)
        compares_contests = CrossJudge(definition).is_on
        for office in offices:
            contests = [definition.ballots.contests[number].id for number in office.contests]
            await _copy(
                connection,
                _file(directory, "standings", office),
                export_queries.STANDINGS_OF_CONTEST,
                ((contest,) for contest in contests),
            )
            await _copy(
                connection,
                _file(directory, "histories", office),
                export_queries.HISTORIES_OF_CONTEST,
                ((contest, compares_contests) for contest in contests),
            )
        if definition.election.finance is not None:
            with (directory / FINANCE_FILE).open("xb") as file:
                await connection.copy_from_query(
                    finance_queries.ALL_REPORTS, output=file, format="csv", timeout=COPY_SECONDS_MAX
                )
    return CopiedCut(taken_at, {(row["office"], row["partition"]): row["through"] for row in rows}, directory)


async def _copy(connection: Any, path: Path, statement: str, parameters: Iterable[tuple[Any, ...]]) -> None:
    """Copy the rows of a statement into a new file, once for each of these parameters."""
    with path.open("xb") as file:
        for each in parameters:
            await connection.copy_from_query(statement, *each, output=file, format="text", timeout=COPY_SECONDS_MAX)


def _file(directory: Path, name: str, office: OfficeEntry) -> Path:
    return directory / f"{name}-{office.number}"
