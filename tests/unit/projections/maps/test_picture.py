"""Pictures of maps: what is drawn where, in which look, with which words."""

from __future__ import annotations

import re

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
from schemas.maps.shapes import GRID, Point, Shape, right_handed
from tests.support.small_maps import SIDE, SOUTH, WEST, square

CHOICES = tuple(MapChoice(f"{number:02}", f"Choice {number}") for number in range(30))
SHOWN = Shown("Title & <more>", "President by province", ["As of 0:3.", "Licence: CC0-1.0."], is_rehearsal=True)


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


def box(west: int, south: int, wide: int, high: int) -> Shape:
    """A rectangle in units of the grid."""
    east, north = west + wide, south + high
    return ((((west, south), (east, south), (east, north), (west, north)),),)


def drawn(found: Picture) -> dict[str, tuple[Point, Point]]:
    """By title of the area the upper left and the lower right corner, in the order in which areas are drawn."""
    corners = {}
    for each in found.areas:
        xs, ys = zip(*(point for ring in each.rings for point in ring), strict=True)
        corners[each.title] = (min(xs), min(ys)), (max(xs), max(ys))
    return corners


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


def test_everything_has_its_position() -> None:
    """In tenths of a pixel. Five areas of a degree in a row at the equator, five looks in three columns of the legend."""
    votes: list[dict[int, int]] = [{0: 1}, {1: 1}, {2: 1}, {0: 1, 1: 1}, {}]
    areas = [area(n, each, shape=box(n * GRID, 0, GRID, GRID)) for n, each in enumerate(votes)]
    found = picture(SHOWN, areas, CHOICES)
    assert list(drawn(found).values()) == [((240 + 2304 * n, 1060), (240 + 2304 * (n + 1), 3364)) for n in range(5)]
    assert [(each.x, each.y, each.side, each.look) for each in found.boxes] == [
        (240, 3624, 170, look_of(0)),
        (240, 3884, 170, look_of(1)),
        (4080, 3624, 170, look_of(2)),
        (4080, 3884, 170, LOOK_TIED),
        (7920, 3624, 170, LOOK_NOT_COUNTED),
    ]
    assert [(each.x, each.y, each.size, each.text, each.is_warning) for each in found.texts] == [
        (240, 520, 280, "Title & <more>", False),
        (240, 780, 170, "President by province", False),
        (240, 1040, 170, "Rehearsal: these numbers are made up and are not results.", True),
        (495, 3760, 170, "Choice 0: 1", False),
        (495, 4020, 170, "Choice 1: 1", False),
        (4335, 3760, 170, "Choice 2: 1", False),
        (4335, 4020, 170, "tied: 1", False),
        (8175, 3760, 170, "not counted yet: 1", False),
        (240, 4352, 130, "As of 0:3.", False),
        (240, 4560, 130, "Licence: CC0-1.0.", False),
    ]
    assert (found.width, found.height) == (12_000, 4_800)


def test_without_a_rehearsal_the_map_is_a_line_higher() -> None:
    areas = [area(0, {0: 1}, shape=box(0, 0, 10 * GRID, GRID))]
    rehearsal, live = (picture(SHOWN._replace(is_rehearsal=each), areas, CHOICES) for each in (True, False))
    (one,), (other,) = drawn(rehearsal).values(), drawn(live).values()
    assert (one, other) == (((240, 1060), (11_760, 2_212)), ((240, 800), (11_760, 1_952)))
    assert rehearsal.height - live.height == 260


@pytest.mark.parametrize(
    ("south", "left_and_right"),
    [
        (-5, (1_500, 10_500)),  # a square at the equator, in the middle of the picture
        (55, (3_750, 8_250)),  # at 60 degrees a degree of longitude is half as long
        (-65, (3_750, 8_250)),
        (79, (5_527, 6_472)),
        (80, (5_608, 6_391)),  # 85 degrees is the highest latitude that counts
    ],
)
def test_a_map_is_narrower_the_farther_it_is_from_the_equator(south: int, left_and_right: tuple[int, int]) -> None:
    """The map has ten degrees in both directions."""
    found = picture(SHOWN, [area(0, None, shape=box(0, south * GRID, 10 * GRID, 10 * GRID))], ())
    (((left, upper), (right, lower)),) = drawn(found).values()
    assert ((left, right), lower - upper) == (left_and_right, MAP_HEIGHT_MAX)


