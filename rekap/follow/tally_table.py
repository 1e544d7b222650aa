"""Published tallies as a table, for a replayed moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from rekap.terminal import cell

PIPED_WIDTH = 200
"""Width in columns if the output is not a terminal, so that names in a file are not cut."""


def tally_table(
    tallies: Mapping[tuple[str, str], dict[str, Any]],
    names: Mapping[str, str],
    choices: Mapping[str, list[dict[str, Any]]],
    caption: str,
) -> Table:
    """A row for each published tally, by area and contest. For a single contest it has the votes of the choices, if their names
    are known."""
    contests = sorted({contest for _, contest in tallies})
    columns = choices.get(contests[0], []) if len(contests) == 1 else []
    table = Table(caption=cell(caption), caption_justify="left")
    for name, side in (("area", "left"), ("contest", "left"), ("stations", "right"), ("held", "right")):
        table.add_column(name, justify="right" if side == "right" else "left")
    for choice in columns:
        table.add_column(cell(f"{choice['id']} {choice['name']}"[:24]), justify="right")
    if not columns:
        table.add_column("leading", justify="left")
    table.add_column("margin", justify="right")
    for (area, contest), tally in tallies.items():
        stations, votes = tally["stations"], tally["counted"]["votes"]
        shown: list[Any] = [f"{votes[choice['id']]:,}" for choice in columns] or [cell(", ".join(tally["leaders"]))]
        table.add_row(
            cell(names.get(area, area)),
            cell(contest),
            f"{stations['counted']:,}/{stations['expected']:,}",
            f"{stations['held']:,}",
            *shown,
            f"{tally['margin']:,}",
        )
    return table
