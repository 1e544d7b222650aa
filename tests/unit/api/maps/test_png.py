"""Pictures as PNG: the same areas in the same colours as the SVG."""

from __future__ import annotations

import io
import subprocess
import sys

from PIL import Image

from api.maps.png import png
from projections.area.progress import Progress, margin
from projections.maps.palette import MUTED, NOT_COUNTED
from projections.maps.picture import PIXEL, Shown, ShownArea, picture
from projections.maps.results import AreaResult, MapChoice
from schemas.maps.shapes import Shape, right_handed
from tests.support.small_maps import SIDE, SOUTH, WEST, square

CHOICES = tuple(MapChoice(str(number), f"Pilihan {number} é") for number in range(20))


def _area(name: str, shape: Shape, leader: int | None, *, held: int = 0) -> ShownArea:
    votes = tuple(int(number == leader) for number in range(len(CHOICES)))
    now = Progress(2, 1, 1 - held, 1 - held, 0, held, 0, 1)
    return ShownArea(name, name, shape, AreaResult(now, votes, margin([choice.id for choice in CHOICES], votes)))


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def test_each_area_has_its_colour_and_texture_at_its_place() -> None:
    inner = square(WEST + SIDE // 4, SOUTH + SIDE // 4, SIDE // 2)
    areas = [
        _area("inner", ((inner,),), 1),
        _area("outer", (right_handed((square(WEST, SOUTH), inner)),), 0),
        _area("striped", ((square(WEST + SIDE, SOUTH),),), 9),
        _area("dotted", ((square(WEST + 2 * SIDE, SOUTH),),), 18),
        _area("held", ((square(WEST + 3 * SIDE, SOUTH),),), None, held=1),
    ]
    drawn = picture(Shown("Title", "Subtitle", ["Note ©"], is_rehearsal=False), areas, CHOICES)
    with Image.open(io.BytesIO(png(drawn))) as image:
        assert image.size == (drawn.width // PIXEL, -(-drawn.height // PIXEL))
        pixels = image.convert("RGB")
    seen = {}
    for area in drawn.areas:
        xs, ys = [x for x, _ in area.rings[0]], [y for _, y in area.rings[0]]
        box = (min(xs) // PIXEL + 8, min(ys) // PIXEL + 8, max(xs) // PIXEL - 8, max(ys) // PIXEL - 8)
        colours = pixels.crop(box).getcolors(1 << 20) or []
        common = {colour for count, colour in colours if count > 100}
        seen[area.title.partition(":")[0]] = common
    white = (255, 255, 255)
    assert seen["inner"] == {_rgb(MUTED[1])}
    assert seen["outer"] >= {_rgb(MUTED[0]), _rgb(MUTED[1])}
    assert white not in seen["outer"]
    assert seen["striped"] >= {_rgb(MUTED[0]), white}
    assert seen["dotted"] >= {_rgb(MUTED[0]), white}
    assert seen["held"] >= {_rgb(NOT_COUNTED), white}


def test_a_rehearsal_has_a_mark_across_the_picture() -> None:
    areas = [_area("a", ((square(WEST, SOUTH),),), 0)]
    shown = Shown("Title", "Subtitle", [], is_rehearsal=False)
    marked, plain = (png(picture(shown._replace(is_rehearsal=each), areas, CHOICES)) for each in (True, False))
    with Image.open(io.BytesIO(marked)) as image:
        middle = image.crop((300, 200, 900, 700)).convert("RGB").getcolors(1 << 20) or []
    assert sum(count for count, colour in middle if colour != _rgb(MUTED[0])) > 1_000
    assert marked != plain


def test_no_library_for_geometry_or_pictures_is_imported_by_the_api() -> None:
    """Not by its gateway, its feed or its read role; Pillow comes with the first picture."""
    code = (
        "import sys, api.app, api.submit.gateway, api.feed.live, api.maps.routes, rekap.operate.worker\n"
        "print([name for name in ('shapely', 'numpy', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
