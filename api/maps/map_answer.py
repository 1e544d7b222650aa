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
from projections.maps.texts import Feature, geojson, topojson
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


class Counted(NamedTuple):
    """The results of a map, and the moment whose numbers they show."""

    results: MapResults
    moment: Moment

    def result(self, kind: MapKind, feature: Feature) -> AreaResult:
        return self.results.result(kind, feature.id, self.moment)


def map_bytes(definition: Definition, asked: AskedMap, counted: Counted | None) -> bytes:
    """`counted` None for a map without results."""
    if asked.format in ("svg", "png"):
        return _picture(definition, asked, counted)
    features = [asked.loaded.features[number] for number in asked.numbers]
    head: dict[str, Any] = map_head(definition, asked.digest)
    if counted is not None:
        head |= counted.results.head(counted.moment)
        features = [
            each._replace(
                properties={**each.properties, **counted.results.properties(counted.result(asked.kind, each))}
            )
            for each in features
        ]
    part = part_of(asked.loaded.topology, asked.numbers)
    written = geojson(features, part) if asked.format == "geojson" else topojson(features, part)
    return orjson.dumps({**written, **head})


def _picture(definition: Definition, asked: AskedMap, counted: Counted | None) -> bytes:
    election = definition.election
    is_rehearsal = election.mode.value == "rehearsal"
    topology = asked.loaded.topology
    areas = [
        ShownArea(
            feature.id,
            _name(feature.properties) or feature.id,
            None if arcs is None else shape_of(topology.arcs, arcs),
            None if counted is None else counted.result(asked.kind, feature),
        )
        for number in asked.numbers
        for feature, arcs in ((asked.loaded.features[number], topology.shapes[number]),)
    ]
    subtitle, notes = asked.title, []
    if counted is not None:
        stations = [area.result.stations for area in areas if area.result is not None]
        reached, expected = sum(each.counted for each in stations), sum(each.expected for each in stations)
        subtitle = f"{counted.results.office.office.name.preferred(NAME_LANGUAGE)}, {asked.title}: who leads"
        notes.append(f"{reached:,} of {expected:,} stations counted. As of ledger offsets {_offsets(counted)}.")
    source = f" Source: {election.source}" if election.source else ""
    notes.append(f"{election.id}, definition {definition.hash[:16]}. Licence: {election.licence}.{source}")
    shown = Shown(election.title.preferred(NAME_LANGUAGE), subtitle, notes, is_rehearsal)
    drawn = picture(shown, areas, () if counted is None else counted.results.choices)
    return svg(drawn) if asked.format == "svg" else png(drawn)


def _offsets(counted: Counted) -> str:
    offsets: dict[str, int] = counted.results.head(counted.moment)["as_of"]
    return ", ".join(f"{partition}:{offset}" for partition, offset in offsets.items()) or "none"


def _name(properties: Any) -> str:
    name = properties["name"]
    if isinstance(name, dict):
        return str(name.get(NAME_LANGUAGE) or next(iter(name.values())))
    return str(name or "")
