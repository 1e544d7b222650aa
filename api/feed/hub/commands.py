"""What a client's command asks for, checked against the definition: a channel, and where to begin in it."""

from __future__ import annotations

from typing import NamedTuple

from api.errors import ApiError
from api.feed.subscribers import Selection
from projections.definition.compiled import Definition
from schemas.served.feed_cursors import CursorError, OtherGenerationError, Positions, positions_of
from schemas.served.live import GapReason, Subscribe


class CommandError(ApiError):
    """A command that cannot be followed: which field is wrong, and why. `id` is the id that the client gave the command, if it
    gave one."""

    def __init__(self, status: int, field: str | None, sentence: str) -> None:
        super().__init__(sentence)
        self.id: str | None = None
        self.status = status
        self.field = field
        self.sentence = sentence


def selection_of(command: Subscribe, definition: Definition) -> Selection:
    """What the channel of a subscription shows. Raises CommandError where there is no such office, area or level."""
    office = definition.ballots.office_number.get(command.office)
    if office is None:
        names = ", ".join(entry.id for entry in definition.ballots.offices)
        raise CommandError(404, "office", f"there is no office {command.office!r} in this election; there are: {names}")
    if command.area is not None and command.level is not None:
        raise CommandError(400, "level", "an area or a level, not both: an area comes with its children")
    if command.level is not None:
        if command.stations:
            raise CommandError(400, "stations", "stations are sent by area, not by level")
        if command.held:
            raise CommandError(400, "held", "held results are sent by area, not by level")
        if not command.children:
            raise CommandError(400, "children", "only an area has children to be left out; a level is its areas alone")
        if command.level not in definition.tree.level_ids[:-1]:
            names = ", ".join(definition.tree.level_ids[:-1])
            raise CommandError(404, "level", f"there is no level of areas {command.level!r}; there are: {names}")
        level = definition.tree.level_ids.index(command.level)
        return Selection(office, None, level, False, fields=command.fields, deltas=command.deltas)
    area = definition.tree.root if command.area is None else definition.tree.number.get(command.area)
    if area is None:
        raise CommandError(404, "area", f"there is no area {command.area!r} in this election")
    return Selection(
        office, area, None, command.stations, command.children, command.fields, command.held, command.deltas
    )


def channel_name(selection: Selection, definition: Definition) -> str:
    office = definition.ballots.offices[selection.office].id
    if selection.level is not None:
        name = f"{office}/level/{definition.tree.level_ids[selection.level]}"
    else:
        assert selection.area is not None
        name = f"{office}/area/{definition.tree.codes[selection.area]}"
        name += "" if selection.children else "/own"
        name += "/stations" if selection.stations else ""
        name += "/held" if selection.held else ""
    name += "" if selection.fields == "all" else f"/{selection.fields}"
    return f"{name}/deltas" if selection.deltas else name


class Start(NamedTuple):
    """Beginning of a subscription: after what these positions hold (None: with everything), and the gap to announce."""

    since: Positions | None
    gap: GapReason | None


def start_of(
    cursor: str | None, definition_hash: str, generation: int, partitions: int, *, keeps_cursor: bool
) -> Start:
    """Read the cursor of a subscription; `partitions` is the number of partitions of `subtotals`. Raises CommandError.

    A client that keeps its cursor cannot drop it (a browser's `Last-Event-ID`), so a cursor that does not belong to this
    feed counts as too old."""
    if cursor is None:
        return Start(None, None)
    try:
        since = positions_of(cursor, definition_hash, generation)
        if len(since.subtotals) != partitions:
            raise CursorError("a cursor of other topics")
    except OtherGenerationError:
        return Start(None, "cursor-too-old")
    except CursorError as error:
        if not keeps_cursor:
            raise CommandError(400, "cursor", f"{error}; subscribe without it to begin with a snapshot") from None
        return Start(None, "cursor-too-old")
    return Start(since, None)
