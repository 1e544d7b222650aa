"""What a list is sent as: JSON, or a table in another format of the bulk files. The header `Link` names a table's next page."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request
from pydantic import BaseModel

from api.answers.responses import AS_JSON, Sent
from api.described import Responses, described
from api.problems import Problem
from api.read.snapshots import snapshots_of
from projections.tables.list_rows import Selection, UnknownColumnError
from projections.tables.manifest import about_election, about_table
from runtime.tables.table_files import MEDIA_TYPES, Format
from schemas.tables.columns import Table

FIELDS_CHARACTERS_MAX = 600
"""All columns of the longest table have 500."""
COMPRESSED = (Format.PARQUET, Format.XLSX)

AsFormat = Annotated[
    Format,
    Query(
        description="`json` is the answer below; any other format is a table, and the header `Link` has its next page"
    ),
]
RowFields = Annotated[
    str | None,
    Query(
        max_length=FIELDS_CHARACTERS_MAX,
        description="only these, with commas between: properties of a row, or in another format than JSON columns",
    ),
]
Fields = Annotated[
    str | None,
    Query(max_length=FIELDS_CHARACTERS_MAX, description="only these columns, with commas between, in this order"),
]


def described_list(model: type[BaseModel], sparse: type[BaseModel] | None = None) -> Responses:
    """The responses of a list: as JSON, which is of the other model where `fields` was given, and as a table in the other
    formats."""
    types = [media_type.partition(";")[0] for format, media_type in MEDIA_TYPES.items() if format is not Format.JSON]
    responses = described(model, *types)
    if sparse is not None:
        responses[200]["model"] = model | sparse
    return responses


def sent_as(request: Request, format: Format, table: Table) -> Sent:
    """JSON, or a file with a name that states what it is of."""
    if format is Format.JSON:
        return AS_JSON
    return as_file(f"{snapshots_of(request).definition.election.id}.{table.name}.{format}", format)


def as_file(name: str, format: Format) -> Sent:
    """A file that a browser keeps under this name."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Sent(MEDIA_TYPES[format], headers, is_compressed=format in COMPRESSED)


def about_list(request: Request, table: Table, **more: Any) -> dict[str, Any]:
    """What a list states of itself in a format with metadata."""
    return {**about_table(about_election(snapshots_of(request).definition), table), **more}


def next_page(request: Request, cursor: str | None) -> dict[str, str]:
    """The header that names the next page (RFC 8288)."""
    if cursor is None:
        return {}
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return {"Link": f'<{request.url.path}?{urlencode([*query, ("cursor", cursor)])}>; rel="next"'}


def selection_of(table: Table, fields: str | None) -> Selection:
    """Raises Problem."""
    try:
        return Selection.of(table, fields)
    except UnknownColumnError as error:
        raise Problem(422, "No such column", f"query.fields: {error}", field="query.fields") from None


def no_such_cursor(sort: str) -> Problem:
    return Problem(
        422, "No such cursor", f"query.cursor: is not a cursor of this list sorted by {sort}.", field="query.cursor"
    )


def narrowed(lines: list[dict[str, Any]], model: type[BaseModel], fields: str | None) -> list[dict[str, Any]]:
    """JSON rows with the properties that `fields` names; all where it is None. Raises Problem."""
    if fields is None:
        return lines
    wanted = properties_of(model, fields)
    return [{name: line[name] for name in wanted} for line in lines]


def properties_of(model: type[BaseModel], fields: str) -> list[str]:
    """The properties of a JSON row that `fields` names. Raises Problem."""
    wanted = list(dict.fromkeys(fields.split(",")))
    for each in wanted:
        if each not in model.model_fields:
            known = ", ".join(model.model_fields)
            raise Problem(
                422,
                "No such property",
                f"query.fields: there is no property {each!r}; there are: {known}.",
                field="query.fields",
            )
    return wanted
