"""What is written in each format is read back as the same rows, by readers that are not ours."""

from __future__ import annotations

import csv
import hashlib
import json
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from python_calamine import CalamineWorkbook

from projections.tables.file_plan import ALL_TABLES
from runtime.tables import xlsx_table
from runtime.tables.csv_table import FORMULA_BEGINNINGS
from runtime.tables.parquet_files import ParquetFiles
from runtime.tables.table_files import Format, TableFiles
from runtime.tables.xml_table import xsd
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


ABOUT = {"election": 'a "test" & <more>', "as_of": {"0": 12}, "office": None, "it's": "as of"}


def _written(directory: Path, rows: list[Row], batch: int = 3, formats: Sequence[Format] = tuple(Format)) -> None:
    files = TableFiles(directory, "made", TABLE, formats, ABOUT)
    for start in range(0, len(rows), batch):
        files.write(rows[start : start + batch])
    assert files.rows == len(rows)
    for each in files.finish().values():
        content = (directory / each.name).read_bytes()
        assert each.bytes == len(content)
        assert each.sha256 == hashlib.sha256(content).hexdigest()


def _csv(directory: Path) -> tuple[list[str], list[list[str]]]:
    with (directory / "made.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, strict=True)
    return header, rows


def _values(rows: list[list[str]]) -> list[Any]:
    """Rows of a CSV file, read by the rule of runtime/tables/csv_table.py."""

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


def _json(directory: Path) -> list[Any]:
    whole = json.loads((directory / "made.json").read_bytes())
    assert {name: whole[name] for name in ABOUT} == ABOUT
    assert all(tuple(each) == TABLE.column_names for each in whole["rows"])
    return [tuple(each.values()) for each in whole["rows"]]


def _xml(directory: Path) -> list[Any]:
    document = etree.parse(directory / "made.xml")
    etree.XMLSchema(etree.fromstring(xsd(TABLE).encode())).assertValid(document)
    root = document.getroot()
    assert (root.get("election"), root.get("as_of"), root.get("office")) == (ABOUT["election"], '{"0":12}', None)
    rows = [{cell.tag: cell.text for cell in row} for row in root]
    return [
        tuple(
            None if (text := row.get(column.name)) is None else int(text) if column.kind is Kind.COUNT else text
            for column in TABLE.columns
        )
        for row in rows
    ]


def _xlsx(directory: Path) -> list[Any]:
    """All rows below the names of the columns, of all sheets behind the first."""
    book = CalamineWorkbook.from_path(directory / "made.xlsx")
    about, *sheets = (book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names)
    assert about[:3] == [["name", "value"], ["election", ABOUT["election"]], ["as_of", '{"0":12}']]
    assert all(sheet[0] == list(TABLE.column_names) for sheet in sheets)
    return [
        tuple(None if cell == "" else int(cell) if isinstance(cell, float) else cell for cell in row)
        for sheet in sheets
        for row in sheet[1:]
    ]


def test_hostile_rows_are_the_same_in_each_format(tmp_path: Path) -> None:
    _written(tmp_path, HOSTILE)
    header, rows = _csv(tmp_path)
    assert header == list(TABLE.column_names)
    assert _values(rows) == HOSTILE
    assert _ndjson(tmp_path) == HOSTILE
    assert _parquet(tmp_path) == HOSTILE
    assert _json(tmp_path) == HOSTILE
    assert _xml(tmp_path) == HOSTILE
    assert _xlsx(tmp_path) == HOSTILE


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
        st.none()
        | st.integers(0, 2**53),  # a spreadsheet has no larger whole numbers; no nation has 9 quadrillion voters
        st.none() | st.just("2029-02-14T13:00:00.000Z"),
        st.none() | st.from_regex(r"[0-9a-f]{1,64}", fullmatch=True),
    ),
    max_size=12,
)


@settings(max_examples=40)  # each opens a DuckDB
@given(ROWS, st.integers(1, 5))
def test_any_rows_are_the_same_in_each_format(rows: list[Row], batch: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        _written(Path(name), rows, batch, [Format.CSV, Format.NDJSON, Format.JSON, Format.PARQUET])
        assert _values(_csv(Path(name))[1]) == rows
        assert _ndjson(Path(name)) == rows
        assert _parquet(Path(name)) == rows
        assert _json(Path(name)) == rows


@settings(max_examples=60)
@given(ROWS, st.integers(1, 5))
def test_any_rows_of_characters_that_xml_has_are_the_same_in_xml_and_xlsx(rows: list[Row], batch: int) -> None:
    kept = [
        tuple(None if each is None else each if isinstance(each, int) else _of_xml(each) for each in row)
        for row in rows
    ]
    with tempfile.TemporaryDirectory() as name:
        _written(Path(name), rows, batch, [Format.XML, Format.XLSX])
        assert _xml(Path(name)) == kept
        if rows:
            assert _xlsx(Path(name)) == kept


def _of_xml(text: str) -> str:
    """The text with U+FFFD for each character that XML 1.0 does not have (2.2)."""
    return "".join(
        each
        if each in "\t\n\r" or " " <= each <= "\ud7ff" or "\ue000" <= each <= "\ufffd" or each >= "\U00010000"
        else "\ufffd"
        for each in text
    )


def test_a_long_table_continues_in_the_next_sheet_and_too_long_a_one_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx_table, "ROWS_OF_SHEET", 4)  # three rows below the names of the columns
    rows: list[Row] = [(f"{n}", None, "x", n, None, None) for n in range(13)]
    (tmp_path / "fits").mkdir()
    _written(tmp_path / "fits", rows[:12], batch=5)
    book = CalamineWorkbook.from_path(tmp_path / "fits" / "made.xlsx")
    assert book.sheet_names == ["about", "made", "made 2", "made 3", "made 4"]
    assert _xlsx(tmp_path / "fits") == rows[:12]
    files = TableFiles(tmp_path, "made", TABLE, [Format.XLSX, Format.CSV], ABOUT)
    for row in rows:
        files.write([row])
    assert files.finish().keys() == {Format.CSV}
    assert files.left_out == {Format.XLSX: "more rows than 4 sheets of 4 hold"}
    assert not (tmp_path / "made.xlsx").exists()
    assert len(_csv(tmp_path)[1]) == 13


