"""A table of the bulk files and its columns, as one frozen description.

Every format, the data dictionary, the Table Schema and the XSD are made from these values, so that they cannot disagree. Schema
versions follow semver: a new column at the end raises the minor number; a column that is renamed, removed, moved or changes its
meaning raises the major number; other words for the same raise the patch number. A test (tests/unit/schemas/tables) fails where
a description changes without its version.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """Type of a column's values."""

    CODE = "code"
    """A text that names something. It stays a text where it looks like a number, with its leading zeros."""
    TEXT = "text"
    COUNT = "count"
    """A whole number from 0 up."""
    AMOUNT = "amount"
    """Money as a whole number of the currency's minor unit; below 0 for a balance that is overdrawn."""
    DAY = "day"
    """A day, such as 2029-02-14."""
    TIME = "time"
    """A time in UTC, as RFC 3339 writes it, ending in Z."""
    HASH = "hash"
    """Bytes as hexadecimal digits in lower case."""


class Meaning(NamedTuple):
    en: str
    id: str
    """Indonesian text of the meaning."""


class CodeMeaning(NamedTuple):
    code: str
    meaning: Meaning


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind
    meaning: Meaning
    unit: str | None = None
    """What a count counts: `people`, `ballots`, `votes`, `stations`, `seats`."""
    codes: tuple[CodeMeaning, ...] = ()
    """All values that the column can have; empty where they are not a fixed list."""
    nullable: bool = False
    """Whether the column can have no value: an empty cell, or null. A number that is not stated has no value and is never 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Equal to itself alone, because a table is a key of dictionaries, and a hash of all its columns takes 2 µs a row."""

    name: str
    version: str
    title: Meaning
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """Columns that together name a row."""

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def code(name: str, en: str, id: str, *, nullable: bool = False, codes: tuple[CodeMeaning, ...] = ()) -> Column:
    return Column(name, Kind.CODE, Meaning(en, id), codes=codes, nullable=nullable)


def text(name: str, en: str, id: str, *, nullable: bool = False) -> Column:
    return Column(name, Kind.TEXT, Meaning(en, id), nullable=nullable)


def count(name: str, unit: str | None, en: str, id: str, *, nullable: bool = False) -> Column:
    return Column(name, Kind.COUNT, Meaning(en, id), unit=unit, nullable=nullable)


def amount(name: str, en: str, id: str, *, nullable: bool = False) -> Column:
    return Column(name, Kind.AMOUNT, Meaning(en, id), nullable=nullable)


def day(name: str, en: str, id: str, *, nullable: bool = False) -> Column:
    return Column(name, Kind.DAY, Meaning(en, id), nullable=nullable)
