"""The answers that a server gives of a made-up ledger, as an archive keeps them: by the server's own folds, without a server.

In     the records of bench/made_ledger.py or bench/nation/made.py
Does   folds each partition and adds up the nation as the tabulator and the roll-up do, at the last cut, and writes the answers
       that an audit compares: offices, contests, areas and pages of stations
Out    `published.ndjson` in the archive

Signatures are not checked here, because the auditor checks them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from count import genesis_record
from made_ledger import Records

from projections.area.tally import empty_tally
from projections.definition.ballots import OfficeEntry
from projections.definition.compiled import Definition
from projections.fold.records import read_record
from projections.fold.rollup import Rollup
from projections.fold.tabulation import PartitionFold
from projections.shown.tallies import published_contribution, published_office, published_tally
from schemas.definition.package import ElectionPackage

STATIONS_OF_PAGE = 5_000
RECORDS_OF_BLOCK = 5_000


class PublishedNation:
    """What the server's folds give at the end of the ledger."""

    def __init__(self, package: ElectionPackage, definition: Definition, made: Records) -> None:
        self._package = package
        self._definition = definition
        self._rollup = Rollup(definition)
        self._tallies: dict[tuple[str, str], Any] = {}
        self._lines: dict[str, dict[str, bytes]] = {contest.id: {} for contest in definition.ballots.contests}
        """Contest → station → its line, as JSON."""
        self._cut: dict[str, int] = {}
        for partition in range(definition.partitions):
            self._fold(partition, made)
        for office in definition.ballots.offices:
            frame = self._rollup.offices[office.id].keyframe()
            assert frame is not None, "an office has no result"
            self._tallies |= {(contest, area): tally for contest, area, tally in frame.areas}
        self._wholes = {
            office.id: dict(frame.offices)
            for office in definition.ballots.offices
            if (frame := self._rollup.offices[office.id].keyframe()) is not None
        }

    def _fold(self, partition: int, made: Records) -> None:
        fold = PartitionFold(self._definition, partition)
        fold.apply(read_record(0, genesis_record(self._definition)), True)
        offset = 0
        for offset, (_, value) in enumerate(made.records(partition), start=1):
            fold.apply(read_record(offset, value), True)
            if offset % RECORDS_OF_BLOCK == 0:
                self._take(fold)
        self._take(fold)
        self._cut[str(partition)] = offset

    def _take(self, fold: PartitionFold) -> None:
        for block in fold.take_blocks():
            self._rollup.apply(block)
            self._tallies |= {(contest, area): tally for contest, area, tally in block.areas}
            for row in block.stations:
                entry = self._definition.ballots.contest(row["contest"])
                contribution = row["contribution"]
                numbers = None if contribution is None else published_contribution(entry, contribution)
                line = {name: row[name] for name in ("station", "contest", "state", "offset", "event", "version")}
                self._lines[row["contest"]][row["station"]] = orjson.dumps({**line, "numbers": numbers})

    def write(self, file: Path) -> int:
        """Gives how many tallies were written, stations included."""
        written = 0
        with file.open("wb") as output:
            for path, answer, tallies in self._answers():
                output.write(b'{"path":%b,"answer":%b}\n' % (orjson.dumps(path), answer))
                written += tallies
        return written

    def _answers(self) -> Iterator[tuple[str, bytes, int]]:
        definition, cut = self._definition, self._cut
        tree, offices = definition.tree, definition.ballots.offices
        root = tree.codes[tree.root]
        of_area: dict[tuple[str, int], list[str]] = {}
        for contest, area in definition.electorates.denominators:
            entry = definition.ballots.contests[contest]
            of_area.setdefault((tree.codes[area], entry.office_number), []).append(entry.id)
        children: dict[str, list[str]] = {}
        for row in self._package.areas:
            children.setdefault(row.parent or "", []).append(row.code)
        for office in offices:
            contests = [
                self._tally(entry.id, root)
                for entry in definition.ballots.contests
                if entry.office_number == office.number and entry.id in of_area.get((root, office.number), ())
            ]
            answer = {
                "office": {"id": office.id},
                "as_of": cut,
                "tally": self._office(office, root),
                "contests": contests,
                "parts": 1,
            }
            yield f"v1/offices/{office.id}", orjson.dumps(answer), 1 + len(contests)
        for entry in definition.ballots.contests:
            tally = self._tally(entry.id, self._electorate(entry.id))
            answer = {"office": offices[entry.office_number].id, "as_of": cut, "tally": tally}
            yield f"v1/contests/{entry.id}", orjson.dumps(answer), 1
        for code in sorted({root, *(each for each in children if each)}):
            shown, tallies = [], 0
            for office in offices:
                own = [self._tally(each, code) for each in of_area.get((code, office.number), ())]
                below = [
                    self._tally(each, child)
                    for child in children.get(code, ())
                    for each in of_area.get((child, office.number), ())
                ]
                whole = self._office(office, code) if tree.level[tree.number[code]] <= tree.shard_level else None
                shown.append(
                    {
                        "office": office.id,
                        "as_of": cut,
                        "shard_as_of": cut,
                        "tally": whole,
                        "contests": own,
                        "children": below,
                    }
                )
                tallies += len(own) + len(below) + (whole is not None)
            yield f"v1/areas/{code}", orjson.dumps({"area": {"code": code}, "offices": shown, "parts": 1}), tallies
        for entry in definition.ballots.contests:
            yield from self._pages(entry.id, root)

    def _pages(self, contest: str, root: str) -> Iterator[tuple[str, bytes, int]]:
        codes, lines, after = self._definition.stations.codes, self._lines[contest], ""
        shown = [code for code in codes if code in lines]
        for begin in range(0, max(1, len(shown)), STATIONS_OF_PAGE):
            page = shown[begin : begin + STATIONS_OF_PAGE]
            is_last = begin + STATIONS_OF_PAGE >= len(shown)
            until = None if is_last else page[-1]
            path = f"v1/areas/{root}/stations?contest={contest}&limit={STATIONS_OF_PAGE}&after={after}"
            answer = b'{"next":%b,"shard_as_of":%b,"stations":[%b]}' % (
                orjson.dumps(until),
                orjson.dumps(self._cut),
                b",".join(lines[code] for code in page),
            )
            yield path, answer, len(page)
            after = until or ""

    def _electorate(self, contest: str) -> str:
        """The area in which the answer of a contest shows it: its electorate, or the nation for an electoral district."""
        electorate = next(row.electorate for row in self._package.contests if row.id == contest)
        tree = self._definition.tree
        return electorate if electorate in tree.number else tree.codes[tree.root]

    def _tally(self, contest: str, area: str) -> dict[str, Any]:
        entry = self._definition.ballots.contest(contest)
        tally = self._tallies.get((contest, area)) or empty_tally(len(entry.choices))
        return published_tally(entry, self._definition.tree.number[area], tally, self._definition)

    def _office(self, office: OfficeEntry, area: str) -> dict[str, Any]:
        whole = self._wholes[office.id].get(area) or empty_tally(len(office.lines))
        return published_office(office, self._definition.tree.number[area], whole, self._definition)
