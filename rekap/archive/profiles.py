"""The part of an archive with the profiles: the API's lists of candidates, parties and electoral districts, page by page.

The profiles themselves, as tables, are in the package. They do not affect the count, so a mistake in them leaves this part
empty and keeps nothing else from being archived.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from api.read.profile_files import profile_index
from projections.shown.profiles import CandidateFilters
from projections.shown.published import answer_bytes
from rekap.archive.cut_writer import JSON, CutWriter
from rekap.archive.moment import ArchivedMoment
from runtime.logs import log_line
from runtime.package.errors import PackageError

logger = logging.getLogger("rekap.archive")

PAGE_ROWS = 200
"""Rows of a page: the limit that the API has."""


def write_profiles(moment: ArchivedMoment, files: CutWriter) -> None:
    """Raises OSError."""
    definition = moment.definition
    try:
        index = profile_index(moment.package, definition)
    except PackageError as error:
        logger.warning(log_line("profiles-refused", problem=str(error).split("\n", 1)[0]))
        return

    def candidates(after: str | None) -> dict[str, Any]:
        contest, _, choice = (after or "").partition("/")
        following = None if after is None else (definition.ballots.contest(contest), choice)
        page = index.candidates(CandidateFilters(), following, PAGE_ROWS)
        assert page is not None, f"{after} is the last candidate of the page before"
        return page

    lists: dict[str, Callable[[str | None], dict[str, Any]]] = {
        "candidates": candidates,
        "parties": lambda after: index.parties(after, PAGE_ROWS),
        "districts": lambda after: index.districts(after, PAGE_ROWS),
    }
    for kind, page_after in lists.items():
        for number, (query, page) in enumerate(_pages(page_after), 1):
            content = answer_bytes(definition, page)
            files.add(f"v1/{kind}/{number}.json", content, JSON, answers=f"/v1/{kind}{query}")
    whole = answer_bytes(definition, index.completeness(definition.tree.root))
    files.add("v1/completeness.json", whole, JSON, answers="/v1/completeness")


def _pages(page_after: Callable[[str | None], dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The query and the answer of each page of a list."""
    after: str | None = None
    while True:
        page = page_after(after)
        yield f"?limit={PAGE_ROWS}" + ("" if after is None else f"&after={after}"), page
        after = page["next"]
        if after is None:
            return
