"""Pictures of maps: what is drawn where, in which look, with which words; and as SVG."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from projections.area.progress import Progress, margin
from projections.maps.palette import (
    LOOK_HELD,
    LOOK_NOT_COUNTED,
    LOOK_OTHERS,
    LOOK_TIED,
    LOOKS,
    MUTED,
    Look,
    Texture,
    look_of,
)
from projections.maps.picture import (
    MAP_HEIGHT_MAX,
    MARGIN,
    WIDTH,
    Picture,
    Shown,
    ShownArea,
    picture,
)
from projections.maps.results import AreaResult, MapChoice
from projections.maps.svg import svg
from schemas.maps.shapes import GRID, Shape, right_handed
from tests.support.small_maps import SIDE, SOUTH, WEST, square

CHOICES = tuple(MapChoice(f"{number:02}", f"Choice {number}") for number in range(30))
SHOWN = Shown("Title & <more>", "President by province", ["As of 0:3.", "Licence: CC0-1.0."], is_rehearsal=True)
SVG = "{http://www.w3.org/2000/svg}"


def area(
    number: int, votes: dict[int, int] | None, *, counted: int = 1, held: int = 0, shape: Shape | None = None
) -> ShownArea:
    own = tuple((votes or {}).get(choice, 0) for choice in range(len(CHOICES)))
    now = Progress(4, counted + held, counted, counted, 0, held, 0, 4 - counted - held)
    result = None if votes is None else AreaResult(now, own, margin([choice.id for choice in CHOICES], own))
    at = ((square(WEST + number * SIDE, SOUTH),),)
    return ShownArea(f"a{number}", f"Area {number}", at if shape is None else shape, result)


def texts(found: Picture) -> list[str]:
    return [text.text for text in found.texts]


def test_each_area_has_the_look_of_its_leader_or_of_what_it_lacks() -> None:
    areas = [
        area(0, {0: 5, 1: 3}),
        area(1, {12: 5}),
        area(2, {29: 5}),
        area(3, {0: 5, 1: 5}),
        area(4, {}, counted=0, held=2),
        area(5, {}, counted=0),
        area(6, {}, counted=1, held=1),
    ]
    found = picture(SHOWN, areas, CHOICES)
    looks = {each.title.partition(":")[0]: each.look for each in found.areas}
    assert looks == {
        "Area 0": Look(MUTED[0]),
        "Area 1": Look(MUTED[3], Texture.STRIPES),
        "Area 2": LOOK_OTHERS,
        "Area 3": LOOK_TIED,
        "Area 4": LOOK_HELD,
        "Area 5": LOOK_NOT_COUNTED,
        "Area 6": LOOK_NOT_COUNTED,
    }
    assert set(found.looks) == set(looks.values())
    assert [text for text in texts(found) if re.search(r": \d+$", text)] == [
        "Choice 0: 1",
        "Choice 12: 1",
        "another choice: 1",
        "tied: 1",
        "held for review: 1",
        "not counted yet: 2",
    ]
    titles = {each.title for each in found.areas}
    assert "Area 0: Choice 0 62.50 %, 1 of 4 stations counted" in titles
    assert "Area 3: tied, 1 of 4 stations counted" in titles
    assert "Area 5: no votes, 0 of 4 stations counted" in titles


def test_a_picture_states_what_it_is_of_and_a_rehearsal_is_marked() -> None:
    found = picture(SHOWN, [area(0, {0: 1})], CHOICES)
    assert texts(found)[:3] == [
        "Title & <more>",
        "President by province",
        "Rehearsal: these numbers are made up and are not results.",
    ]
    assert texts(found)[-2:] == ["As of 0:3.", "Licence: CC0-1.0."]
    assert found.mark == "REHEARSAL"
    live = picture(SHOWN._replace(is_rehearsal=False), [area(0, {0: 1})], CHOICES)
    assert live.mark is None
    assert not [text for text in live.texts if text.is_warning]


def test_a_map_without_results_has_no_legend() -> None:
    found = picture(SHOWN, [area(0, None)], ())
    assert (found.areas[0].title, found.areas[0].look, found.boxes) == ("Area 0", LOOK_NOT_COUNTED, ())


def test_all_areas_are_within_the_picture_and_north_is_up() -> None:
    north = ((square(WEST, SOUTH + 3 * SIDE),),)
    found = picture(SHOWN, [area(0, None), area(1, None, shape=north)], ())
    points = [point for each in found.areas for ring in each.rings for point in ring]
    assert min(x for x, _ in points) >= MARGIN
    assert max(x for x, _ in points) <= WIDTH - MARGIN
    assert max(y for _, y in points) < found.height
    lowest = {each.title: max(y for ring in each.rings for _, y in ring) for each in found.areas}
    assert lowest["Area 1"] < lowest["Area 0"]


def test_a_tall_map_is_as_high_as_allowed_and_a_wide_one_as_wide() -> None:
    narrow, long = (
        ((0, 0), (GRID, 0), (GRID, 60 * GRID), (0, 60 * GRID)),
        ((0, 0), (60 * GRID, 0), (60 * GRID, GRID), (0, GRID)),
    )
    tall = picture(SHOWN, [area(0, None, shape=((narrow,),))], ())
    wide = picture(SHOWN, [area(0, None, shape=((long,),))], ())
    for found, is_tall in ((tall, True), (wide, False)):
        ((ring,),) = [each.rings for each in found.areas]
        down = max(y for _, y in ring) - min(y for _, y in ring)
        across = max(x for x, _ in ring) - min(x for x, _ in ring)
        assert (down == MAP_HEIGHT_MAX) is is_tall
        assert (across == WIDTH - 2 * MARGIN) is not is_tall


@pytest.mark.parametrize("shapes", [[], [None]])
def test_a_map_without_borders_is_a_legend_only(shapes: list[None]) -> None:
    areas = [ShownArea("a", "A", shape, None) for shape in shapes]
    found = picture(SHOWN, areas, ())
    assert (found.areas, found.height > 0) == ((), True)


def test_an_area_within_another_one_is_drawn_after_it() -> None:
    inner = square(WEST + 10, SOUTH + 10, SIDE // 2)
    outer = (right_handed((square(WEST, SOUTH), inner)),)
    found = picture(SHOWN, [area(1, None, shape=((inner,),)), area(0, None, shape=outer)], ())
    assert [each.title for each in found.areas] == ["Area 0", "Area 1"]


def test_long_texts_are_cut_and_a_font_without_their_letters_gets_the_id() -> None:
    choices = (MapChoice("P1", "Đảng " * 20), MapChoice("P2", "x" * 100))
    result = AreaResult(Progress(1, 1, 1, 1, 0, 0, 0, 0), (2, 1), margin(["P1", "P2"], (2, 1)))
    found = picture(
        SHOWN._replace(title="Ä" * 200),
        [ShownArea("a", "A", ((square(0, 0),),), result)],
        choices,
    )
    title, legend = found.texts[0], next(text for text in found.texts if text.plain == "P1: 1")
    assert (len(title.text), title.text[-3:], title.plain) == (84, "...", "?" * 81 + "...")
    assert legend.text.startswith("Đảng Đảng")
    assert len(legend.text) <= 44


def test_svg_is_valid_xml_with_an_area_each_and_its_words() -> None:
    areas = [area(0, {0: 5}), area(1, {9: 5}), area(2, {20: 1}), area(3, {}, counted=0, held=1)]
    found = picture(SHOWN, areas, CHOICES)
    root = ElementTree.fromstring(svg(found))
    assert root.tag == f"{SVG}svg"
    assert root.find(f"{SVG}title").text == "Title & <more>: President by province"  # type: ignore[union-attr]
    paths = root.findall(f".//{SVG}path")
    assert sorted(path.find(f"{SVG}title").text or "" for path in paths) == sorted(  # type: ignore[union-attr]
        each.title for each in found.areas
    )
    fills = {path.find(f"{SVG}title").text: path.get("fill") for path in paths}  # type: ignore[union-attr]
    assert fills["Area 0: Choice 0 100.00 %, 1 of 4 stations counted"] == MUTED[0]
    patterns = {f"url(#{each.get('id')})": each for each in root.findall(f".//{SVG}pattern")}
    assert {fill for fill in fills.values() if fill and fill.startswith("url")} == patterns.keys()
    assert {len(each.findall(f"{SVG}circle")) for each in patterns.values()} == {0, 1}
    assert "REHEARSAL" in [text.text for text in root.findall(f"{SVG}text")]
    assert "REHEARSAL" not in svg(found._replace(mark=None)).decode()
    assert not re.search(r"<script|href|url\(http|@import", svg(found).decode())


def test_a_path_of_svg_is_the_ring() -> None:
    found = picture(SHOWN, [area(0, None)], ())
    path = ElementTree.fromstring(svg(found)).find(f".//{SVG}path")
    assert path is not None
    numbers = re.findall(r"([Ml])(-?\d+) (-?\d+)", path.get("d") or "")
    points, x, y = [], 0, 0
    for kind, one, other in numbers:
        x, y = (int(one), int(other)) if kind == "M" else (x + int(one), y + int(other))
        points.append((x, y))
    assert tuple(points) == found.areas[0].rings[0]


def test_looks_of_choices_are_those_of_the_palette() -> None:
    assert [look_of(number) for number in range(len(LOOKS))] == list(LOOKS)
