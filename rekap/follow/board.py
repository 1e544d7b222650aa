"""The totals of an office as a table, kept up to date by the messages of a subscription."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import orjson
from rich.table import Table

from rekap.follow.live_client import SubscriptionRefusedError
from rekap.terminal import cell
from runtime.http_client import AwayError, ask, base_url, client_for, what_came

ROWS_MAX = 60
PIPED_WIDTH = 200
"""Width in columns if the output is not a terminal, so that names in a file are not cut."""
ANSWER_BYTES_MAX = 16 * 1024 * 1024
"""The server answers in parts of some megabytes."""
ANSWER_SECONDS_MAX = 30.0


class Board:
    """The newest tallies of a subscription, as a table."""

    def __init__(self, names: dict[str, str], choices: dict[str, list[dict[str, Any]]]) -> None:
        self._names = names
        self._choices = choices
        self._tallies: dict[tuple[str, str], dict[str, Any]] = {}
        self._as_of: dict[str, int] = {}
        self._state = "connecting"

    def apply(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "lost":
            self._state = f"connection lost, trying again in {message['retry_s']:.0f} s"
            return
        self._state = "live"
        if kind == "snapshot":
            self._tallies.clear()
        if kind in ("snapshot", "change"):
            self._as_of = message["as_of"]
            for tally in message["areas"]:
                self._tallies[tally["area"], tally["contest"]] = tally

    def table(self) -> Table:
        records = sum(offset + 1 for offset in self._as_of.values())
        caption = f"{self._state} · as of {records:,} ledger records"
        return tally_table(self._tallies, self._names, self._choices, caption, rows_max=ROWS_MAX)


def tally_table(
    tallies: Mapping[tuple[str, str], dict[str, Any]],
    names: Mapping[str, str],
    choices: Mapping[str, list[dict[str, Any]]],
    caption: str,
    *,
    rows_max: int | None = None,
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
    rows = list(tallies.items())
    for (area, contest), tally in rows[:rows_max]:
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
    if rows_max is not None and len(rows) > rows_max:
        table.add_row(f"… {len(rows) - rows_max:,} more rows")
    return table


async def board_of(url: str, office: str | None, area: str | None) -> tuple[Board, str]:
    """A board with the names of areas and choices, and the office that is followed. Raises AwayError,
    SubscriptionRefusedError."""
    server = base_url(url)
    async with client_for(server, seconds_max=ANSWER_SECONDS_MAX) as client:

        async def answer(path: str) -> dict[str, Any]:
            reply = await ask(
                client, "GET", f"{server}/v1/{path}", bytes_max=ANSWER_BYTES_MAX, seconds_max=ANSWER_SECONDS_MAX
            )
            try:
                found: dict[str, Any] = orjson.loads(reply.body)
                refusal = None if reply.status == httpx.codes.OK else found["detail"]
            except (ValueError, KeyError, TypeError):
                raise AwayError(what_came(reply), was_odd=True) from None
            if refusal is not None:
                raise SubscriptionRefusedError(refusal)
            return found

        election = await answer("election")
        offices = {each["id"]: each for each in election["offices"]}
        followed = office or next(iter(offices), "")
        if followed not in offices:
            raise SubscriptionRefusedError(f"there is no office {followed!r}; there are: {', '.join(offices)}")
        seen = await answer(f"areas/{quote(area or election['root'], safe='')}?office={quote(followed, safe='')}")
        names = {each["code"]: each["name"] for each in [seen["area"], *seen["children"]]}
        contests = offices[followed]["contests"]
        choices = {}
        if len(contests) == 1:
            choices[contests[0]] = (await answer(f"contests/{quote(contests[0], safe='')}"))["choices"]
        return Board(names, choices), followed
