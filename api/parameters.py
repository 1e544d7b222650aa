"""Parameters of a path or query that every route refuses: unknown, given twice, or not text. A dependency of the whole app.

If a parameter were ignored, the reader would get the answer to another question, and every cache between the API and the
reader would have a new key for it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Any

from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from starlette.requests import HTTPConnection

from api.problems import Problem

SHOWN_CHARACTERS_MAX = 60
"""Limit for what is quoted of a parameter in a sentence."""
_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd\ufffe\uffff]")
"""Control characters, and the characters that replace bytes that are not UTF-8. No code, time or cursor has one, and a text of
PostgreSQL cannot contain U+0000."""


async def only_known_parameters(connection: HTTPConnection) -> None:
    """Raises Problem."""
    for name, value in connection.path_params.items():
        _check_text(f"path.{name}", str(value))
    check_parameters(connection.query_params.multi_items(), _parameters_of(connection.scope["route"]))


_names: dict[Any, frozenset[str]] = {}
"""Query parameters of each route, by the route's function. There are a few dozen routes."""


def _parameters_of(route: Any) -> frozenset[str]:
    """Names of the query parameters that a route has."""
    found = _names.get(route.endpoint)
    if found is None:
        parameters = get_flat_params(route.dependant)
        found = frozenset(each.alias for each in parameters if isinstance(each.field_info, Query))
        _names[route.endpoint] = found
    return found


def check_parameters(given: Iterable[tuple[str, str]], known: Collection[str]) -> None:
    """Compare the parameters of a query with those of the route. Raises Problem."""
    seen: set[str] = set()
    for name, value in given:
        if name not in known:
            raise _unknown(name, known)
        if name in seen:
            raise Problem(
                422, "Given twice", f"query.{name}: is given more than once; give it once.", field=f"query.{name}"
            )
        seen.add(name)
        _check_text(f"query.{name}", value)


def _check_text(field: str, value: str) -> None:
    found = _NOT_TEXT.search(value)
    if found is None:
        return
    if ord(found.group()) < 0xD800:
        what = f"the control character U+{ord(found.group()):04X}"
    else:
        what = "bytes that are not UTF-8"
    raise Problem(422, "Not text", f"{field}: has {what} at character {found.start() + 1}.", field=field)


def _unknown(name: str, known: Collection[str]) -> Problem:
    shown = ascii(name[:SHOWN_CHARACTERS_MAX])
    near = get_close_matches(name, known, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    all_known = f"It has: {', '.join(sorted(known))}." if known else "It has none."
    return Problem(
        422,
        "No such parameter",
        f"This path has no parameter {shown}.{hint} {all_known}",
        field=f"query.{shown[1:-1]}",
    )
