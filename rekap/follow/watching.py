"""Follows a channel and draws it: the names first, then each message, on a screen or as one print."""

from __future__ import annotations

import time
from collections.abc import Sequence

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


async def names_for(client: Client, office: str | None, area: str | None) -> Names:
    """The names that the screen needs. Raises AwayError, RefusedError, SubscriptionRefusedError."""
    election = await client.election()
    offices = {each.id: each for each in election.offices}
    followed = office or next(iter(offices), "")
    if followed not in offices:
        raise SubscriptionRefusedError(f"there is no office {followed!r}; there are: {', '.join(offices)}")
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
        area_names={each.code: each.name for each in [seen.area, *seen.children]},
        contests=contests,
        lines=lines,
    )


async def _party_lines(client: Client, office: str) -> tuple[Named, ...]:
    """The lines of the office's sums, with the parties' names."""
    names: dict[str, str] = {NO_PARTY: "no party"}
    after: str | None = None
    for _ in range(PARTIES_PAGES_MAX):
        page = await client.parties(after=after)
        names |= {each.party: each.name for each in page.parties}
        if (after := page.next) is None:
            break
    tally = (await client.office(office)).tally
    return tuple(Named(line, names.get(line, line)) for line in tally.counted.votes)


def _preferred(texts: dict[str, str]) -> str:
    """The English text, or else the first."""
    return texts.get("en") or next(iter(texts.values()), "")


async def print_once(url: str, names: Names, console: Console, **wish: str | None) -> None:
    """Print the newest state. Raises SubscriptionRefusedError."""
    followed = Followed(names, now=time.monotonic())
    async for message in follow(url, office=names.office, held=True, **wish):
        followed.apply(message, now=time.monotonic())
        if message["type"] == "snapshot":
            print_state(followed, console)
            return


def print_state(followed: Followed, console: Console) -> None:
    for line in fitted(screen_lines(followed, console.width, None, now=time.monotonic()), console.width):
        console.print(line)


async def show(url: str, names: Names, console: Console, *, lines: Sequence[str] = (), **wish: str | None) -> None:
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
            async for message in follow(url, office=names.office, deltas=True, held=True, **wish):
                followed.apply(message, now=time.monotonic())
    finally:
        print_state(followed, console)
