"""A picture as SVG: valid, whole, and without anything of others."""

from __future__ import annotations

import re
from itertools import accumulate
from xml.etree import ElementTree

from projections.maps.palette import LOOK_HELD, LOOK_NOT_COUNTED, Look, Texture
from projections.maps.picture import Picture, PictureArea, PictureBox, PictureText
from projections.maps.svg import svg

BLUE, SAND_DOTS = Look("#332288"), Look("#DDCC77", Texture.DOTS)
RING = ((0, 0), (40, 0), (40, -30))
HOLE = ((5, 5), (10, 5), (10, 10))
PICTURE = Picture(
    width=1_000,
    height=805,
    title="A & <B>: President",
    areas=(
        PictureArea((RING, HOLE), BLUE, "<Area> 0"),
        PictureArea((RING,), SAND_DOTS, "Area 1"),
        PictureArea((RING,), LOOK_HELD, "Area 2"),
    ),
    boxes=(PictureBox(240, 3624, 170, SAND_DOTS), PictureBox(240, 3884, 170, LOOK_NOT_COUNTED)),
    texts=(
        PictureText(240, 520, 280, "A & <B>", "A & <B>"),
        PictureText(240, 780, 170, "President", "President"),
        PictureText(240, 1040, 170, "Not results.", "Not results.", is_warning=True),
        PictureText(240, 1300, 130, "As of 0:3.", "As of 0:3."),
    ),
    looks=(BLUE, SAND_DOTS, LOOK_HELD, LOOK_NOT_COUNTED),
    mark="REHEARSAL",
)
LINES = """\
<svg xmlns="http://www.w3.org/2000/svg" width="100" height="81" viewBox="0 0 1000 805" role="img" font-family="sans-serif">
<title>A &amp; &lt;B&gt;: President</title>
<defs>
<pattern id="look1" width="120" height="120" patternUnits="userSpaceOnUse"><rect width="120" height="120" fill="#DDCC77"/>\
<circle cx="60" cy="60" r="30" fill="#FFFFFF"/></pattern>
<pattern id="look2" width="120" height="120" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">\
<rect width="120" height="120" fill="#DDDDDD"/><rect width="40" height="120" fill="#FFFFFF"/></pattern>
</defs>
<rect width="1000" height="805" fill="#FFFFFF"/>
<g stroke="#777777" stroke-width="7" stroke-linejoin="round" fill-rule="evenodd">
<path fill="#332288" d="M0 0l40 0l0 -30zM5 5l5 0l0 5z"><title>&lt;Area&gt; 0</title></path>
<path fill="url(#look1)" d="M0 0l40 0l0 -30z"><title>Area 1</title></path>
<path fill="url(#look2)" d="M0 0l40 0l0 -30z"><title>Area 2</title></path>
</g>
<rect x="240" y="3624" width="170" height="170" fill="url(#look1)" stroke="#222222" stroke-width="5"/>
<rect x="240" y="3884" width="170" height="170" fill="#DDDDDD" stroke="#222222" stroke-width="5"/>
<text x="240" y="520" font-size="280" fill="#222222" font-weight="bold">A &amp; &lt;B&gt;</text>
<text x="240" y="780" font-size="170" fill="#222222">President</text>
<text x="240" y="1040" font-size="170" fill="#B00020" font-weight="bold">Not results.</text>
<text x="240" y="1300" font-size="130" fill="#222222">As of 0:3.</text>
"""
MARK = """\
<text x="500" y="402" font-size="1430" font-weight="bold" text-anchor="middle" fill="#B00020" fill-opacity=".16" \
transform="rotate(-30 500 402)">REHEARSAL</text>
"""
SVG = "{http://www.w3.org/2000/svg}"


def test_a_picture_is_written_line_by_line() -> None:
    assert svg(PICTURE).decode() == f"{LINES}{MARK}</svg>\n"
    assert svg(PICTURE._replace(mark=None)).decode() == f"{LINES}</svg>\n"


def test_a_reader_of_xml_finds_the_words_and_the_corners() -> None:
    root = ElementTree.fromstring(svg(PICTURE))
    path, *_ = root.findall(f"{SVG}g/{SVG}path")
    assert [root.findtext(f"{SVG}title"), path.findtext(f"{SVG}title")] == ["A & <B>: President", "<Area> 0"]
    steps = [(int(x), int(y)) for x, y in re.findall(r"(-?\d+) (-?\d+)", (path.get("d") or "").partition("z")[0])]
    assert tuple(accumulate(steps, lambda at, step: (at[0] + step[0], at[1] + step[1]))) == RING


def test_a_picture_has_nothing_of_others() -> None:
    assert not re.search(r"<script|href|url\(http|@import", svg(PICTURE).decode())
