"""A search of a portal: the elections of a page are bounded, and one address does not fill the searches."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.limits.limits import CLIENT_ADDRESS
from rekap.portal import routes
from rekap.portal.app import create_portal
from rekap.portal.configuration import ElectionEntry, PortalConfiguration
from rekap.portal.names import Found


class Searched:
    """The names of all elections, which can be held back."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.may_continue = asyncio.Event()
        self.may_continue.set()

    async def find(self, words: list[str], kind: str | None, after: int, limit: int) -> list[Found]:
        self.asked.append(words)
        await self.may_continue.wait()
        return []


def _portal(tmp_path: Path, elections: int, searched: Searched) -> FastAPI:
    entries = tuple(ElectionEntry(f"e{number:03}", tmp_path, None) for number in range(elections))
    app = create_portal(PortalConfiguration("Pemilu", tmp_path / "state", entries))
    for election in app.state.elections.values():
        election.find_names = searched.find
    return app


async def _search(portal: FastAPI, address: str, query: str) -> httpx.Response:
    async def of_address(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        await portal({**scope, CLIENT_ADDRESS: address}, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(of_address), base_url="http://portal.example") as client:
        return await client.get(f"/v1/search?{query}")


async def test_a_page_searches_some_elections_and_names_where_the_next_one_begins(tmp_path: Path) -> None:
    searched = Searched()
    portal = _portal(tmp_path, 2 * routes.SEARCHED_MAX + 1, searched)
    pages = 0
    after = ""
    while True:
        answer = (await _search(portal, "a", f"q=menteng{after}")).json()
        pages += 1
        if answer["next"] is None:
            break
        after = f"&after={answer['next']}"
    assert (pages, len(searched.asked)) == (3, 2 * routes.SEARCHED_MAX + 1)


async def test_a_word_that_is_given_twice_is_looked_up_once(tmp_path: Path) -> None:
    searched = Searched()
    await _search(_portal(tmp_path, 1, searched), "a", "q=k+k+K+s")
    assert searched.asked == [["k", "s"]]


async def test_an_address_with_many_searches_is_refused_some_and_others_are_not(tmp_path: Path) -> None:
    searched = Searched()
    searched.may_continue.clear()
    portal = _portal(tmp_path, 1, searched)
    of_one = [
        asyncio.create_task(_search(portal, "a", f"q=menteng+{number}"))
        for number in range(2 * routes.SEARCHES_OF_ADDRESS_MAX)
    ]
    await asyncio.sleep(0.05)
    of_another = asyncio.create_task(_search(portal, "b", "q=menteng"))
    await asyncio.sleep(0.05)
    searched.may_continue.set()
    assert (await of_another).status_code == 200
    statuses = sorted([(await each).status_code for each in of_one])
    assert statuses == [200] * routes.SEARCHES_OF_ADDRESS_MAX + [429] * routes.SEARCHES_OF_ADDRESS_MAX


@pytest.mark.parametrize("query", ["q=a+b+c+d+e+f+g+h+i", "q=%2B%2B"])
async def test_too_many_words_and_none_are_refused(tmp_path: Path, query: str) -> None:
    assert (await _search(_portal(tmp_path, 1, Searched()), "a", query)).status_code == 422
