"""Events as a list and one event show them, from rows of the read model, and the filters that find those of an area."""

from __future__ import annotations

from typing import Any

import orjson

from projections.definition.compiled import Definition
from projections.readmodel.event_queries import EventFilters
from projections.shown.published import event_links, published_leaf, published_time


def whole_event(definition: Definition, row: Any) -> dict[str, Any]:
    """An event with its findings and its payload."""
    payload = None if row["payload"] is None else orjson.Fragment(row["payload"])
    return {**event_line(definition, row), "findings": orjson.Fragment(row["findings"]), "payload": payload}


def event_line(definition: Definition, row: Any) -> dict[str, Any]:
    author = definition.keys.get(row["key"])
    is_station = row["station"] in definition.stations.number
    return {
        "partition": row["partition"],
        "offset": row["offset"],
        "event": row["event"],
        "leaf_hash": published_leaf(row["leaf"]),
        "type": row["type"],
        "author": row["key"] or None,
        "role": None if author is None else author.role.value,
        "station": row["station"],
        "area": row["area"],
        "contest": row["contest"],
        "version": row["version"],
        "created_at": None if row["payload"] is None else orjson.loads(row["payload"])["created_at"],
        "received_at": published_time(row["received_us"]),
        "state": row["state"],
        "rules": [finding["rule"] for finding in orjson.loads(row["findings"])],
        "links": event_links(row["partition"], row["offset"])
        | {"station": f"/v1/stations/{row['station']}" if is_station else None},
    }


def filters_of_area(definition: Definition, filters: EventFilters, area: int) -> EventFilters:
    """The filters for events about this area or an area below it. For the root this is the whole log."""
    if area == definition.tree.root:
        return filters
    shard = definition.tree.shard[area]
    if shard < 0:
        shards = _at_and_below(definition, area, definition.tree.shard_level)
        return filters._replace(shards=[definition.tree.codes[each] for each in shards])
    filters = filters._replace(shards=[definition.tree.codes[shard]])
    below = _at_and_below(definition, area, len(definition.tree.level_ids))
    return filters if shard == area else filters._replace(areas=[definition.tree.codes[each] for each in below])


def _at_and_below(definition: Definition, area: int, level: int) -> list[int]:
    """The area and the areas in it, down to this level."""
    found, open_areas = [], [area]
    while open_areas:
        each = open_areas.pop()
        found.append(each)
        if definition.tree.level[each] < level:
            open_areas += definition.tree.children[each]
    return found
