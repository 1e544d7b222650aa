"""The part of an archive with the profiles: the API's lists of candidates, parties and electoral districts, page by page.

The profiles themselves, as tables, are in the package. They do not affect the count, so a mistake in them leaves this part
empty and keeps nothing else from being archived.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from api.read.profile_files import profile_index
from projections.shown.profiles import IN_ORDER, CandidateFilters, ProfilePage, page_answer
from projections.shown.published import answer_bytes
from rekap.archive.cut_writer import JSON, CutWriter
from rekap.archive.moment import ArchivedMoment
from runtime.logs import log_line
from runtime.package.errors import PackageError
from schemas.served.cursors import cursor_text

logger = logging.getLogger("rekap.archive")

PAGE_ROWS = 200
"""Rows of a page: the limit that the API has."""
Last = tuple[str, ...] | None
"""Ids of what the next page begins after."""


def write_profiles(moment: ArchivedMoment, files: CutWriter) -> None:
    """Raises OSError."""
    definition = moment.definition
    try:
        index = profile_index(moment.package, definition)
    except PackageError as error:
        logger.warning(log_line("profiles-refused", problem=str(error).split("\n", 1)[0]))
        return

    def candidates(last: Last) -> ProfilePage:
        after = None if last is None else (definition.ballots.contest(last[0]), last[1])
        return index.candidates(CandidateFilters(), after, PAGE_ROWS)

    lists: dict[str, Callable[[Last], ProfilePage]] = {
        "candidates": candidates,
        "parties": lambda last: index.parties(None if last is None else last[0], PAGE_ROWS),
        "districts": lambda last: index.districts(None if last is None else last[0], PAGE_ROWS),
    }
    for name, page_after in lists.items():
        head = {} if name == "districts" else {"profiles": index.digest}
        for number, (query, page) in enumerate(_pages(page_after), 1):
            content = answer_bytes(definition, {**head, **page_answer(page, name, IN_ORDER)})
            files.add(f"v1/{name}/{number}.json", content, JSON, answers=f"/v1/{name}{query}")
    whole = answer_bytes(definition, index.completeness(definition.tree.root))
    files.add("v1/completeness.json", whole, JSON, answers="/v1/completeness")


def _pages(page_after: Callable[[Last], ProfilePage]) -> Iterator[tuple[str, ProfilePage]]:
    """Each page of a list with its query."""
    last: Last = None
    while True:
        page = page_after(last)
        cursor = "" if last is None else f"&cursor={cursor_text([IN_ORDER, *last])}"
        yield f"?limit={PAGE_ROWS}{cursor}", page
        last = page.last
        if last is None:
            return
