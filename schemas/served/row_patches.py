"""The difference of two versions of a row of the live feed, and how a client applies it.

A *patch* of a row is a JSON object with the members that changed, beside those that identify the row (ROW_NAMES). To apply it,
a client takes each member of the patch: where the member is an object in the patch and in the row, its members are taken in
the same way; otherwise it replaces that of the row. Members that the patch does not name stay as they are. An object `{"=": …}`
has a value that replaces that of the row whatever that is; so an object is sent that has lost a member. A row that
has lost one is sent whole. Unlike in a JSON merge patch (RFC 7396), null is a value like any other, because a number that no
station stated is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

Row = Mapping[str, Any]
REPLACED = "="
"""No member of a row has this name: the ids of choices and parties are codes (schemas/codes.py)."""

ROW_NAMES: Mapping[str, tuple[str, ...]] = {
    "areas": ("contest", "area"),
    "offices": ("office", "area"),
    "contests": ("contest",),
    "stations": ("station", "contest"),
}
"""Members that identify a row, by kind of row."""


def difference(before: Row, after: Row) -> dict[str, Any] | None:
    """The members of `after` that `before` does not have like this; None where `before` has a member that `after` lacks."""
    if not before.keys() <= after.keys():
        return None
    changed: dict[str, Any] = {}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            inner = difference(old, value)
            if inner is None:
                changed[name] = {REPLACED: value}
            elif inner:
                changed[name] = inner
        elif name not in before or not _is_same(old, value):
            changed[name] = value
    return changed


def applied(row: Row, patch: Row) -> dict[str, Any]:
    """The row after a patch; the row itself is not changed."""
    result = dict(row)
    for name, value in patch.items():
        old = row.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            result[name] = value[REPLACED] if REPLACED in value else applied(old, value)
        else:
            result[name] = value
    return result


def _is_same(one: object, other: object) -> bool:
    """Whether two values are the same JSON. (To Python, 1 and true are equal.)"""
    return one == other and (one is other or orjson.dumps(one) == orjson.dumps(other))
