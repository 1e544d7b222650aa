"""Pass 2 of reading a package: the cells of a line to one row of a table, with stand-ins for bad cells."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from runtime.errors import OutsideError
from runtime.package.descriptor import EXAMPLE_LANGUAGE, columns
from runtime.package.shape_sentences import sentence
from schemas.definition.rows import LocalText, Row, text_fields


class WrongWidthError(OutsideError, ValueError):
    """A row has more or fewer cells than the first line names."""


class RowShaper:
    """Makes the rows of one table from their cells."""

    def __init__(self, model: type[Row], header: list[str]) -> None:
        self._model = model
        self._rows: TypeAdapter[list[Any]] = TypeAdapter(list[model])  # type: ignore[valid-type]  # a class held in a variable
        self._text_fields = text_fields(model)
        named = [(column, *field_of_column(column, self._text_fields)) for column in header]
        self._columns = [(field, language) if field in model.model_fields else None for _, field, language in named]
        """Field of each cell, and its language where the field is a text in several languages."""
        self._first_column = {field: column for column, field, _ in reversed(named)}
        kinds = columns(model)
        self._numbers = frozenset(column for column, facts in kinds.items() if facts["type"] == "integer")
        self._stand_ins = {
            column: 0 if column in self._numbers else facts["enum"][0] if "enum" in facts else ""
            for column, facts in kinds.items()
        }
        self._fields_set = set(model.model_fields)
        self._texts: dict[str, str] = {}
        """One string object for all equal cells, because most columns repeat the same few codes and names."""

    def shape(self, cells: list[list[str]]) -> list[Any]:
        """The rows. Raises ValidationError where a row does not have its shape, WrongWidthError where it has other columns."""
        if any(len(each) != len(self._columns) for each in cells):
            raise WrongWidthError
        rows = self._rows.validate_python([self._values(each) for each in cells])
        for row in rows:
            # pydantic gives each instance its own set of the names that were given: 730 bytes a row, 600 MB for 823,000
            # stations in every process. One set for all will do, because rows are frozen and no code asks which cells were
            # empty.
            object.__setattr__(row, "__pydantic_fields_set__", self._fields_set)
        return rows

    def shape_one(self, cells: list[str]) -> tuple[Any, list[tuple[str | None, str]]]:
        """The row, and its errors as (column, sentence). A bad cell gets a stand-in (`_mended`)."""
        errors: list[tuple[str | None, str]] = []
        width = len(self._columns)
        if len(cells) != width:
            errors.append((None, f"has {len(cells)} cells, but the first line names {width} columns"))
            cells = [*cells, *[""] * width][:width]
        values = self._values(cells)
        try:
            return self._model.model_validate(values), errors
        except ValidationError as error:
            wrong = error.errors(include_url=False)
        if not errors:
            errors += [(self._column_of(*each["loc"]), _cell_sentence(each)) for each in wrong]
        return self._mended(values, {str(each["loc"][0]) for each in wrong}), errors

    def _values(self, cells: list[str]) -> dict[str, Any]:
        """Column → value; an empty cell has no value.

        A cell that should be a number and is not is given as a list of the cell, because pydantic would accept `1_000`.
        """
        values: dict[str, Any] = {}
        texts = self._texts
        numbers = self._numbers
        for column, cell in zip(self._columns, cells, strict=True):
            if not cell or column is None:
                continue
            field, language = column
            if language is not None:
                values.setdefault(field, {})[language] = texts.setdefault(cell, cell)
            elif field in numbers:
                values[field] = int(cell) if cell.isdecimal() and cell.isascii() and len(cell) < 20 else [cell]
            else:
                # The first cell, in most tables the code of the row itself, is seldom repeated, so it is not kept.
                values[field] = texts.setdefault(cell, cell) if values else cell
        return values

    def _column_of(self, field: int | str, *language: int | str) -> str:
        """The column of an error. For a text that is missing in every language it is the text's first column."""
        name = str(field)
        return f"{name}_{language[0]}" if language else self._first_column.get(name, name)

    def _mended(self, values: dict[str, Any], wrong: set[str]) -> Any:
        """A row for the third pass, in which only the fields `wrong` do not have their shape. A code keeps its text, so that
        rows which refer to it are not reported as well."""
        for column in self._text_fields & (values.keys() | wrong):
            values[column] = LocalText({EXAMPLE_LANGUAGE: "-"} if column in wrong else values[column])
        for column in wrong - self._text_fields:
            if not self._model.model_fields[column].is_required():
                values.pop(column, None)
            elif self._stand_ins[column] != "" or column not in values:
                values[column] = self._stand_ins[column]
        for column, field in self._model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, StrEnum) and column in values:
                values[column] = field.annotation(values[column])
        return self._model.model_construct(**values)


def field_of_column(column: str, texts: Collection[str]) -> tuple[str, str | None]:
    """The field of a column, and the language where the field is a text in several: `name_pt-BR` is `name` in `pt-BR`."""
    field, _, language = column.partition("_")
    return (field, language) if language and field in texts else (column, None)


def _cell_sentence(error: ErrorDetails) -> str:
    """The sentence for a cell, as `_values` gave it to pydantic: empty ones left out, those that are not numbers in a list."""
    if error["type"] == "missing":
        return "is empty"
    if error["type"] == "int_type":
        return f"expected a whole number in digits, got {error['input'][0]!r}"
    return sentence(error)
