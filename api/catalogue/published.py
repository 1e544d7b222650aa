"""The catalogue of the newest cut, made once for each cut.

Catalogues have whole addresses. They are made with BASE in front of each, and BASE is replaced by the address of the request,
so that clients which ask by many addresses do not cost a catalogue each.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

import orjson
from fastapi import Request

from api.answers.kept_answers import Answer, Form
from api.files.cut_files import Cut, CutFiles
from api.limits.limits import CLIENT_ADDRESS
from api.limits.turns import Turns
from api.problems import Problem
from api.read.snapshots import coding_of
from api.read.unkept import coded_form
from projections.catalogue.ckan import CkanCatalogue
from projections.catalogue.documents import SITEMAP, TERMS, Document, catalogues
from projections.catalogue.facts import Addresses, CatalogueFacts, DatasetFacts, catalogue_facts
from projections.catalogue.sitemap import sitemap
from projections.catalogue.terms import terms
from projections.definition.compiled import Definition

BASE = "http://base.invalid"
"""Placeholder for the address of the API (RFC 2606 keeps the name `invalid` from being anybody's)."""
ANSWERS_MAX = 32
"""Documents that are kept with an address in them: a few documents for a few addresses, 1 MB each in a nation. At double, a
client that asks by many addresses costs 64 MB; at half, two addresses push each other out."""
WANTED_MAX = 24
WANTED_OF_ADDRESS_MAX = 8
"""Documents and answers of CKAN that are being made or wait for it: of all, and of one address. Each takes a thread
some 20 ms."""
_HOST = re.compile(r"([A-Za-z0-9.\-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


Made = TypeVar("Made")


class PublishedCatalogue(NamedTuple):
    cut: str
    facts: CatalogueFacts
    documents: dict[str, Document]
    datasets: dict[str, DatasetFacts]
    at: Addresses
    ckan: CkanCatalogue


class Catalogues:
    """One event loop owns it."""

    def __init__(self, files: CutFiles, definition: Definition, public_url: str, prefix: str = "") -> None:
        """`prefix` is the path in front of each path of the API, as in a portal."""
        self._files = files
        self._definition = definition
        self._public_url = public_url.rstrip("/")
        self._prefix = prefix
        self._newest: asyncio.Task[PublishedCatalogue] | None = None
        self._newest_cut = ""
        self._answers: OrderedDict[tuple[str, str], Answer] = OrderedDict()
        self._turns = Turns(1, WANTED_MAX, WANTED_OF_ADDRESS_MAX)

    async def in_turn(self, request: Request, make: Callable[[], Coroutine[Any, Any, Made]]) -> Made:
        """What is made when it is the turn of the client address. Raises Problem."""
        return await self._turns.made(request.scope.get(CLIENT_ADDRESS, ""), make)

    async def newest(self) -> PublishedCatalogue:
        """Raises Problem where there is no cut yet."""
        cut = await self._files.newest()
        failed = self._newest is not None and self._newest.done() and self._newest.exception() is not None
        if self._newest is None or self._newest_cut != cut.name or failed:
            self._newest_cut = cut.name
            self._answers.clear()
            self._newest = asyncio.create_task(asyncio.to_thread(published, self._definition, cut))
        return await asyncio.shield(self._newest)

    async def document(self, request: Request, name: str) -> tuple[Form, str]:
        """A document of the newest cut, with the address that the client asks by and in a coding that it accepts, and its media
        type. Raises Problem."""
        base = self.base_of(request)
        newest = await self.newest()
        document = newest.documents.get(name)
        if document is None:
            raise Problem(
                404, "No such document", f"The cut {newest.cut} has no {name}, because it has no file for it."
            )
        kept = self._answers.get((name, base))
        if kept is not None and coding_of(request)(len(kept.body)) in kept.forms:
            self._answers.move_to_end((name, base))
            return await coded_form(request, kept), document.media_type

        async def make() -> Form:
            return await coded_form(request, await self._answer(document, base))

        return await self.in_turn(request, make), document.media_type

    async def _answer(self, document: Document, base: str) -> Answer:
        """The document with addresses that begin with `base`."""
        key = (document.name, base)
        answer = self._answers.get(key)
        if answer is None:
            answer = Answer(await asyncio.to_thread(at_base, document.content, base), time.monotonic())
            self._answers[key] = answer
            if len(self._answers) > ANSWERS_MAX:
                self._answers.popitem(last=False)
        self._answers.move_to_end(key)
        return answer

    def base_of(self, request: Request) -> str:
        """The address at which the client finds the API. Raises Problem."""
        return f"{address_of(request, self._public_url)}{self._prefix}"

    @property
    def cache_control(self) -> str:
        """An answer with the address of its request is for that client alone: a cache that keeps it by path would give others
        the address that somebody sent."""
        return "public, max-age=60" if self._public_url else "private, no-cache"


def address_of(request: Request, public_url: str) -> str:
    """The address at which the client finds this server: that of the settings, or the one that it asked by. Raises Problem."""
    if public_url:
        return public_url
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise Problem(400, "No usable Host", "Host: expected a host name with a port.", field="header.host")
    return f"{request.url.scheme}://{host}"


def published(definition: Definition, cut: Cut) -> PublishedCatalogue:
    """Takes 0.1 s for the 600 files of a nation."""
    facts = catalogue_facts(definition, cut.manifest)
    at = Addresses.of_api(BASE, cut.name)
    pages = [f"{at.dataset}{each.name}" for each in facts.datasets]
    addresses = [f"{BASE}/docs", f"{BASE}/v1/catalog", f"{BASE}/v1/{TERMS}", *pages]
    documents = [
        *catalogues(facts, at),
        Document(SITEMAP, "application/xml", sitemap(facts, addresses).encode()),
        Document(TERMS, "application/json", orjson.dumps(terms(facts))),
    ]
    return PublishedCatalogue(
        cut.name,
        facts,
        {each.name: each for each in documents},
        {each.name: each for each in facts.datasets},
        at,
        CkanCatalogue(facts, at),
    )


def at_base(content: bytes, base: str) -> bytes:
    return content.replace(BASE.encode(), base.encode())
