"""`rekap watch`: live totals in the terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click
from rich.console import Console
from rich.live import Live

from rekap.errors import NotReachedError
from rekap.follow.board import PIPED_WIDTH, board_of
from rekap.follow.live_client import follow
from runtime.http_client import AddressError, AwayError


@click.command("watch")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="address of a Rekap API")
@click.option("--office", help="the office to follow (default: the first of the election)")
@click.option("--area", help="an area with its children (default: the whole election)")
@click.option("--level", help="all areas of a level instead")
@click.option("--once", is_flag=True, help="print the current totals and end")
def watch(url: str, office: str | None, area: str | None, level: str | None, once: bool) -> None:
    """Follow the totals of an office live, in a table, until Ctrl-C. A lost connection is made again, without a gap.

    \b
    Examples:
      rekap watch --office president
      rekap watch --url https://count.example --area 34 --once
    """
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)

    async def go() -> None:
        board, followed = await board_of(url, office, area)
        messages = follow(url, office=followed, area=area, level=level, deltas=True)
        if once:
            async for message in messages:
                board.apply(message)
                if message["type"] == "snapshot":
                    console.print(board.table())
                    return
        with Live(board.table(), console=console, refresh_per_second=4) as screen:
            async for message in messages:
                board.apply(message)
                screen.update(board.table())

    with suppress(KeyboardInterrupt), _answers_of(url):
        asyncio.run(go())


@contextmanager
def _answers_of(url: str) -> Iterator[None]:
    """What is wrong with the address, or with what answers there, as an error that names the address."""
    try:
        yield
    except AddressError as error:
        raise AddressError(f"--url: {error}") from None
    except AwayError as error:
        raise NotReachedError(f"{url}: {error}; is `rekap up` running there?") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotReachedError(
            f"{url} answers, but not as a Rekap server of this version ({type(error).__name__}: {error})"
        ) from None
