"""A map as a picture: areas in the colours of who leads there, a legend, a title, and what the numbers are as of.

The picture is a list of things to draw, in whole tenths of a pixel from the upper left corner, so that SVG (svg.py) and PNG
(api/maps/png.py) are the same picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from projections.maps.extent import box_around, east_of, width
from projections.maps.palette import LOOK_HELD, LOOK_NOT_COUNTED, LOOK_OTHERS, LOOK_TIED, LOOKS, Look, look_of
from projections.maps.results import AreaResult, MapChoice
from projections.shown.shares import per_cent
from schemas.maps.shapes import GRID, Point, Shape

PIXEL = 10
"""Units of the picture in a pixel."""
WIDTH = 1_200 * PIXEL
MAP_HEIGHT_MAX = 900 * PIXEL
"""Limit for the map itself; a tall nation gets a narrower map."""
MARGIN = 24 * PIXEL
TITLE, TEXT, SMALL = 28 * PIXEL, 17 * PIXEL, 13 * PIXEL
LINE = 26 * PIXEL
LEGEND_COLUMNS = 3
LABEL_CHARACTERS_MAX = 44
"""Longest label of the legend; a longer one would run into the next column."""
TITLE_CHARACTERS_MAX = 84
NOTE_CHARACTERS_MAX = 170
MARK_TEXT = "REHEARSAL"
_COS_UNITS = 1_000
_LATITUDE_DEGREES_MAX = 85


class PictureArea(NamedTuple):
    rings: tuple[tuple[Point, ...], ...]
    look: Look
    title: str
    """Text for readers who point at the area, and for those who have it read to them."""


class PictureBox(NamedTuple):
    """A square of the legend."""

    x: int
    y: int
    side: int
    look: Look


class PictureText(NamedTuple):
    x: int
    y: int
    """Height of the baseline."""
    size: int
    text: str
    plain: str
    """The text in ASCII, for a font that has not the letters of `text`."""
    is_warning: bool = False


class Picture(NamedTuple):
    width: int
    height: int
    title: str
    areas: tuple[PictureArea, ...]
    boxes: tuple[PictureBox, ...]
    texts: tuple[PictureText, ...]
    looks: tuple[Look, ...]
    """Looks of areas and legend, each once."""
    mark: str | None
    """Word across the whole picture; None where the numbers are results."""


class Shown(NamedTuple):
    """What a picture is of."""

    title: str
    subtitle: str
    notes: Sequence[str]
    """Lines below the legend: the cut, the licence, the source."""
    is_rehearsal: bool


class ShownArea(NamedTuple):
    id: str
    name: str
    shape: Shape | None
    result: AreaResult | None
    """None for a map without results."""


def picture(shown: Shown, areas: Sequence[ShownArea], choices: Sequence[MapChoice]) -> Picture:
    index = {choice.id: number for number, choice in enumerate(choices)}
    looks = [_look(area.result, index) for area in areas]
    names = {choice.id: choice.name for choice in choices}
    top = MARGIN + 2 * TITLE + (LINE if shown.is_rehearsal else 0)
    drawn, map_height = _drawn(areas, looks, names, top)
    texts = [
        _text(MARGIN, MARGIN + TITLE, TITLE, shown.title, TITLE_CHARACTERS_MAX),
        _text(MARGIN, MARGIN + TITLE + LINE, TEXT, shown.subtitle, TITLE_CHARACTERS_MAX),
    ]
    if shown.is_rehearsal:
        words = "Rehearsal: these numbers are made up and are not results."
        texts.append(PictureText(MARGIN, MARGIN + TITLE + 2 * LINE, TEXT, words, words, is_warning=True))
    boxes: list[PictureBox] = []
    y = top + map_height + LINE
    entries = _legend(looks, choices)
    column = (WIDTH - 2 * MARGIN) // LEGEND_COLUMNS
    rows = -(-len(entries) // LEGEND_COLUMNS)
    for number, (look, label, plain) in enumerate(entries):
        x, row = MARGIN + number // rows * column, y + number % rows * LINE
        boxes.append(PictureBox(x, row, TEXT, look))
        texts.append(PictureText(x + TEXT * 3 // 2, row + TEXT * 4 // 5, TEXT, label, plain))
    y += rows * LINE
    for note in shown.notes:
        y += LINE * 4 // 5
        texts.append(_text(MARGIN, y, SMALL, note, NOTE_CHARACTERS_MAX))
    mark = MARK_TEXT if shown.is_rehearsal else None
    title = f"{shown.title}: {shown.subtitle}"
    return Picture(WIDTH, y + MARGIN, title, drawn, tuple(boxes), tuple(texts), tuple(dict.fromkeys(looks)), mark)


def _drawn(
    areas: Sequence[ShownArea], looks: Sequence[Look], names: dict[str, str], top: int
) -> tuple[tuple[PictureArea, ...], int]:
    """The areas in the picture, the largest first so that an area within another one is seen, and the height of the map."""
    box = box_around(area.shape for area in areas if area.shape is not None)
    if box is None:
        return (), 0
    west, south, _, north = box
    middle = min(_LATITUDE_DEGREES_MAX, abs(south + north) // 2 // GRID)
    # A degree of longitude is shorter than one of latitude by the cosine of the latitude.
    narrowing = round(_COS_UNITS * math.cos(math.radians(middle)))
    across, down = max(1, width(box) * narrowing // _COS_UNITS), max(1, north - south)
    wide = WIDTH - 2 * MARGIN
    part, whole = (wide, across) if down * wide <= across * MAP_HEIGHT_MAX else (MAP_HEIGHT_MAX, down)
    left = MARGIN + (wide - across * part // whole) // 2

    def placed(point: Point) -> Point:
        x, y = point
        return left + east_of(x, west) * narrowing * part // (_COS_UNITS * whole), top + (north - y) * part // whole

    found = [
        PictureArea(_rings(area.shape, placed), look, _title(area, names))
        for area, look in zip(areas, looks, strict=True)
        if area.shape is not None
    ]
    found.sort(key=_extent, reverse=True)
    return tuple(found), down * part // whole


def _rings(shape: Shape, placed: Callable[[Point], Point]) -> tuple[tuple[Point, ...], ...]:
    return tuple(tuple(dict.fromkeys(map(placed, ring))) for polygon in shape for ring in polygon)


def _extent(area: PictureArea) -> int:
    xs = [x for ring in area.rings for x, _ in ring]
    ys = [y for ring in area.rings for _, y in ring]
    return (max(xs) - min(xs)) * (max(ys) - min(ys))


def _look(result: AreaResult | None, index: dict[str, int]) -> Look:
    if result is None:
        return LOOK_NOT_COUNTED
    if (leader := result.leader) is not None:
        return look_of(index[leader])
    if len(result.ahead.leaders) > 1:
        return LOOK_TIED
    return LOOK_HELD if result.stations.held and not result.stations.counted else LOOK_NOT_COUNTED


def _title(area: ShownArea, names: dict[str, str]) -> str:
    result = area.result
    if result is None:
        return area.name
    counted = f"{result.stations.counted:,} of {result.stations.expected:,} stations counted"
    leader = result.leader
    if leader is None:
        return f"{area.name}: {'tied' if result.ahead.leaders else 'no votes'}, {counted}"
    return f"{area.name}: {names[leader]} {per_cent(max(result.votes), sum(result.votes))}, {counted}"


def _legend(looks: Iterable[Look], choices: Sequence[MapChoice]) -> list[tuple[Look, str, str]]:
    """The looks that the map has, with words: choices in the order of the ballot, and then the others."""
    areas: dict[Look, int] = {}
    for look in looks:
        areas[look] = areas.get(look, 0) + 1
    labels: list[tuple[Look, str, str]] = []
    for number, choice in enumerate(choices[: len(LOOKS)]):
        if look_of(number) in areas:
            count = f"{areas[look_of(number)]:,}"
            characters_max = LABEL_CHARACTERS_MAX - len(count) - 2
            name = _cut(choice.name, characters_max)
            plain = name if name.isascii() else _cut(choice.id, characters_max)
            labels.append((look_of(number), f"{name}: {count}", f"{plain}: {count}"))
    for look, words in (
        (LOOK_OTHERS, "another choice"),
        (LOOK_TIED, "tied"),
        (LOOK_HELD, "held for review"),
        (LOOK_NOT_COUNTED, "not counted yet"),
    ):
        if look in areas and choices:
            labels.append((look, f"{words}: {areas[look]:,}", f"{words}: {areas[look]:,}"))
    return labels


def _text(x: int, y: int, size: int, text: str, characters_max: int) -> PictureText:
    cut = _cut(text, characters_max)
    return PictureText(x, y, size, cut, _ascii(cut))


def _cut(text: str, characters_max: int) -> str:
    return text if len(text) <= characters_max else text[: characters_max - 3] + "..."


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()