def test_a_map_of_one_unit_of_the_grid_fills_the_picture() -> None:
    for south, corners in ((0, ((1_500, 800), (10_500, 9_800))), (88 * GRID, ((1_500, 800), (2_283, 9_800)))):
        found = picture(SHOWN._replace(is_rehearsal=False), [area(0, None, shape=box(0, south, 1, 1))], ())
        assert list(drawn(found).values()) == [corners]


@pytest.mark.parametrize("shapes", [[], [None]])
def test_a_map_without_borders_is_a_legend_only(shapes: list[None]) -> None:
    areas = [ShownArea("a", "A", shape, None) for shape in shapes]
    found = picture(SHOWN, areas, ())
    assert (found.areas, found.height) == ((), 1_976)


def test_an_area_without_a_border_is_in_the_legend_alone() -> None:
    found = picture(SHOWN, [area(0, {0: 1}), area(1, {0: 1})._replace(shape=None)], CHOICES)
    assert [each.title.partition(":")[0] for each in found.areas] == ["Area 0"]
    assert "Choice 0: 2" in texts(found)


def test_an_area_within_another_one_is_drawn_after_it() -> None:
    inner = square(WEST + 10, SOUTH + 10, SIDE // 2)
    outer = (right_handed((square(WEST, SOUTH), inner)),)
    found = picture(SHOWN, [area(1, None, shape=((inner,),)), area(0, None, shape=outer)], ())
    assert [each.title for each in found.areas] == ["Area 0", "Area 1"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (box(0, 0, 20, 20), box(0, 40, 60, 1)),  # a block is larger than a strip that is longer than both its sides
        (box(0, 0, 20, 20), box(90, 0, 10, 20)),  # wherever in the picture they are
        (box(0, 80, 20, 20), box(0, 0, 20, 10)),
    ],
)
def test_the_largest_area_is_drawn_first(first: Shape, second: Shape) -> None:
    found = picture(SHOWN, [area(2, None, shape=second), area(1, None, shape=first)], ())
    assert list(drawn(found)) == ["Area 1", "Area 2"]


def test_a_name_is_cut_so_that_its_number_of_areas_stays() -> None:
    """A label has at most 44 characters."""
    for names, labels in (
        (("x" * 41, "y" * 42), ("x" * 41 + ": 1", "y" * 38 + "...: 1")),
        (("x" * 40, "y" * 41), ("x" * 40 + ": 10", "y" * 37 + "...: 10")),
    ):
        count = int(labels[0].partition(": ")[2])
        areas = [area(n, {n % 2: 1}) for n in range(2 * count)]
        choices = [choice._replace(name=name) for choice, name in zip(CHOICES, names, strict=False)] + [*CHOICES[2:]]
        found = picture(SHOWN, areas, choices)
        legend = found.texts[3:5]
        assert tuple(each.text for each in legend) == tuple(each.plain for each in legend) == labels


def test_a_long_id_is_cut_as_a_long_name_is() -> None:
    """A font without the letters of the name draws the id, which must not run into the next column either."""
    choices = [CHOICES[0]._replace(id="i" * 40, name="Đ"), CHOICES[1]._replace(id="j" * 64, name="Đ")]
    ids = [choice.id for choice in choices]
    areas = [
        area(n, None)._replace(result=AreaResult(Progress(1, 1, 1, 1, 0, 0, 0, 0), votes, margin(ids, votes)))
        for n, votes in enumerate(((1, 0), (0, 1)))
    ]
    legend = picture(SHOWN, areas, choices).texts[3:5]
    assert [each.plain for each in legend] == ["i" * 40 + ": 1", "j" * 38 + "...: 1"]


@pytest.mark.parametrize(
    ("title", "shown"), [("t" * 84, "t" * 84), ("t" * 85, "t" * 81 + "..."), ("Đ" * 85, "Đ" * 81 + "...")]
)
def test_a_title_has_at_most_84_characters(title: str, shown: str) -> None:
    assert picture(SHOWN._replace(title=title), [], ()).texts[0].text == shown


@pytest.mark.parametrize(("note", "shown"), [("n" * 170, "n" * 170), ("n" * 171, "n" * 167 + "...")])
def test_a_note_has_at_most_170_characters(note: str, shown: str) -> None:
    assert picture(SHOWN._replace(notes=[note]), [], ()).texts[-1].text == shown


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


def test_looks_of_choices_are_those_of_the_palette() -> None:
    assert [look_of(number) for number in range(len(LOOKS))] == list(LOOKS)
