"""The data dictionary: the columns and code lists of all tables, as two tables of the same kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schemas.tables.columns import Meaning, Table, code, text

COLUMNS = Table(
    "columns",
    "1.1.0",
    Meaning("Data dictionary: each column of each table", "Kamus data: setiap kolom setiap tabel"),
    (
        code("table", "Name of the table", "Nama tabel"),
        code("schema_version", "Version of the table's schema (semver)", "Versi skema tabel (semver)"),
        code("column", "Name of the column", "Nama kolom"),
        code("type", "code, text, count, amount, day, time or hash", "code, text, count, amount, day, time atau hash"),
        code("unit", "What a count counts", "Satuan hitungan", nullable=True),
        code("nullable", "yes where the column can have no value", "yes bila kolom boleh kosong"),
        code("key", "yes for columns that together name a row", "yes untuk kolom kunci"),
        text("meaning_en", "Meaning in English", "Arti dalam bahasa Inggris"),
        text("meaning_id", "Meaning in Indonesian", "Arti dalam bahasa Indonesia"),
    ),
    ("table", "column"),
)
CODES = Table(
    "codes",
    "1.0.0",
    Meaning("Code lists: each value of each column with a fixed list", "Daftar kode setiap kolom"),
    (
        code("table", "Name of the table", "Nama tabel"),
        code("column", "Name of the column", "Nama kolom"),
        code("code", "A value of the column", "Nilai kolom"),
        text("meaning_en", "Meaning in English", "Arti dalam bahasa Inggris"),
        text("meaning_id", "Meaning in Indonesian", "Arti dalam bahasa Indonesia"),
    ),
    ("table", "column", "code"),
)
DICTIONARY_TABLES = (COLUMNS, CODES)


def column_rows(tables: Iterable[Table]) -> Iterator[tuple[str | None, ...]]:
    for table in tables:
        for column in table.columns:
            yield (
                table.name,
                table.version,
                column.name,
                column.kind.value,
                column.unit,
                _yes(column.nullable),
                _yes(column.name in table.key),
                *column.meaning,
            )


def code_rows(tables: Iterable[Table]) -> Iterator[tuple[str, ...]]:
    for table in tables:
        for column in table.columns:
            for each in column.codes:
                yield table.name, column.name, each.code, *each.meaning


def _yes(value: bool) -> str:
    return "yes" if value else "no"
