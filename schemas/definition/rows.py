"""Rows of a package's tables, and the values that they are made of: texts, days, numbers, and texts in several languages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel
from pydantic_core import PydanticCustomError

from schemas.canonical import canonical_bytes, sha256_hex
from schemas.texts import PLAIN_TEXT_PATTERN, REAL_DAY


class Row(BaseModel):
    """A row of a package table. Unknown columns are an error, and rows are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


TEXT_PATTERN = PLAIN_TEXT_PATTERN
Text = Annotated[str, Field(min_length=1, max_length=300, pattern=TEXT_PATTERN)]
"""A text in any script, in one line, without control and direction characters (schemas/texts.py)."""


def _refuse_other_spellings(value: object) -> object:
    """Refuse days that are not written as `2029-02-14`. pydantic would also accept a number of seconds or a time at midnight,
    and other readers of the package would not hash these as the same day."""
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise PydanticCustomError("date_from_datetime_inexact", "expected a date such as 2029-02-14")
    if not isinstance(value, (str, date)):
        raise PydanticCustomError("date_type", "expected a date such as 2029-02-14")
    return value


_DAY = re.compile(REAL_DAY)
Day = Annotated[date, BeforeValidator(_refuse_other_spellings)]
Number = Annotated[int, Field(strict=True)]
"""A whole number written as one. Not a text, `true` or 3.0, which other readers may not read as a whole number."""


LANGUAGE_PATTERN = (
    r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(-x(-[a-z0-9]{1,8})+)?$"
)
"""A language tag of BCP 47 (RFC 5646) in its usual letter case (2.1.1), so that one language has one spelling. Examples: `id`,
`pt-BR`, `zh-Hant`, `es-419`, `ca-valencia`."""
Language = Annotated[str, Field(pattern=LANGUAGE_PATTERN, max_length=35)]
LANGUAGES_MAX = 40
"""Limit for the languages of one text. India's constitution lists 22. Each answer about a contest has its title in all of
them."""


class LocalText(RootModel[Annotated[dict[Language, Text], Field(min_length=1, max_length=LANGUAGES_MAX)]]):
    """A title or name by language, in at least one language. In a CSV file each language has its own column: `name_id`,
    `name_en`, `name_pt-BR`."""

    model_config = ConfigDict(frozen=True)

    if TYPE_CHECKING:  # pydantic accepts both, and its own types show only the first

        def __init__(self, root: Mapping[str, str] = {}, /, **texts: str) -> None: ...

    def preferred(self, language: str) -> str:
        """The text in this language, or else in the first language that is given."""
        return self.root.get(language) or next(iter(self.root.values()))


def row_hashes(rows: Iterable[Row]) -> list[str]:
    """SHA-256 of the canonical form of each row, sorted, because the order of rows has no meaning."""
    return sorted(sha256_hex(canonical_bytes(row.model_dump(mode="json"))) for row in rows)


def text_fields(table: type[Row]) -> frozenset[str]:
    """Fields of a table that are texts in several languages, with a column for each language."""
    return frozenset(
        name
        for name, field in table.model_fields.items()
        if LocalText in (field.annotation, *get_args(field.annotation))
    )
