"""Colours of a map that the colour-blind can tell apart.

Nine colours of Paul Tol's scheme *muted* (SRON technical note SRON/EPS/TN/09-002, issue 3.2, 2021, "Colour Schemes"), which
is made for people with red-green and with blue-yellow blindness; its tenth, pale grey, is meant for data that is missing.
Where a ballot has more choices than colours, they have the same colours again with stripes, and then with dots. So a choice
has one look during the whole count, whichever candidate is ahead.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

MUTED = ("#332288", "#DDCC77", "#CC6677", "#117733", "#88CCEE", "#882255", "#44AA99", "#999933", "#AA4499")
NOT_COUNTED = "#DDDDDD"
TIED = "#000000"
"""A grey would look like wine or rose to people without one kind of cone."""
MARK = "#FFFFFF"
"""Colour of the stripes and dots."""


class Texture(Enum):
    PLAIN = auto()
    STRIPES = auto()
    DOTS = auto()


class Look(NamedTuple):
    colour: str
    texture: Texture = Texture.PLAIN


LOOK_NOT_COUNTED = Look(NOT_COUNTED)
LOOK_HELD = Look(NOT_COUNTED, Texture.STRIPES)
"""No form counts yet, and some are held for review."""
LOOK_TIED = Look(TIED)
LOOK_OTHERS = Look(TIED, Texture.DOTS)
"""Choices for which no look is left."""
LOOKS = tuple(Look(colour, texture) for texture in Texture for colour in MUTED)


def look_of(choice: int) -> Look:
    """The look of a choice, by its index on the ballot."""
    return LOOKS[choice] if choice < len(LOOKS) else LOOK_OTHERS
