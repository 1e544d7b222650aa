"""What is written in each format is read back as the same rows, by readers that are not ours."""

from __future__ import annotations

import csv
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.tables.csv_table import FORMULA_BEGINNINGS
from runtime.tables.table_files import Format, TableFiles
from schemas.tables.columns import Column, Kind, Meaning, Table, code, count, text

TABLE = Table(
    "made",
    "1.0.0",
    Meaning("Made", "Dibuat"),
    (
        code("code", "A code", "Kode"),
        text("name", "A name", "Nama", nullable=True),
        text("other", "Another name", "Nama lain"),
        count("votes", "votes", "Votes", "Suara", nullable=True),
        Column("at", Kind.TIME, Meaning("A time", "Waktu"), nullable=True),
        Column("event", Kind.HASH, Meaning("A hash", "Hash"), nullable=True),
    ),
    ("code",),
)
Row = tuple[str, str | None, str, int | None, str | None, str | None]
HOSTILE: list[Row] = [
    ("0034020001", '=HYPERLINK("http://x")', "+1", 0, "2029-02-14T13:00:00.000Z", "00ff"),
    ("3402010001000001", "-2+3", "@SUM(B:B)", None, None, None),
    ("1", "'=quoted", "''", 999_999_999 * 1_500_000, None, "0" * 64),
    ("2", 'with "quotes", commas', "two\r\nlines", 1, None, None),
    ("3", "two\nlines", "\ttab", 1, None, None),
    ("4", None, "\rreturn", 1, None, None),
    ("5", "＝wide", "null", 1, None, None),
    ("6", "NULL", "\\N", 1, None, None),
    ("7", "ꦧꦱꦗꦮ 日本", "𝔸 é", 1, None, None),
    ("8", " = after a space", "\\", 1, None, None),
]


def _written(directory: Path, rows: list[Row], batch: int = 3) -> None:
    files = TableFiles(directory, "made", TABLE, list(Format), {"it's": "as of"})
    for start in range(0, len(rows), batch):
        files.write(rows[start : start + batch])
    for each in files.finish():
        content = (directory / each.name).read_bytes()
        assert (each.rows, each.bytes) == (len(rows), len(content))
        assert each.sha256 == hashlib.sha256(content).hexdigest()


def _csv(directory: Path) -> tuple[list[str], list[list[str]]]:
    with (directory / "made.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, strict=True)
    return header, rows


def _values(rows: list[list[str]]) -> list[Any]:
    """Rows of a CSV file, read by the rule of csv_table.py."""

    def value(cell: str, column: Column) -> Any:
        if cell == "":
            return None
        if column.kind is Kind.COUNT:
            return int(cell)
        return cell.removeprefix("'") if column.kind is Kind.TEXT else cell

    return [tuple(map(value, row, TABLE.columns)) for row in rows]


def _ndjson(directory: Path) -> list[Any]:
    lines = (directory / "made.ndjson").read_bytes().split(b"\n")
    assert lines.pop() == b""
    objects = [json.loads(line) for line in lines]
    assert all(tuple(each) == TABLE.column_names for each in objects)
    return [tuple(each.values()) for each in objects]


def _parquet(directory: Path) -> list[Any]:
    with duckdb.connect() as database:
        return database.execute("SELECT * FROM read_parquet(?)", [str(directory / "made.parquet")]).fetchall()


def test_hostile_rows_are_the_same_in_each_format(tmp_path: Path) -> None:
    _written(tmp_path, HOSTILE)
    header, rows = _csv(tmp_path)
    assert header == list(TABLE.column_names)
    assert _values(rows) == HOSTILE
    assert _ndjson(tmp_path) == HOSTILE
    assert _parquet(tmp_path) == HOSTILE


def test_no_cell_of_csv_is_taken_for_a_formula(tmp_path: Path) -> None:
    _written(tmp_path, HOSTILE)
    _, rows = _csv(tmp_path)
    assert not [cell for row in rows for cell in row if cell.startswith(FORMULA_BEGINNINGS)]


def test_csv_is_as_rfc_4180_has_it(tmp_path: Path) -> None:
    _written(tmp_path, HOSTILE[:1])
    assert (tmp_path / "made.csv").read_bytes() == (
        b"code,name,other,votes,at,event\r\n"
        b'0034020001,"\'=HYPERLINK(""http://x"")",\'+1,0,2029-02-14T13:00:00.000Z,00ff\r\n'
    )


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
ROWS = st.lists(
    st.tuples(
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,20}", fullmatch=True),
        st.none() | TEXTS,
        TEXTS,
        st.none() | st.integers(0, 2**60),
        st.none() | st.just("2029-02-14T13:00:00.000Z"),
        st.none() | st.from_regex(r"[0-9a-f]{1,64}", fullmatch=True),
    ),
    max_size=12,
)


@given(ROWS, st.integers(1, 5))
def test_any_rows_are_the_same_in_each_format(rows: list[Row], batch: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        _written(Path(name), rows, batch)
        assert _values(_csv(Path(name))[1]) == rows
        assert _ndjson(Path(name)) == rows
        assert _parquet(Path(name)) == rows


def test_parquet_has_whole_numbers_texts_and_its_cut(tmp_path: Path) -> None:
    _written(tmp_path, HOSTILE)
    with duckdb.connect() as database:
        types = database.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(tmp_path / "made.parquet")]).fetchall()
        kept = database.execute("SELECT key, value FROM parquet_kv_metadata(?)", [str(tmp_path / "made.parquet")])
        assert (b"it's", b"as of") in kept.fetchall()
    assert [kind for _, kind, *_ in types] == ["VARCHAR", "VARCHAR", "VARCHAR", "BIGINT", "VARCHAR", "VARCHAR"]


def test_only_the_wanted_formats_are_there(tmp_path: Path) -> None:
    for format in Format:
        (tmp_path / format).mkdir()
        files = TableFiles(tmp_path / format, "made", TABLE, [format], {"mode": "live"})
        files.write(HOSTILE)
        files.finish()
        assert [each.name for each in (tmp_path / format).iterdir()] == [f"made.{format}"]


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "made.ndjson").write_text("there")
    with pytest.raises(FileExistsError):
        TableFiles(tmp_path, "made", TABLE, list(Format), {})
    assert (tmp_path / "made.ndjson").read_text() == "there"
