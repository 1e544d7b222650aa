"""`rekap watch`: live totals in the terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click
from rich.console import Console

from rekap.client.client import Client
from rekap.errors import NotReachedError
from rekap.follow.tally_table import PIPED_WIDTH
from rekap.follow.watching import names_for, print_once, show
from runtime.http_client import AddressError, AwayError


@click.command("watch")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="address of a Rekap API")
@click.option("--office", help="the office to follow (default: the first of the election)")
@click.option("--area", help="an area with its children (default: the whole election)")
@click.option("--level", help="list all areas of this level instead of the children")
@click.option("--once", is_flag=True, help="print the current totals and end")
def watch(url: str, office: str | None, area: str | None, level: str | None, once: bool) -> None:
    """Follow the totals of an office live until Ctrl-C: votes, turnout, progress by area, and what is held by which rule. A
    lost connection is made again, without a gap.

    \b
    Examples:
      rekap watch --office president
      rekap watch --url https://count.example --area 34 --once
    """
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)

    async def go() -> None:
        async with Client(url) as client:
            names = await names_for(client, office, area, level)
        if once:
            await print_once(url, names, console)
        else:
            await show(url, names, console)

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
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NotReachedError(f"{url} answers, but not as a Rekap server of this version") from None
