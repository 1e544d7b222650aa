"""A picture of a map as PNG, drawn by Pillow.

Pillow (MIT-CMU licence) is the best kept library that draws polygons and text, and has a font in itself, so that a container
without fonts draws the same picture. The font has the letters of ASCII; a text with others is drawn in its `plain` form.
Pillow is imported with the first picture, so that a process that draws none does not hold it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from projections.maps.palette import MARK, Look, Texture
from projections.maps.picture import PIXEL, SMALL, Picture
from projections.maps.svg import BORDER, INK, TILE, WARNING
from schemas.maps.shapes import Point

if TYPE_CHECKING:
    from PIL import Image

SHARPNESS = 2
"""Pixels that are drawn for each pixel of the picture, across and down, so that borders are smooth. At double, a picture takes
four times as long."""
_UNITS = PIXEL // SHARPNESS
_WHITE = "#FFFFFF"


def png(picture: Picture) -> bytes:
    from PIL import Image, ImageDraw

    size = _drawn(picture.width), _drawn(picture.height)
    image = Image.new("RGB", size, _WHITE)
    draw = ImageDraw.Draw(image)
    rings = [[[_point(point) for point in ring] for ring in area.rings if len(ring) > 1] for area in picture.areas]
    for area, own in zip(picture.areas, rings, strict=True):
        _fill(draw, own, area.look.colour, _WHITE)
    textured = [look for look in picture.looks if look.texture is not Texture.PLAIN]
    for look in textured:
        mask = Image.new("L", size, 0)
        on_mask = ImageDraw.Draw(mask)
        for area, own in zip(picture.areas, rings, strict=True):
            _fill(on_mask, own, 255 if area.look == look else 0, 0)
        image.paste(MARK, mask=_texture(look, mask))
    for own in rings:
        for ring in own:
            draw.line([*ring, ring[0]], fill=BORDER, width=SHARPNESS)
    for box in picture.boxes:
        x, y, side = _drawn(box.x), _drawn(box.y), _drawn(box.side)
        draw.rectangle((x, y, x + side, y + side), fill=box.look.colour)
        if box.look in textured:
            mask = Image.new("L", size, 0)
            ImageDraw.Draw(mask).rectangle((x, y, x + side, y + side), fill=255)
            image.paste(MARK, mask=_texture(box.look, mask))
        draw.rectangle((x, y, x + side, y + side), outline=INK, width=SHARPNESS)
    _write(image, picture)
    written = io.BytesIO()
    image.reduce(SHARPNESS).save(written, "PNG", compress_level=6)
    return written.getvalue()


def _write(image: Image.Image, picture: Picture) -> None:
    from PIL import Image, ImageDraw, ImageFont

    draw = ImageDraw.Draw(image)
    for text in picture.texts:
        font = ImageFont.load_default(_drawn(text.size))
        words = text.text if text.text.isascii() else text.plain
        draw.text((_drawn(text.x), _drawn(text.y)), words, WARNING if text.is_warning else INK, font, anchor="ls")
    if picture.mark is not None:
        font = ImageFont.load_default(_drawn(SMALL * 11))
        middle = image.width // 2, image.height // 2
        mask = Image.new("L", image.size, 0)
        ImageDraw.Draw(mask).text(middle, picture.mark, 40, font, anchor="mm")
        image.paste(WARNING, mask=mask.rotate(30, center=middle))


def _fill(draw: Any, rings: list[list[Point]], colour: Any, ground: Any) -> None:
    """An area with its holes. Rings in a picture follow each other, a hole after the ring that it is in."""
    for ring in rings:
        draw.polygon(ring, fill=colour if _is_outer(ring) else ground)


def _is_outer(ring: list[Point]) -> bool:
    """Down is positive in a picture, so an outer ring goes clockwise in these numbers."""
    return sum(x * ny - nx * y for (x, y), (nx, ny) in zip(ring, (*ring[1:], ring[0]), strict=True)) <= 0


def _texture(look: Look, mask: Image.Image) -> Image.Image:
    """The part of a mask that the stripes or dots of a look cover."""
    from PIL import Image, ImageChops, ImageDraw

    side = _drawn(TILE)
    marks = Image.new("L", mask.size, 0)
    draw = ImageDraw.Draw(marks)
    if look.texture is Texture.STRIPES:
        step = side * 7 // 5
        for x in range(-mask.height, mask.width, step):
            draw.line(((x, 0), (x + mask.height, mask.height)), fill=255, width=side // 3)
    else:
        for x in range(0, mask.width, side):
            for y in range(0, mask.height, side):
                draw.ellipse((x + side // 4, y + side // 4, x + 3 * side // 4, y + 3 * side // 4), fill=255)
    return ImageChops.multiply(mask, marks)


def _drawn(units: int) -> int:
    return units // _UNITS


def _point(point: Point) -> Point:
    return _drawn(point[0]), _drawn(point[1])
