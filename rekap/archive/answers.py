"""The part of an archive that was published: the API's answers at the moment, byte for byte, which the auditor compares.

Each area that has areas in it has an answer, which shows these areas too, so together they show every area. The stations of
each contest come page by page, as `GET /v1/areas/ROOT/stations` gives them to the auditor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from api.readmodel.station_pages import stations_of_page
from consumers.exporter.by_contest import by_contest
from projections.definition.ballots import ContestEntry
from projections.shown.published import answer_bytes, stations_answer
from projections.shown.whole_cut import whole_cut
from projections.tables.result_rows import stations_by_rank
from projections.tables.standings import StationStanding
from rekap.archive.cut_writer import JSON, CutWriter
from rekap.archive.moment import ArchivedMoment

STATIONS_AT_ONCE = 5_000
"""Most stations of a page: the limit that the API has, and with which the auditor asks."""


def write_answers(moment: ArchivedMoment, files: CutWriter) -> None:
    """Raises OSError."""
    definition = moment.definition
    tree = definition.tree
    for page in whole_cut(definition, max(tree.level) + 1):
        if page.area is not None and page.area != tree.root and not tree.children[page.area]:
            continue
        content = answer_bytes(definition, page.answer(moment.shown))
        files.add(f"v1/{page.name}.json", content, JSON, answers=page.address)
    by_rank = stations_by_rank(definition)
    for office in definition.ballots.offices:
        contests = [definition.ballots.contests[number] for number in office.contests]
        for contest, standings in by_contest(moment.copied.standings(office), contests):
            for page_number, page_of in enumerate(_pages(moment, contest, standings, by_rank), 1):
                address, content = page_of
                files.add(f"v1/stations/{contest.id}/{page_number}.json", content, JSON, answers=address)


def stations_address(root: str, contest: str, after: str) -> str:
    """The address of a page of all stations of a contest, as the auditor spells it (audit/published/claims.py)."""
    return f"/v1/areas/{root}/stations?contest={contest}&limit={STATIONS_AT_ONCE}&after={after}"


def _pages(
    moment: ArchivedMoment, contest: ContestEntry, standings: Iterator[StationStanding], by_rank: Sequence[int]
) -> Iterator[tuple[str, bytes]]:
    """The address and the bytes of each page."""
    definition = moment.definition
    root = definition.tree.root
    limit = stations_of_page(contest, STATIONS_AT_ONCE)
    after = ""
    following = next(standings, None)
    while True:
        rows: list[dict[str, Any]] = []
        while following is not None and len(rows) < limit:
            station = definition.stations.codes[by_rank[following.rank]]
            rows.append({**following._asdict(), "station": station})
            following = next(standings, None)
        has_more = following is not None
        answer = stations_answer(definition, root, contest, rows, has_more=has_more, moment=moment.shown)
        yield stations_address(definition.tree.codes[root], contest.id, after), answer_bytes(definition, answer)
        if not has_more:
            return
        after = rows[-1]["station"]
