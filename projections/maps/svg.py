"""A picture of a map as SVG 1.1, without scripts, links or fonts of others, so that any page may show it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from projections.maps.palette import MARK, Look, Texture
from projections.maps.picture import PIXEL, SMALL, TEXT, Picture, PictureArea, PictureText
from schemas.maps.shapes import Point

WARNING = "#B00020"
INK = "#222222"
BORDER = "#777777"
TILE = 12 * PIXEL
"""Side of a tile of stripes or dots."""


def svg(picture: Picture) -> bytes:
    size = f'width="{picture.width // PIXEL}" height="{-(-picture.height // PIXEL)}"'
    number = {look: f"look{index}" for index, look in enumerate(picture.looks)}
    pieces = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {picture.width} {picture.height}" role="img" '
        'font-family="sans-serif">\n'
        f"<title>{escape(picture.title)}</title>\n",
        "<defs>\n" + "".join(_pattern(look, name) for look, name in number.items()) + "</defs>\n",
        f'<rect width="{picture.width}" height="{picture.height}" fill="#FFFFFF"/>\n',
        f'<g stroke="{BORDER}" stroke-width="{PIXEL * 3 // 4}" stroke-linejoin="round" fill-rule="evenodd">\n',
        *(_area(area, number) for area in picture.areas),
        "</g>\n",
        *(
            f'<rect x="{box.x}" y="{box.y}" width="{box.side}" height="{box.side}" fill={_fill(box.look, number)} '
            f'stroke="{INK}" stroke-width="{PIXEL // 2}"/>\n'
            for box in picture.boxes
        ),
        *map(_text, picture.texts),
        *([] if picture.mark is None else [_mark(picture, picture.mark)]),
        "</svg>\n",
    ]
    return "".join(pieces).encode()


def _area(area: PictureArea, number: dict[Look, str]) -> str:
    path = "".join(map(_path, area.rings))
    return f"<path fill={_fill(area.look, number)} d={quoteattr(path)}><title>{escape(area.title)}</title></path>\n"


def _path(ring: Iterable[Point]) -> str:
    points = list(ring)
    first = f"M{points[0][0]} {points[0][1]}"
    return first + "".join(f"l{nx - x} {ny - y}" for (x, y), (nx, ny) in pairwise(points)) + "z"


def _fill(look: Look, number: dict[Look, str]) -> str:
    return f'"{look.colour}"' if look.texture is Texture.PLAIN else f'"url(#{number[look]})"'


def _pattern(look: Look, name: str) -> str:
    if look.texture is Texture.PLAIN:
        return ""
    head = f'<pattern id="{name}" width="{TILE}" height="{TILE}" patternUnits="userSpaceOnUse"'
    ground = f'<rect width="{TILE}" height="{TILE}" fill="{look.colour}"/>'
    if look.texture is Texture.STRIPES:
        lines = f'<rect width="{TILE // 3}" height="{TILE}" fill="{MARK}"/>'
        return f'{head} patternTransform="rotate(45)">{ground}{lines}</pattern>\n'
    return f'{head}>{ground}<circle cx="{TILE // 2}" cy="{TILE // 2}" r="{TILE // 4}" fill="{MARK}"/></pattern>\n'


def _text(text: PictureText) -> str:
    weight = ' font-weight="bold"' if text.is_warning or text.size > TEXT else ""
    fill = WARNING if text.is_warning else INK
    return f'<text x="{text.x}" y="{text.y}" font-size="{text.size}" fill="{fill}"{weight}>{escape(text.text)}</text>\n'


def _mark(picture: Picture, mark: str) -> str:
    x, y = picture.width // 2, picture.height // 2
    return (
        f'<text x="{x}" y="{y}" font-size="{SMALL * 11}" font-weight="bold" text-anchor="middle" fill="{WARNING}" '
        f'fill-opacity=".16" transform="rotate(-30 {x} {y})">{escape(mark)}</text>\n'
    )
