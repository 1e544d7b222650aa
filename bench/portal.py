"""What a portal costs: the read model of an archive, built from its log, beside a replay of the same log that keeps nothing.

    python bench/portal.py [--results 50000] [--seed 1]

The signed results of bench/made_ledger.py are written as the files of an archive (bench/recount.py). Then, in this process:

1. replay       the log folded in memory, as `rekap replay` does: signatures, rules, sums
2. build        the same fold with all rows, indexes and names in a file of SQLite, as `rekap portal` does once for each archive
3. answers      random stations with their history, areas, pages of the log and searches, each read from that file and made to
JSON

It prints CPU microseconds for each record and each answer, the bytes of the file, and the ratio of build to replay. Exit code
0: the nation's votes are those that were made with the results.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from made_ledger import made_ledger
from recount import write_archive

from projections.area.tally import HEAD, TallyView
from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from projections.readmodel.event_queries import EventFilters
from projections.shown.answer_parts import BEFORE_ALL, HISTORY_RECORDS, Line, part_of_area
from projections.shown.published import answer_bytes
from rekap.archive.parts import PACKAGE
from rekap.follow.replay import fold_log, through_of
from rekap.portal.archived_read_model import ArchivedReadModel
from rekap.portal.building import build_read_model
from rekap.portal.names import words_of
from runtime.log_source import open_log
from runtime.package.reading import load_package
from runtime.settings import Settings

ANSWERS = 2_000


async def _replay(archive: Path, definition: Definition) -> int:
    async with open_log(str(archive / "log"), definition.election, Settings()) as log:
        through = await through_of(log, definition, None)
        await fold_log(log, definition, through)
        return sum(offset + 1 for offset in through.values())


async def _answers(path: Path, definition: Definition, chance: random.Random) -> dict[str, int]:
    read = ArchivedReadModel(path, definition)
    stations, tree = range(len(definition.stations.codes)), definition.tree
    inner = [area for area in range(len(tree.codes)) if tree.children[area]]
    names = [tree.names[area] for area in inner]

    async def station() -> Any:
        found = await read.station(chance.choice(stations), BEFORE_ALL, HISTORY_RECORDS)
        return answer_bytes(definition, found.answer)

    async def area() -> Any:
        number = chance.choice(inner)
        part = part_of_area(definition, number, definition.ballots.offices, 1)
        found = await read.area(number, definition.ballots.offices, part)
        return answer_bytes(definition, found.answer)

    async def events() -> Any:
        wanted = EventFilters(station=definition.stations.codes[chance.choice(stations)])
        page, _ = await read.events(wanted, area=None, newest_first=True, limit=100)
        return answer_bytes(definition, {"events": page})

    async def search() -> Any:
        return await read.names(words_of(chance.choice(names))[:8], None, 0, 20)

    kinds: dict[str, Callable[[], Awaitable[Any]]] = {
        "a station": station, "an area": area, "events of a station": events, "a search": search
    }  # fmt: skip
    for kind, answer in kinds.items():
        began = time.process_time()
        for _ in range(ANSWERS):
            await answer()
        print(f"{kind:>20}: {(time.process_time() - began) / ANSWERS * 1e6:7.0f} CPU µs an answer")
    contest = definition.ballots.contests[0]
    moment = await read.moment_of([Line(contest.root_area, contest.number)], [])
    counted = TallyView.of(moment.tally(contest, tree.codes[contest.root_area])).counted
    read.close()
    return dict(zip(contest.choices, counted[HEAD:], strict=True))


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    result = work()
    return result, time.process_time() - began


def main() -> int:
    parser = argparse.ArgumentParser(description="The read model of an archive beside a replay of its log")
    parser.add_argument("--results", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "rekap-bench")
    options = parser.parse_args()
    made = made_ledger(options.cache, options.results, options.seed)
    definition = Definition.of(load_package(made.package, problems))
    with tempfile.TemporaryDirectory(prefix="rekap-bench-") as temporary:
        archive, path = Path(temporary) / "archive", Path(temporary) / "read.sqlite"
        write_archive(made, definition, archive)
        records, replay = _timed(lambda: asyncio.run(_replay(archive, definition)))
        _, build = _timed(lambda: build_read_model(archive, archive / PACKAGE, definition, path))
        size = path.stat().st_size
        print(f"{records:,} records of {made.stations:,} stations")
        print(f"{'replay':>20}: {replay / records * 1e6:7.0f} CPU µs a record")
        print(f"{'build':>20}: {build / records * 1e6:7.0f} CPU µs a record, {size / records:,.0f} bytes a record")
        votes = asyncio.run(_answers(path, definition, random.Random(options.seed)))
    print(f"most memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")
    print(f"build : replay = {build / replay:.2f} : 1 in CPU seconds")
    if votes != made.votes:
        print(f"expected {made.votes}, got {votes}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
