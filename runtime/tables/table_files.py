"""The files of one table, in each format that is wanted. All get the same rows, a batch at a time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from runtime.tables.csv_table import CsvTable
from runtime.tables.ndjson_table import NdjsonTable
from runtime.tables.parquet_table import write_parquet
from schemas.tables.columns import Table


class Format(StrEnum):
    """Also the ending of the file's name."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


MEDIA_TYPES: Mapping[Format, str] = {
    Format.CSV: "text/csv; charset=utf-8; header=present",
    Format.NDJSON: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
}


class WrittenFile(NamedTuple):
    name: str
    format: Format
    rows: int
    bytes: int
    sha256: str


class _RowWriter(Protocol):
    def write(self, rows: Sequence[Sequence[Any]]) -> None: ...

    def close(self) -> None: ...


class TableFiles:
    def __init__(
        self, directory: Path, stem: str, table: Table, formats: Collection[Format], about: Mapping[str, str]
    ) -> None:
        """Begin the files. `stem` is their name without its ending; `about` goes into files that can hold it. Raises
        OSError."""
        self._directory = directory
        self._stem = stem
        self._table = table
        self._formats = [each for each in Format if each in formats]
        self._about = about
        self._rows = 0
        self._csv = self._path(Format.CSV)
        if Format.CSV not in formats:
            self._csv = directory / f".{stem}.{Format.CSV}"  # from which the Parquet file is made
        self._writers: list[_RowWriter] = []
        try:
            if Format.CSV in formats or Format.PARQUET in formats:
                self._writers.append(CsvTable(self._csv, table))
            if Format.NDJSON in formats:
                self._writers.append(NdjsonTable(self._path(Format.NDJSON), table))
        except OSError:
            self.abandon()
            raise

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        for writer in self._writers:
            writer.write(rows)
        self._rows += len(rows)

    def abandon(self) -> None:
        """Close the files as they are."""
        for writer in self._writers:
            writer.close()

    def finish(self) -> list[WrittenFile]:
        """Complete the files, so that they outlive a power cut. Raises OSError."""
        for writer in self._writers:
            writer.close()
        if Format.PARQUET in self._formats:
            write_parquet(self._csv, self._path(Format.PARQUET), self._table, self._about)
        if Format.CSV not in self._formats:
            self._csv.unlink(missing_ok=True)
        return [self._written(each) for each in self._formats]

    def _path(self, format: Format) -> Path:
        return self._directory / f"{self._stem}.{format}"

    def _written(self, format: Format) -> WrittenFile:
        path = self._path(format)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
            return WrittenFile(path.name, format, self._rows, os.fstat(file.fileno()).st_size, digest)
