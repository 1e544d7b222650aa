"""The bytes of an answer with a part of a map, its results, or its picture. Runs in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from api.maps.map_files import LoadedMap
from api.maps.png import png
from projections.definition.compiled import Definition
from projections.maps.picture import Shown, ShownArea, picture
from projections.maps.plan import MapKind, map_head
from projections.maps.results import AreaResult, MapResults
from projections.maps.svg import svg
from projections.maps.texts import geojson, topojson
from projections.maps.topology import part_of, shape_of
from projections.shown.published import Moment

NAME_LANGUAGE = "en"


class AskedMap(NamedTuple):
    """A map, or some of its features, in a format."""

    kind: MapKind
    title: str
    """What the areas are, for a picture."""
    digest: str
    format: str
    loaded: LoadedMap
    numbers: Sequence[int]
    """Numbers of those of its features that are asked for."""


def map_bytes(definition: Definition, asked: AskedMap, results: MapResults | None, moment: Moment | None) -> bytes:
    """`moment` has the results that `results` wants; both are None for a map without results."""
    found: list[AreaResult | None] = [None] * len(asked.numbers)
    features = [asked.loaded.features[number] for number in asked.numbers]
    if results is not None and moment is not None:
        found = [results.result(asked.kind, feature.id, moment) for feature in features]
    if asked.format in ("svg", "png"):
        return _picture(definition, asked, results, moment, found)
    if results is not None:
        features = [
            feature
            if result is None
            else feature._replace(properties={**feature.properties, **results.properties(result)})
            for feature, result in zip(features, found, strict=True)
        ]
    part = part_of(asked.loaded.topology, asked.numbers)
    written = geojson(features, part) if asked.format == "geojson" else topojson(features, part)
    head: dict[str, Any] = map_head(definition, asked.digest)
    if results is not None and moment is not None:
        head |= results.head(moment)
    return orjson.dumps({**written, **head})


def _picture(
    definition: Definition,
    asked: AskedMap,
    results: MapResults | None,
    moment: Moment | None,
    found: Sequence[AreaResult | None],
) -> bytes:
    election = definition.election
    is_rehearsal = election.mode.value == "rehearsal"
    subtitle, notes = asked.title, []
    if results is not None and moment is not None:
        counted = sum(each.stations.counted for each in found if each is not None)
        expected = sum(each.stations.expected for each in found if each is not None)
        subtitle = f"{results.office.office.name.preferred(NAME_LANGUAGE)}, {asked.title}: who leads"
        notes.append(f"{counted:,} of {expected:,} stations counted. As of ledger offsets {_offsets(results, moment)}.")
    source = f" Source: {election.source}" if election.source else ""
    notes.append(f"{election.id}, definition {definition.hash[:16]}. Licence: {election.licence}.{source}")
    areas = [
        ShownArea(
            feature.id,
            _name(feature.properties) or feature.id,
            None if arcs is None else shape_of(asked.loaded.topology.arcs, arcs),
            result,
        )
        for number, result in zip(asked.numbers, found, strict=True)
        for feature, arcs in ((asked.loaded.features[number], asked.loaded.topology.shapes[number]),)
    ]
    shown = Shown(election.title.preferred(NAME_LANGUAGE), subtitle, notes, is_rehearsal)
    drawn = picture(shown, areas, () if results is None else results.choices)
    return svg(drawn) if asked.format == "svg" else png(drawn)


def _offsets(results: MapResults, moment: Moment) -> str:
    offsets: dict[str, int] = results.head(moment)["as_of"]
    return ", ".join(f"{partition}:{offset}" for partition, offset in offsets.items()) or "none"


def _name(properties: Any) -> str:
    name = properties["name"]
    if isinstance(name, dict):
        return str(name.get(NAME_LANGUAGE) or next(iter(name.values())))
    return str(name or "")
