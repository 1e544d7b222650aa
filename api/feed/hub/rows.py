"""The rows of an office: which are known, their JSON, and about how long that is."""

from __future__ import annotations

import orjson

from api.feed.rendered import Rendered
from api.feed.state import OfficeState, PackedTally
from api.feed.touched import OF_OFFICE, WHOLE, Key, Row
from projections.area.tally import empty_tally
from projections.definition.compiled import Definition
from projections.shown.selected import selected
from projections.shown.tallies import published_office, published_tally
from schemas.served.live import Fields
from schemas.served.row_patches import ROW_NAMES, difference

CONTEST_ROW_BYTES = 1_000
"""Estimate for the progress of a whole contest, which has a few dozen numbers."""
DIGITS_OF_A_NUMBER = 5
"""More digits that each number of a full tally has than the same number of an empty tally."""


class Rows:
    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._rendered = Rendered()
        self._sizes: dict[tuple[int, int, Fields], int] = {}
        """Estimated bytes of a tally, by (office, contest or OF_OFFICE, fields)."""
        self._patches: dict[tuple[int, Key, Fields], tuple[Row, Row | None, tuple[bytes, bytes | None]]] = {}
        """What `patch` has made since the last flush, which all channels share."""

    def newest(self, office: OfficeState, key: Key) -> Row | None:
        """The row as the state has it; None where none has come."""
        if key[1] == WHOLE:
            return office.contest_rows.get(key[0])
        return office.office_tallies.get(key[1]) if key[0] == OF_OFFICE else office.areas.get(key)

    def render(self, office: OfficeState, key: Key, row: Row | None, fields: Fields) -> bytes:
        """The JSON of a row that `newest` returned, or of these fields of it. An area without a tally has zeros."""
        if isinstance(row, bytes):
            return row
        return self._rendered.get(office.entry.number, key, fields, row, lambda: self._dumps(office, key, row, fields))

    def patch(
        self, office: OfficeState, key: Key, before: Row | None, row: Row | None, fields: Fields
    ) -> tuple[bytes, bytes | None]:
        """The JSON of a row, and of its patch from what it was before; None where the patch is not known or not shorter."""
        if before is None:
            return self.render(office, key, row, fields), None
        kept = self._patches.get((office.entry.number, key, fields))
        if kept is not None and kept[0] is before and kept[1] is row:
            return kept[2]
        old = self.render(office, key, before, fields)
        new = self.render(office, key, row, fields)
        patch = _patch(key, old, new)
        made = new, patch if patch is not None and len(patch) < len(new) else None
        self._patches[office.entry.number, key, fields] = before, row, made
        return made

    def forget_patches(self) -> None:
        """Forget the patches of the last flush, which no later frame has."""
        self._patches.clear()

    def _dumps(self, office: OfficeState, key: Key, row: PackedTally | None, fields: Fields) -> bytes:
        if key[0] == OF_OFFICE:
            tally = orjson.loads(row) if row else empty_tally(len(office.entry.lines))
            return orjson.dumps(selected(published_office(office.entry, key[1], tally, self._definition), fields))
        contest = self._definition.ballots.contests[key[0]]
        tally = orjson.loads(row) if row else empty_tally(len(contest.choices))
        return orjson.dumps(selected(published_tally(contest, key[1], tally, self._definition), fields))

    def is_known(self, office: OfficeState, key: Key) -> bool:
        """Whether the row can be sent. An area without a tally is sent with zeros once its office has published (from the
        shard level up), or once its partition has been followed from the first block (below the shard level)."""
        if key[1] == WHOLE:
            return key[0] in office.contest_rows
        definition = self._definition
        if definition.tree.level[key[1]] <= definition.tree.shard_level:
            return office.has_published or key in office.areas
        return office.whole[definition.tree.partition_of_shard[definition.tree.shard[key[1]]]] or key in office.areas

    def size(self, office: OfficeState, key: Key, fields: Fields) -> int:
        """Estimated bytes of a row: those of an empty tally, and `DIGITS_OF_A_NUMBER` more for each number that is shown. Four
        times the numbers of one tier are shown."""
        if key[1] == WHOLE:
            return CONTEST_ROW_BYTES
        kind = (office.entry.number, key[0], fields)
        size = self._sizes.get(kind)
        if size is None:
            choices = office.entry.lines if key[0] == OF_OFFICE else self._definition.ballots.contests[key[0]].choices
            numbers = 4 * len(empty_tally(len(choices))) // 3
            size = len(self._dumps(office, key, None, fields)) + DIGITS_OF_A_NUMBER * numbers
            self._sizes[kind] = size
        return size


def _patch(key: Key, before: bytes, after: bytes) -> bytes | None:
    """The JSON of the patch that makes one row from the other, or None where there is none."""
    row = orjson.loads(after)
    changed = difference(orjson.loads(before), row)
    if changed is None:
        return None
    kind = "contests" if key[1] == WHOLE else "offices" if key[0] == OF_OFFICE else "areas"
    return orjson.dumps({name: row[name] for name in ROW_NAMES[kind]} | changed)
