"""A map as it is sent: as GeoJSON, TopoJSON or a picture, whole or in part, with results or without."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import orjson
import pytest
from PIL import Image

from api.maps.map_answer import AskedMap, Counted, map_bytes
from api.maps.map_files import LoadedMap
from projections.definition.compiled import Definition
from projections.maps.plan import MapKind, map_head
from projections.maps.results import MapResults
from projections.maps.texts import Feature
from projections.maps.topology import topology
from projections.shown.published import Moment
from schemas.definition.package import ElectionPackage, Mode
from tests.support.made_tallies import numbers, tally
from tests.support.small_election import small_package
from tests.support.small_maps import VILLAGES, village_shapes

PACKAGE: ElectionPackage = small_package()
DEFINITION = Definition.of(PACKAGE)
DIGEST = "d1" * 32
NAMES: list[Any] = ["Village 1.1.1", {"id": "Desa", "en": "Village"}, {"id": "Desa 2.1", "jv": "Kampung"}, None]
"""A name in one language, in several with and without English, and none."""
SHAPES = [*village_shapes().values()]
LOADED = LoadedMap(
    [Feature(code, {"name": NAMES[number % 4], "parent": code[:3]}) for number, code in enumerate(VILLAGES)],
    topology([*SHAPES[:-1], None]),
    {code: number for number, code in enumerate(VILLAGES)},
)
COUNTED = Moment(
    {"president": (3, -1, 7)},
    {},
    {
        ("president", "1.1.1"): tally(numbers(2, 5, 9, 0), numbers(0, 0, 0, 0), numbers(0, 0, 0, 0)),
        ("president", "1.1.2"): tally(numbers(0, 0, 0, 0), numbers(1, 6, 1, 1), numbers(1, 0, 0, 0)),
    },
    {},
)


def asked(format: str, *numbers: int) -> AskedMap:
    return AskedMap(MapKind.LEVEL, "Villages", DIGEST, format, LOADED, numbers or range(len(VILLAGES)))


def president(moment: Moment) -> Counted:
    return Counted(MapResults(DEFINITION, DEFINITION.ballots.office("president"), VILLAGES, {}), moment)


def texts(picture: bytes) -> list[str]:
    """What is written on a picture, from the top."""
    return [each.text or "" for each in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]


def titles(picture: bytes) -> list[str]:
    """The picture's title, and that of each area."""
    return [each.text or "" for each in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}title")]


def test_a_map_without_results_has_its_features_and_names_its_definition() -> None:
    found = orjson.loads(map_bytes(DEFINITION, asked("geojson"), None))
    assert [each["id"] for each in found["features"]] == [*VILLAGES]
    assert found["features"][0]["properties"] == {"name": "Village 1.1.1", "parent": "1.1"}
    assert found["features"][-1]["geometry"] is None
    head = map_head(DEFINITION, DIGEST)
    assert {name: found[name] for name in head} == head
    assert [*found] == ["type", "bbox", "features", *head]


@pytest.mark.parametrize("format", ["geojson", "topojson"])
def test_results_are_properties_of_each_feature(format: str) -> None:
    found = orjson.loads(map_bytes(DEFINITION, asked(format), president(COUNTED)))
    features = found["features"] if format == "geojson" else found["objects"]["areas"]["geometries"]
    leaders = {each["id"]: each["properties"]["leader"] for each in features}
    assert leaders == {**dict.fromkeys(VILLAGES), "1.1.1": "02", "1.1.2": "01"}
    first = features[0]["properties"]
    assert (first["name"], first["votes"]) == ("Village 1.1.1", {"01": 5, "02": 9, "03": 0})
    assert (found["office"], found["as_of"]) == ("president", {"0": 3, "2": 7})
    assert LOADED.features[0].properties == {"name": "Village 1.1.1", "parent": "1.1"}, "the map in memory is as it was"


def test_a_part_of_a_map_has_the_asked_features_and_their_arcs_alone() -> None:
    whole = orjson.loads(map_bytes(DEFINITION, asked("topojson"), president(COUNTED)))
    part = orjson.loads(map_bytes(DEFINITION, asked("topojson", 1, 6), president(COUNTED)))
    geometries = part["objects"]["areas"]["geometries"]
    assert [(each["id"], each["properties"]["leader"]) for each in geometries] == [("1.1.2", "01"), ("2.2.1", None)]
    assert len(part["arcs"]) < len(whole["arcs"])
    assert sorted({arc if arc >= 0 else ~arc for each in geometries for ring in each["arcs"] for arc in ring}) == [
        *range(len(part["arcs"]))
    ]


NOTE = f"small, definition {DEFINITION.hash[:16]}. Licence: CC0-1.0."
REHEARSAL = "Rehearsal: these numbers are made up and are not results."


def test_a_picture_of_results_states_who_leads_how_much_is_counted_and_as_of_what() -> None:
    picture = map_bytes(DEFINITION, asked("svg", 0, 1, 2, 3), president(COUNTED))
    assert titles(picture) == [
        "Small election: President, Villages: who leads",
        "Village 1.1.1: Pair 2 64.29 %, 2 of 2 stations counted",
        "Village: Pair 1 75.00 %, 1 of 2 stations counted",
        "Desa 2.1: no votes, 0 of 2 stations counted",
        "1.2.2: no votes, 0 of 2 stations counted",
    ]
    assert texts(picture) == [
        "Small election",
        "President, Villages: who leads",
        REHEARSAL,
        *("Pair 1: 1", "Pair 2: 1", "not counted yet: 2"),
        "3 of 8 stations counted. As of ledger offsets 0:3, 2:7.",
        NOTE,
        "REHEARSAL",
    ]


def test_a_picture_without_results_shows_the_areas_that_have_a_border() -> None:
    picture = map_bytes(DEFINITION, asked("svg", 4, 7), None)
    assert titles(picture) == ["Small election: Villages", "Village 1.1.1"]
    assert texts(picture) == ["Small election", "Villages", REHEARSAL, NOTE, "REHEARSAL"]


def test_a_picture_of_a_real_count_names_its_source_and_has_no_mark() -> None:
    election = PACKAGE.election.model_copy(update={"mode": Mode.LIVE, "source": "KPU, C.HASIL"})
    real = Definition.of(replace(PACKAGE, election=election))
    picture = map_bytes(real, asked("svg", 0), None)
    note = f"small, definition {real.hash[:16]}. Licence: CC0-1.0. Source: KPU, C.HASIL"
    assert texts(picture) == ["Small election", "Villages", note]


def test_before_the_first_result_a_picture_is_as_of_no_offsets() -> None:
    picture = map_bytes(DEFINITION, asked("svg", 0), president(Moment({}, {}, {}, {})))
    assert "0 of 2 stations counted. As of ledger offsets none." in texts(picture)


def test_png_is_the_same_picture() -> None:
    drawn = ET.fromstring(map_bytes(DEFINITION, asked("svg"), president(COUNTED)))
    with Image.open(io.BytesIO(map_bytes(DEFINITION, asked("png"), president(COUNTED)))) as image:
        assert (image.format, *map(str, image.size)) == ("PNG", drawn.get("width"), drawn.get("height"))