def test_no_cell_of_xlsx_is_a_formula_or_a_code_a_number(tmp_path: Path) -> None:
    _written(tmp_path, HOSTILE)
    with zipfile.ZipFile(tmp_path / "made.xlsx") as whole:
        sheet = etree.fromstring(whole.read("xl/worksheets/sheet2.xml"))
    tags = {etree.QName(each).localname for each in sheet.iter()}
    assert "f" not in tags
    cells = [each for each in sheet.iter() if etree.QName(each).localname == "c" and len(each)]
    numbers = [each for each in cells if each.get("t") is None]
    assert {each[0].text for each in numbers} == {"0", "1", str(999_999_999 * 1_500_000)}
    assert {(each.get("t"), each.get("s")) for each in cells if each not in numbers} == {("inlineStr", "1")}


def test_what_excel_would_take_for_an_escape_is_kept(tmp_path: Path) -> None:
    _written(tmp_path, [("1", "_x0041_", "_x41_ _X0041_", 1, None, None)])
    with zipfile.ZipFile(tmp_path / "made.xlsx") as whole:
        sheet = whole.read("xl/worksheets/sheet2.xml").decode()
    assert ">_x005F_x0041_<" in sheet
    assert ">_x41_ _X0041_<" in sheet


def test_a_cell_has_at_most_the_characters_that_excel_takes(tmp_path: Path) -> None:
    _written(tmp_path, [("1", "x" * 40_000, "y", 1, None, None)])
    ((_, cut, *_),) = _xlsx(tmp_path)
    assert len(cut) == 32_767
    assert cut.endswith("x…")


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_each_table_has_a_valid_xsd(table: Table) -> None:
    schema = etree.XMLSchema(etree.fromstring(xsd(table).encode()))
    assert schema.validate(etree.fromstring("<rows election='x'/>"))
    assert not schema.validate(etree.fromstring("<rows><row><people>1</people></row></rows>"))


def test_parquet_has_whole_numbers_texts_and_its_cut(tmp_path: Path) -> None:
    _written(tmp_path, HOSTILE)
    with duckdb.connect() as database:
        types = database.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(tmp_path / "made.parquet")]).fetchall()
        kept = database.execute("SELECT key, value FROM parquet_kv_metadata(?)", [str(tmp_path / "made.parquet")])
        assert (b"it's", b"as of") in kept.fetchall()
    assert [kind for _, kind, *_ in types] == ["VARCHAR", "VARCHAR", "VARCHAR", "BIGINT", "VARCHAR", "VARCHAR"]


def test_parquet_files_are_made_beside_this_process(tmp_path: Path) -> None:
    with ParquetFiles() as parquet:
        names = ("one", "two")
        begun = [TableFiles(tmp_path, name, TABLE, [Format.CSV, Format.PARQUET], ABOUT, parquet) for name in names]
        for files in begun:
            files.write(HOSTILE)
            files.end_rows()
        for name, files in zip(names, begun, strict=True):
            while not files.is_made(0.01):
                pass
            assert files.finish().keys() == {Format.CSV, Format.PARQUET}
            (tmp_path / f"{name}.parquet").rename(tmp_path / "made.parquet")
            assert _parquet(tmp_path) == HOSTILE


def test_a_parquet_file_that_cannot_be_made_is_an_error_of_that_file_alone(tmp_path: Path) -> None:
    with ParquetFiles() as parquet:
        wrong = parquet.begin(tmp_path / "absent.csv", tmp_path / "absent.parquet", TABLE, {"mode": "live"})
        with pytest.raises(OSError, match="absent"):
            wrong.result(30)
        right = TableFiles(tmp_path, "right", TABLE, [Format.PARQUET], ABOUT, parquet)
        right.write(HOSTILE)
        right.end_rows()
        assert right.finish().keys() == {Format.PARQUET}


def test_what_is_not_made_when_the_process_ends_is_an_error(tmp_path: Path) -> None:
    with ParquetFiles() as parquet:
        files = TableFiles(tmp_path, "made", TABLE, [Format.PARQUET], ABOUT, parquet)
        files.write(HOSTILE)
        files.end_rows()
        files.finish()
        assert parquet._process is not None
        parquet._process.kill()
        parquet._process.wait()
        again = TableFiles(tmp_path, "again", TABLE, [Format.PARQUET], ABOUT, parquet)
        again.end_rows()
        with pytest.raises(OSError, match=r"ended|Broken pipe"):
            again.finish()
    with pytest.raises(RuntimeError):
        parquet.begin(tmp_path / "x", tmp_path / "y", TABLE, {})


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
