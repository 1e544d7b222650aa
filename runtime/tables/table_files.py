"""The files of one table, in each format that is wanted. All get the same rows, a batch at a time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, wait
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson

from runtime.tables.csv_table import CsvTable
from runtime.tables.json_table import JsonTable
from runtime.tables.ndjson_table import NdjsonTable
from runtime.tables.parquet_files import ParquetFiles
from runtime.tables.parquet_table import write_parquet
from runtime.tables.xlsx_table import TooManyRowsError, XlsxTable
from runtime.tables.xml_table import XmlTable
from schemas.tables.columns import Table


class Format(StrEnum):
    """A format of tables. Its value is the ending of the file's name too."""

    CSV = "csv"
    NDJSON = "ndjson"
    JSON = "json"
    XML = "xml"
    XLSX = "xlsx"
    PARQUET = "parquet"


MEDIA_TYPES: Mapping[Format, str] = {
    Format.CSV: "text/csv; charset=utf-8; header=present",
    Format.NDJSON: "application/x-ndjson",
    Format.JSON: "application/json",
    Format.XML: "application/xml",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.PARQUET: "application/vnd.apache.parquet",
}


class WrittenFile(NamedTuple):
    name: str
    bytes: int
    sha256: str


def written_file(path: Path) -> WrittenFile:
    """The size and digest of a file, which outlives a power cut from now on. Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
        return WrittenFile(path.name, os.fstat(file.fileno()).st_size, digest)


class _RowWriter(Protocol):
    def write(self, rows: Sequence[Sequence[Any]]) -> None: ...

    def close(self) -> None: ...


class TableFiles:
    def __init__(
        self,
        directory: Path,
        stem: str,
        table: Table,
        formats: Collection[Format],
        about: Mapping[str, Any],
        parquet: ParquetFiles | None = None,
    ) -> None:
        """Begin the files. `stem` is their name without its ending; `about` goes into files that can hold it; `parquet` has the
        Parquet file made beside this process. Raises OSError."""
        self._directory = directory
        self._stem = stem
        self._table = table
        self._about = {name: _text(value) for name, value in about.items() if value is not None}
        self._parquet = parquet
        self._making: Future[None] | None = None
        self.rows = 0
        self.left_out: dict[Format, str] = {}
        """Formats that cannot hold the table → the reason."""
        self._formats = [each for each in Format if each in formats]
        self._csv = self._path(Format.CSV)
        if Format.CSV not in formats:
            self._csv = directory / f".{stem}.{Format.CSV}"  # from which the Parquet file is made
        self._writers: dict[Format, _RowWriter] = {}
        try:
            if Format.CSV in formats or Format.PARQUET in formats:
                self._writers[Format.CSV] = CsvTable(self._csv, table)
            if Format.NDJSON in formats:
                self._writers[Format.NDJSON] = NdjsonTable(self._path(Format.NDJSON), table)
            if Format.JSON in formats:
                self._writers[Format.JSON] = JsonTable(self._path(Format.JSON), table, about)
            if Format.XML in formats:
                self._writers[Format.XML] = XmlTable(self._path(Format.XML), table, self._about)
            if Format.XLSX in formats:
                self._writers[Format.XLSX] = XlsxTable(self._path(Format.XLSX), table, self._about)
        except OSError:
            self.abandon()
            raise

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        for format, writer in list(self._writers.items()):
            try:
                writer.write(rows)
            except TooManyRowsError as error:
                self._leave_out(format, str(error))
        self.rows += len(rows)

    def abandon(self) -> None:
        """Close the files as they are."""
        for writer in self._writers.values():
            writer.close()

    def finish(self) -> dict[Format, WrittenFile]:
        """Complete the files, so that they outlive a power cut. Raises OSError."""
        return {each: written_file(path) for each, path in self.complete().items()}

    def end_rows(self) -> None:
        """Close the files, all rows of which were written, and have the Parquet file made beside this process, if it can be."""
        self.abandon()
        if self._parquet is not None and Format.PARQUET in self._formats:
            self._making = self._parquet.begin(self._csv, self._path(Format.PARQUET), self._table, self._about)

    def is_made(self, seconds: float) -> bool:
        """Wait for the Parquet file, `seconds` at most. True where there is nothing more to wait for."""
        return self._making is None or not wait([self._making], seconds).not_done

    def complete(self) -> dict[Format, Path]:
        """Complete the files. Raises OSError."""
        self.abandon()
        if self._making is not None:
            self._making.result()
        elif Format.PARQUET in self._formats:
            columns = [(column.name, column.kind) for column in self._table.columns]
            write_parquet(self._csv, self._path(Format.PARQUET), columns, self._about)
        if Format.CSV not in self._formats:
            self._csv.unlink(missing_ok=True)
        return {each: self._path(each) for each in self._formats}

    def _leave_out(self, format: Format, reason: str) -> None:
        self._writers.pop(format).close()
        self._path(format).unlink()
        self._formats.remove(format)
        self.left_out[format] = reason

    def _path(self, format: Format) -> Path:
        return self._directory / f"{self._stem}.{format}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
