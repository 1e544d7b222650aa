"""Follows a channel and draws it: the names first, then each message, on a screen or as one print."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.live import Live

from projections.definition.ballots import NO_PARTY
from rekap.client.client import Client
from rekap.client.live_feed import SubscriptionRefusedError, follow
from rekap.follow.followed import Followed, Named, Names
from rekap.follow.screen import Screen, fitted, screen_lines

REFRESHES_PER_SECOND = 4
PARTIES_PAGES_MAX = 20
"""Pages of the list of parties, of which a country has one."""
AREA_PAGES_MAX, AREAS_OF_PAGE = 10, 1_000
"""Pages of the list of areas for their names. Indonesia has 7,285 districts; nobody reads more lines on a terminal."""


async def names_for(client: Client, office: str | None, area: str | None, level: str | None = None) -> Names:
    """The names that the screen needs, with those of the areas of a level, if one is given. Raises AwayError, RefusedError,
    SubscriptionRefusedError."""
    election = await client.election()
    offices = {each.id: each for each in election.offices}
    followed = office or next(iter(offices), "")
    if followed not in offices:
        raise SubscriptionRefusedError(f"there is no office {followed!r}; there are: {', '.join(offices)}")
    levels = [each.id for each in election.levels[:-1]]
    if level is not None and level not in levels:
        raise SubscriptionRefusedError(f"there is no level {level!r} of areas; there are: {', '.join(levels)}")
    code = area or election.root
    seen = await client.area(code, office=followed)
    contests = tuple(offices[followed].contests)
    if len(contests) == 1:
        lines = tuple(Named(each.id, each.name) for each in (await client.contest(contests[0])).choices)
    else:
        lines = await _party_lines(client, followed)
    return Names(
        election=election.election,
        title=_preferred(election.title),
        is_rehearsal=election.mode != "live",
        office=followed,
        office_name=_preferred(offices[followed].name),
        area=code,
        area_names={each.code: each.name for each in [seen.area, *seen.children]}
        | ({} if level is None else await _names_of_level(client, level)),
        contests=contests,
        lines=lines,
        level=level,
    )


async def _names_of_level(client: Client, level: str) -> dict[str, str]:
    """Code → name of the areas of a level. Beyond the pages, areas are shown by their codes."""
    names: dict[str, str] = {}
    cursor: str | None = None
    for _ in range(AREA_PAGES_MAX):
        page = await client.answer(
            "areas", {"level": level, "fields": "area,area_name", "limit": AREAS_OF_PAGE, "cursor": cursor}
        )
        names |= {row["area"]: row["area_name"] for row in page["rows"]}
        if (cursor := page["next"]) is None:
            break
    return names


async def _party_lines(client: Client, office: str) -> tuple[Named, ...]:
    """The lines of the office's sums, with the parties' names."""
    names: dict[str, str] = {NO_PARTY: "no party"}
    cursor: str | None = None
    for _ in range(PARTIES_PAGES_MAX):
        page = await client.parties(cursor=cursor)
        names |= {each.party: each.name for each in page.parties}
        if (cursor := page.next) is None:
            break
    tally = (await client.office(office)).tally
    return tuple(Named(line, names.get(line, line)) for line in tally.counted.votes)


def _preferred(texts: dict[str, str]) -> str:
    """The English text, or else the first."""
    return texts.get("en") or next(iter(texts.values()), "")


async def print_once(url: str, names: Names, console: Console) -> None:
    """Print the newest state. Raises SubscriptionRefusedError."""
    followed = Followed(names, now=time.monotonic())
    await _take(url, followed, deltas=False, once=True)
    print_state(followed, console)


async def _take(url: str, followed: Followed, *, deltas: bool, once: bool = False) -> None:
    """Apply the messages of the area's channel, and of the level's where one is listed; `once` until each has its snapshot.
    Held forms and the totals come with an area, so a level needs a channel of its own. Raises SubscriptionRefusedError."""
    names = followed.names

    async def take(apply: Callable[[dict[str, Any]], None], **wish: Any) -> None:
        async for message in follow(url, office=names.office, deltas=deltas, **wish):
            apply(message)
            if once and message["type"] == "snapshot":
                return

    taking = [
        asyncio.create_task(take(lambda each: followed.apply(each, now=time.monotonic()), area=names.area, held=True))
    ]
    if names.level is not None:
        taking.append(asyncio.create_task(take(followed.apply_level, level=names.level)))
    try:
        await asyncio.gather(*taking)
    finally:
        for each in taking:
            each.cancel()


def print_state(followed: Followed, console: Console) -> None:
    for line in fitted(screen_lines(followed, console.width, None, now=time.monotonic()), console.width):
        console.print(line)


async def show(url: str, names: Names, console: Console, *, lines: Sequence[str] = ()) -> None:
    """Draw the channel until the task is cancelled, and leave the last state on the terminal. `lines` are shown below. Raises
    SubscriptionRefusedError."""
    followed = Followed(names, now=time.monotonic())
    try:
        with Live(
            Screen(followed, lines),
            console=console,
            screen=console.is_terminal,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
        ):
            await _take(url, followed, deltas=True)
    finally:
        print_state(followed, console)
