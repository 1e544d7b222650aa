"""The descriptions of the tables: whole, without personal data, and stable from version to version."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import pytest

from schemas.canonical import sha256_hex
from schemas.tables.columns import Kind, Table
from schemas.tables.dictionary import DICTIONARY_TABLES
from schemas.tables.finance import FINANCE_TABLES
from schemas.tables.lists import LIST_TABLES
from schemas.tables.register import REGISTER_TABLES
from schemas.tables.results import RESULT_TABLES

TABLES = (*RESULT_TABLES, *FINANCE_TABLES, *REGISTER_TABLES, *DICTIONARY_TABLES, *LIST_TABLES)
each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)

PUBLISHED = {
    "station-counts": ("1.0.0", "b9938766875d5821"),
    "station-votes": ("1.0.0", "953ab098eb128419"),
    "area-counts": ("1.0.0", "aad6a5ca1f0df040"),
    "area-votes": ("1.0.0", "9bc54b0df99f04a5"),
    "counts-over-time": ("1.0.0", "bd96696b3d43534f"),
    "votes-over-time": ("1.0.0", "b921275123e08d5c"),
    "finance-reports": ("1.0.1", "af87d05bee81f2d0"),
    "finance-lines": ("1.0.1", "46dcf47e2f9928dc"),
    "areas": ("1.0.0", "fb822475c01f4dd8"),
    "stations": ("1.0.0", "89b79a39803f3753"),
    "offices": ("1.0.0", "b217b0f3d17baed4"),
    "contests": ("1.0.0", "82eef51146f5aa91"),
    "districts": ("1.0.0", "c6123492c2af2e84"),
    "parties": ("1.1.0", "98b27e4588f31e9e"),
    "choices": ("1.0.0", "af83bea134d2f77c"),
    "candidates": ("1.0.0", "36bb5dc035eb4fb5"),
    "rules": ("1.0.0", "83c6c1080af59999"),
    "keys": ("1.1.0", "91bbf2f8880764d0"),
    "texts": ("1.0.0", "a62a87e400316507"),
    "columns": ("1.1.0", "4d37a047d9ffac2c"),
    "codes": ("1.0.0", "990c712f836ced8c"),
    "station-list": ("1.0.0", "a26869d3ad4108f3"),
    "area-list": ("1.0.0", "f4427106cb137fdc"),
    "found-names": ("1.0.0", "f1a5b32e1985f5fc"),
}
"""Table → its version and what it looks like in this version."""


def _digest(table: Table) -> str:
    return sha256_hex(json.dumps({**asdict(table), "version": None}).encode())[:16]


def test_a_published_table_does_not_change_without_its_version() -> None:
    found = {table.name: (table.version, _digest(table)) for table in TABLES}
    assert found == PUBLISHED, (
        "raise the version of each table that differs (schemas/tables/columns.py has by what), and write both here"
    )


@each_table
def test_names_are_plain_and_given_once(table: Table) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", table.name)
    assert re.fullmatch(r"\d+\.\d+\.\d+", table.version)
    assert len(set(table.column_names)) == len(table.columns)
    for column in table.columns:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", column.name)
        assert column.meaning.en
        assert column.meaning.id
        assert (column.unit is None) or column.kind is Kind.COUNT
        assert len({each.code for each in column.codes}) == len(column.codes)


@each_table
def test_a_row_is_named_by_columns_that_have_a_value(table: Table) -> None:
    columns = {column.name: column for column in table.columns}
    assert set(table.key) <= columns.keys()
    if table.name != "rules":  # a rule of all offices has none
        assert not [name for name in table.key if columns[name].nullable]


PEOPLE = {
    ("choices", "name"),
    ("area-votes", "choice_name"),
    ("votes-over-time", "choice_name"),
    *(("candidates", column) for column in ("ballot_name", "name", "residence", "photo", "web")),
}
"""The only columns about a person: a candidate, as the ballot and the public list of candidates have it."""


def test_no_column_can_hold_personal_data_beyond_public_lists() -> None:
    """Each text is one of these, which the register's public lists have. A new text needs a look before it is added here."""
    texts = {(table.name, column.name) for table in TABLES for column in table.columns if column.kind is Kind.TEXT}
    assert texts == PEOPLE | {
        ("station-counts", "station_name"),
        ("station-list", "station_name"),
        ("station-list", "rules"),
        ("area-list", "area_name"),
        *(("found-names", column) for column in ("name", "within", "link")),
        ("area-counts", "area_name"),
        ("area-votes", "area_name"),
        ("counts-over-time", "area_name"),
        ("votes-over-time", "area_name"),
        ("finance-reports", "account"),
        ("finance-reports", "rules"),
        ("finance-reports", "document_url"),
        ("finance-lines", "account"),
        ("areas", "name"),
        ("areas", "path"),
        ("stations", "name"),
        ("stations", "path"),
        ("offices", "name"),
        ("contests", "name"),
        ("districts", "name"),
        ("parties", "name"),
        ("parties", "short_name"),
        ("parties", "web"),
        ("parties", "logo"),
        ("rules", "parameters"),
        ("keys", "public_key"),
        ("keys", "holder"),
        ("texts", "text"),
        ("columns", "meaning_en"),
        ("columns", "meaning_id"),
        ("codes", "meaning_en"),
        ("codes", "meaning_id"),
    }
    forbidden = re.compile(r"birth|gender|sex|address|phone|mail|nik|passport|religion|photo|signature|officer|witness")
    found = {(table.name, column.name) for table in TABLES for column in table.columns if forbidden.search(column.name)}
    assert found == {("candidates", "sex"), ("candidates", "photo")}  # of the public list of candidates
