"""The short forms of a tally, for readers who show little of it, such as a page on a phone."""

from __future__ import annotations

from typing import Any

from schemas.served.live import Fields

_NAMES = ("contest", "office", "area", "results_status")
_STATIONS = ("expected", "counted")
_TOTALS = ("total", "valid", "invalid")


def selected(row: dict[str, Any], fields: Fields) -> dict[str, Any]:
    """What `fields` names of a published tally (`published_tally`, `published_office`), each member as it is there. `totals`
    has the status, the stations expected and counted, and how many votes are counted. `choices` also has the votes of each
    choice, who leads, and by how many."""
    if fields == "all":
        return row
    counted = row["counted"]
    short: dict[str, Any] = {name: row[name] for name in _NAMES if name in row}
    short["stations"] = {name: row["stations"][name] for name in _STATIONS}
    short["counted"] = {name: counted[name] for name in _TOTALS}
    if fields == "choices":
        short["counted"]["votes"] = counted["votes"]
        short |= {name: row[name] for name in ("leaders", "margin")}
    return short
