"""Follows a live election of a portal: asks its API who it is, and keeps its names, so that a search needs no server.

The election's own API answers all else, because it has the bounds, the caches and the live feed of the night, and the portal
could only be slower and fail with it. So the portal redirects, and no reader of a live election waits for the portal.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import orjson

from rekap.portal.archives import CLOSE_SECONDS, build
from rekap.portal.building import ArchiveUnfitError
from rekap.portal.election_state import PortalElection
from rekap.portal.names import Found, find_names
from rekap.portal.read_model_file import opened_read_model
from runtime.files.atomic_write import replace_file
from runtime.files.own_files import make_own_directory
from runtime.http_client import AwayError, ask, client_for
from runtime.logs import log_line
from runtime.package.sources import ZIP_BYTES_MAX

logger = logging.getLogger("rekap.portal")

ASK_SECONDS = 10.0
"""Time between two questions to a server. At half, its state is known sooner and it is asked twice as often; at double, a
server that is away is listed as served for 20 s."""
ANSWER_SECONDS_MAX = 10.0
ANSWER_BYTES_MAX = 1024 * 1024
"""Limit for /v1/election. With 100 offices and 256 partitions it has 300 kB."""
PACKAGE_SECONDS_MAX = 300.0
PACKAGE_AGAIN_SECONDS = 60.0
"""Pause after a package that could not be used. The package is asked for again, because names alone are missing."""
_HASH = re.compile(r"[0-9a-f]{64}")
_FACTS = {"title": dict, "date": str, "mode": str, "definition": str, "licence": str, "as_of": dict}


class LiveElection:
    """One event loop owns it."""

    def __init__(self, election: PortalElection, state: Path, building: asyncio.Lock) -> None:
        assert election.entry.url is not None
        self._election = election
        self._url = election.entry.url
        self._folder = state / election.entry.id
        self._state = state
        self._building = building
        """Held while anything is built, because one thing is built at a time."""
        self._named = ""
        """Definition of which the names are known."""
        self._names: sqlite3.Connection | None = None
        self._not_before = 0.0

    async def run(self) -> None:
        """Ask again and again, until it is cancelled. Raises AddressError."""
        async with client_for(self._url, seconds_max=ANSWER_SECONDS_MAX) as client:
            while True:
                try:
                    await self.look(client)
                except Exception as error:
                    # Also a bug, because an answer that nobody has thought of must not end the following of the election.
                    logger.error(log_line("live-away", election=self._election.entry.id), exc_info=True)
                    self._election.is_away(f"a bug: {type(error).__name__}; it is in the portal's log")
                await asyncio.sleep(ASK_SECONDS)

    def close(self) -> None:
        """Close what the election has open. Call this when `run` has ended and no search is being answered."""
        if self._names is not None:
            self._names.close()

    async def look(self, client: httpx.AsyncClient) -> None:
        """Ask who it is, and for its names where they are not known."""
        election = self._election
        try:
            facts = await self._facts(client)
        except AwayError as error:
            if election.problem != str(error):
                logger.warning(log_line("live-away", election=election.entry.id, problem=error))
            election.is_away(str(error))
            return
        election.facts = facts
        election.is_served()
        definition = facts["definition"]
        now = asyncio.get_running_loop().time()
        if definition != self._named and now >= self._not_before:
            self._not_before = now + PACKAGE_AGAIN_SECONDS
            try:
                await self._learn_names(client, definition)
            except (AwayError, ArchiveUnfitError, OSError, sqlite3.Error) as error:
                logger.warning(
                    log_line("no-names", election=election.entry.id, problem=f"{type(error).__name__}: {error}")
                )

    async def _facts(self, client: httpx.AsyncClient) -> dict[str, Any]:
        """Raises AwayError."""
        reply = await ask(
            client, "GET", f"{self._url}/v1/election", bytes_max=ANSWER_BYTES_MAX, seconds_max=ANSWER_SECONDS_MAX
        )
        try:
            answer = orjson.loads(reply.body)
            is_election = (
                reply.status == httpx.codes.OK
                and all(isinstance(answer[name], kind) for name, kind in _FACTS.items())
                and all(isinstance(text, str) for text in answer["title"].values())
            )
        except (ValueError, LookupError, TypeError):
            is_election = False
        if not is_election or not _HASH.fullmatch(answer["definition"]):
            raise AwayError(f"the answer of {self._url}/v1/election is not an election's (status {reply.status})")
        if answer.get("election") != self._election.entry.id:
            raise AwayError(f"{self._url} counts the election {str(answer.get('election'))[:60]!r}")
        facts = {name: answer[name] for name in _FACTS}
        return facts | {"is_test": answer["mode"] == "rehearsal", "source": answer.get("source")}

    async def _learn_names(self, client: httpx.AsyncClient, definition: str) -> None:
        path = self._folder / f"{definition[:32]}.names"
        await asyncio.to_thread(make_own_directory, self._folder)
        if not path.exists():
            reply = await ask(
                client,
                "GET",
                f"{self._url}/v1/package.zip",
                bytes_max=ZIP_BYTES_MAX,
                seconds_max=PACKAGE_SECONDS_MAX,
            )
            if reply.status != httpx.codes.OK:
                raise AwayError(f"the answer of {self._url}/v1/package.zip has the status {reply.status}")
            package = self._folder / "package.zip"
            await asyncio.to_thread(replace_file, package, [reply.body], mode=0o600)
            async with self._building:
                await build("names", package, path, self._state)
        before, self._names = self._names, await asyncio.to_thread(opened_read_model, path)
        self._named = definition
        self._election.find_names = self._find
        if before is not None:
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, before.close)  # a search may read it just now

    async def _find(self, words: list[str], kind: str | None, after: int, limit: int) -> list[Found]:
        assert self._names is not None
        return await asyncio.to_thread(find_names, self._names, words, kind, after, limit)
