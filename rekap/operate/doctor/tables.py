"""The tables of the read model beside the rows of a fresh fold, at the watermarks that the read model has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from projections.definition.compiled import Definition
from projections.fold.rollup import Rollup
from projections.readmodel import queries
from projections.readmodel.rows import (
    Batch,
    Row,
    Watermarks,
    office_rows,
    state_columns,
    station_rows,
    tally_rows,
)
from rekap.operate.doctor.report import Report
from rekap.operate.doctor.table_rows import Merge

PREFETCH = 1_000
"""Rows of a table that are held at once, 60 MB of the longest records. At double, they take twice the memory for 2% of the
time."""


class Tables:
    """The tables in one transaction of the connection."""

    def __init__(self, connection: Any, definition: Definition, report: Report) -> None:
        self._connection = connection
        self._definition = definition
        self._report = report
        self.blocks: dict[tuple[str, int], int] = {}
        """Watermark by office and ledger partition."""
        self.results: dict[str, tuple[int, ...]] = {}
        """`as_of` by office."""

    async def read_watermarks(self) -> None:
        rows = await self._connection.fetch(queries.BLOCK_WATERMARKS)
        self.blocks = {(row["office"], row["partition"]): row["through"] for row in rows}
        rows = await self._connection.fetch(queries.RESULT_WATERMARKS)
        self.results = {row["office"]: tuple(row["as_of"]) for row in rows}

    async def compare_partition(self, partition: int, kept: Batch) -> None:
        """Compare the rows of a partition that were folded to the watermarks of its offices."""
        found = {office: through for (office, number), through in self.blocks.items() if number == partition}
        for office in sorted({*found, *(office for office, _ in kept.watermarks.blocks)}):
            expected = kept.watermarks.blocks.get((office, partition))
            self._report.compare("block_watermark", f"{office}/{partition}", expected, found.get(office))
        await self._same(
            "record_state",
            zip(*state_columns(kept.states), strict=True),
            'SELECT partition, "offset", state, findings FROM record WHERE partition = $1 ORDER BY "offset"',
            partition,
        )
        await self._same(
            "station_result",
            station_rows(kept),
            'SELECT station, contest, rank, partition, "offset", through, state, contribution FROM station_result '
            'WHERE partition = $1 ORDER BY station COLLATE "C", contest COLLATE "C"',
            partition,
        )
        definition = self._definition
        below = [
            code
            for number, code in enumerate(definition.tree.codes)
            if definition.tree.level[number] > definition.tree.shard_level
            and definition.tree.partition_of_shard[definition.tree.shard[number]] == partition
        ]
        await self._same(
            "area_tally below the shard level",
            tally_rows(kept),
            "SELECT contest, area, tally FROM area_tally WHERE area = ANY($1::text[]) "
            'ORDER BY contest COLLATE "C", area COLLATE "C"',
            below,
        )

    async def compare_upper_areas(self, rollup: Rollup) -> None:
        """Compare the areas from the shard level up, and the sums of whole offices."""
        kept = Batch(self._definition, Watermarks({}, {}))
        for office in rollup.offices.values():
            frame = office.keyframe()
            if frame is not None:
                kept.add_result(frame.to_bytes())
        for office_id in sorted({*kept.watermarks.results, *self.results}):
            cut = kept.watermarks.results.get(office_id)
            self._report.compare("result_watermark", office_id, cut, self.results.get(office_id))
        definition = self._definition
        above = [
            code
            for number, code in enumerate(definition.tree.codes)
            if definition.tree.level[number] <= definition.tree.shard_level
        ]
        await self._same(
            "area_tally from the shard level up",
            tally_rows(kept),
            "SELECT contest, area, tally FROM area_tally WHERE area = ANY($1::text[]) "
            'ORDER BY contest COLLATE "C", area COLLATE "C"',
            above,
        )
        await self._same(
            "office_tally",
            office_rows(kept),
            'SELECT office, area, tally FROM office_tally ORDER BY office COLLATE "C", area COLLATE "C"',
        )

    async def compare_unknown(self) -> None:
        """Report rows of partitions and areas that the package does not have."""
        partitions = list(range(self._definition.partitions))
        for table, columns in (
            ("record", 'partition, "offset", event'),
            ("station_result", "station, contest, partition"),
            ("finance_report", 'partition, "offset", account'),
            ("block_watermark", "office, partition, through"),
        ):
            statement = f"SELECT {columns} FROM {table} WHERE partition <> ALL($1::int[])"  # noqa: S608  # our own names
            await self._same(table, [], statement, partitions)
        areas = list(self._definition.tree.codes)
        statement = "SELECT contest, area, tally FROM area_tally WHERE area <> ALL($1::text[])"
        await self._same("area_tally", [], statement, areas)

    async def _same(self, kind: str, expected: Iterable[Row], statement: str, *arguments: object) -> None:
        merge = self.merge(kind, statement, *arguments)
        await merge.take(expected)
        await merge.end()

    def merge(self, kind: str, statement: str, *arguments: object) -> Merge:
        rows = self._connection.cursor(statement, *arguments, prefetch=PREFETCH)
        return Merge(self._report, kind, aiter(rows))
