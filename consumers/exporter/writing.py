"""The files of a cut, from its copy on the disk. Memory does not grow with the number of stations."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from consumers.exporter.by_contest import by_contest
from consumers.exporter.cut import CopiedCut
from consumers.exporter.documents import link_maps, write_catalogues, write_schemas
from consumers.exporter.linked_files import Previous, link_files
from consumers.exporter.map_files import FILE_MODE, BuiltMaps
from consumers.exporter.nist_numbers import OfficeNumbers
from consumers.exporter.nist_reports import WRITERS, OfNumbers, report_names, write_reports
from consumers.exporter.profiles import profiles_digest, profiles_problem
from consumers.exporter.table_rows import rows_of
from projections.catalogue.facts import catalogue_facts
from projections.definition.ballots import ContestEntry, OfficeEntry
from projections.definition.compiled import Definition
from projections.nist.report import PackageNames
from projections.nist.report_plan import REPORT_TABLE, PlannedReport, planned_reports
from projections.tables.file_plan import PlannedFile, planned_files
from projections.tables.histories import changes
from projections.tables.manifest import MANIFEST, MANIFEST_VERSION, about_file, head, status_of
from projections.tables.over_time import CountOverTime
from projections.tables.result_rows import Batch, TableOf, contest_rows, rows_over_time, stations_by_rank
from runtime.files.atomic_write import create_file, sync_directory
from runtime.files.state_files import hash_of_code
from runtime.logs import log_line
from runtime.package.reading import table_rows
from runtime.tables.parquet_files import ParquetFiles
from runtime.tables.table_files import MEDIA_TYPES, Format, TableFiles, WrittenFile
from schemas.derived.blocks import FINANCE
from schemas.tables.register import CANDIDATES, TABLES_WITH_PROFILES
from schemas.tables.results import AREA_COUNTS, COUNTS_OVER_TIME, STATION_COUNTS, VOTES_OVER_TIME
from schemas.times import microseconds_since_1970

logger = logging.getLogger("rekap.exporter")

ROWS_AT_ONCE = 10_000
"""Rows of the register in one batch."""
STOP_SECONDS = 0.5
"""How long a file is waited for until `report` is called, which may raise in order to stop."""
WRITING_CODE = ("projections", "schemas", "runtime.nist", "runtime.tables", "consumers.exporter")
"""What decides the content of a file. Files of a cut that other code has written are written anew."""
STATUS_COLUMN = AREA_COUNTS.column_names.index("results_status")

Report = Callable[[str, int, int], None]
"""Name of a step, how much of it is done, and of how much."""


class Wanted(NamedTuple):
    """Which files are to be written; None for all."""

    formats: Collection[Format]
    offices: Collection[str] | None = None
    tables: Collection[str] | None = None
    address: str | None = None
    """Address at which the files will be published, ending with a slash; None where it is not known."""


def write_files(
    definition: Definition,
    package: Path,
    cut: CopiedCut,
    directory: Path,
    wanted: Wanted,
    report: Report,
    previous: Previous | None = None,
    maps: BuiltMaps | None = None,
) -> dict[str, Any]:
    """Write the files and their manifest into an empty directory; gives the manifest. Files that are the same in the cut before
    get another name there (a hard link), and so do those of the maps. Raises OSError, PackageError."""
    return _CutWriter(definition, package, cut, directory, wanted, report, previous, maps).write()


class _CutWriter:
    def __init__(
        self,
        definition: Definition,
        package: Path,
        cut: CopiedCut,
        directory: Path,
        wanted: Wanted,
        report: Report,
        previous: Previous | None,
        maps: BuiltMaps | None,
    ) -> None:
        self._maps = maps
        self._definition = definition
        self._package = package
        self._cut = cut
        self._directory = directory
        self._formats = wanted.formats
        self._address = wanted.address
        self._report = report
        self._planned = planned_files(definition, offices=wanted.offices, tables=wanted.tables)
        self._offices = [
            each for each in definition.ballots.offices if wanted.offices is None or each.id in wanted.offices
        ]
        self._has_reports = (wanted.tables is None or REPORT_TABLE in wanted.tables) and any(
            each in self._formats for each in WRITERS
        )
        self._names = PackageNames.of(definition.election, partial(table_rows, package))
        offices = [office.id for office in self._offices]
        with_finance = definition.election.finance is not None and wanted.offices is None
        of_cut = [*offices, FINANCE] if with_finance else offices
        about_cut = head(definition, cut.blocks, cut.taken_at, of_cut)
        self._head = {**about_cut, "publisher": self._names.publisher}
        first, *_, last = definition.tree.level_ids
        self._root, self._stations = TableOf(AREA_COUNTS, first), TableOf(STATION_COUNTS, last)
        self._status: dict[str, str] = {}
        self._files: list[dict[str, Any]] = []
        self._left_out: list[dict[str, str]] = []
        self._parquet = ParquetFiles()
        self._ended: list[tuple[PlannedFile, TableFiles]] = []
        """Tables with all their rows. Their Parquet files are made while the next tables are written."""
        self._profiles = profiles_digest(package)
        self._profiles_problem: str | None = None
        self._made_by = made_by()
        is_usable = (
            previous is not None
            and previous.manifest["made_by"] == self._made_by
            and previous.manifest["definition"] == definition.hash
        )
        self._previous = previous if is_usable else None

    def write(self) -> dict[str, Any]:
        by_rank = stations_by_rank(self._definition)
        with self._parquet:
            for office in self._offices:
                planned = [file for file in self._planned if file.office == office.id]
                reports = planned_reports(self._definition, office.id) if self._has_reports else []
                if (planned or reports) and not self._link(office.id, planned, reports):
                    self._write_office(office, planned, by_rank)
            others = [file for file in self._planned if file.table not in TABLES_WITH_PROFILES]
            for of in (None, FINANCE):
                self._write_tables(of, [file for file in others if file.office == of])
            self._write_profiles([file for file in self._planned if file.table in TABLES_WITH_PROFILES])
            self._complete()
        manifest = {
            "manifest_version": MANIFEST_VERSION,
            "made_by": self._made_by,
            **self._head,
            "maps": None if self._maps is None else self._maps.index["digest"],
            "profiles": self._profiles,
            "status": self._status,
            "files": self._files,
            "documents": self._write_documents(),
            "left_out": self._left_out,
        }
        content = orjson.dumps(manifest, option=orjson.OPT_INDENT_2)
        create_file(self._directory / MANIFEST, content, mode=FILE_MODE)
        sync_directory(self._directory)
        return manifest

    def _write_documents(self) -> list[dict[str, Any]]:
        tables = {file.table.name: file.table for file in self._planned}
        schemas = tables.values() if Format.XML in self._formats else ()
        facts = catalogue_facts(self._definition, {**self._head, "files": self._files})
        return [
            *write_schemas(self._directory, schemas),
            *link_maps(self._directory, self._maps),
            *write_catalogues(self._directory, facts, self._address),
        ]

    def _write_tables(self, office: str | None, planned: Sequence[PlannedFile]) -> None:
        """Tables of the register, or of campaign finance."""
        if planned and not self._link(office, planned, []):
            for file in planned:
                self._write_table(file)

    def _write_profiles(self, planned: Sequence[PlannedFile]) -> None:
        is_same = self._previous is not None and self._previous.manifest.get("profiles") == self._profiles
        if not planned or (is_same and self._link(None, planned, [])):
            return
        self._profiles_problem = profiles_problem(self._definition, self._package)
        if self._profiles_problem is not None:
            logger.warning(log_line("profiles-refused", problem=self._profiles_problem))
        for file in planned:
            if file.table is CANDIDATES and self._profiles_problem is not None:
                self._left_out += (
                    {"name": name, "reason": self._profiles_problem} for name in self._file_names([file])
                )
            else:
                self._write_table(file)

    def _file_names(self, planned: Iterable[PlannedFile]) -> list[str]:
        """The names of the files in each format."""
        return [f"{file.stem}.{format}" for file in planned for format in Format if format in self._formats]

    def _link(self, office: str | None, planned: Sequence[PlannedFile], reports: Sequence[PlannedReport]) -> bool:
        """Link the files of an office, or of the register, where they are the same in the cut before. False where they are to
        be written."""
        if self._previous is None:
            return False
        manifest = self._previous.manifest
        if office is not None and manifest["as_of"].get(office) != self._head["as_of"][office]:
            return False
        wanted = self._file_names(planned)
        wanted += [name for report in reports for name in report_names(report, self._formats).values()]
        linked = link_files(self._previous, self._directory, wanted)
        if linked is None:
            return False
        self._files += linked.files
        self._left_out += linked.left_out
        if office is not None and office != FINANCE:
            self._status[office] = manifest["status"][office]
        return True

    def _write_office(self, office: OfficeEntry, planned: Sequence[PlannedFile], by_rank: Sequence[int]) -> None:
        definition = self._definition
        contests = [definition.ballots.contests[number] for number in office.contests]
        done, expected = 0, sum(_stations(definition, contest) for contest in contests)
        statuses: list[str] = []
        with ExitStack() as stack:
            files = {file.of: self._begin(file, stack) for file in planned}
            numbers = self._begin_numbers(office, by_rank, stack)
            histories = by_contest(self._cut.histories(office), contests)
            for contest, standings_of in by_contest(self._cut.standings(office), contests):
                over_time = self._over_time(contest, files)
                of_contest = None if numbers is None else numbers.begin(contest)
                for batch in contest_rows(definition, contest, standings_of, by_rank, over_time):
                    _write_batch(batch, files)
                    if of_contest is not None:
                        of_contest.add(batch)
                    done += len(batch.get(self._stations, ()))
                    self._report(office.id, done, expected)
                    statuses += (row[STATUS_COLUMN] for row in batch.get(self._root, ()))
                if of_contest is not None:
                    of_contest.end()
                _, history = next(histories)
                if over_time is not None:
                    over_time.add_changes(changes(definition, contest, history))
                    for batch in rows_over_time(over_time):
                        _write_batch(batch, files)
                        self._report(office.id, done, expected)
            for file in planned:
                self._end(file, files[file.of])
            self._status[office.id] = status_of(statuses)
            if numbers is not None:
                self._write_reports(numbers)

    def _begin_numbers(self, office: OfficeEntry, by_rank: Sequence[int], stack: ExitStack) -> OfficeNumbers | None:
        """What the result reports of the office are written from; None where none are wanted."""
        if not self._has_reports:
            return None
        path = self._cut.directory / f"numbers-{office.number}"
        numbers = OfficeNumbers(self._definition, office, by_rank, path)
        stack.callback(path.unlink)
        stack.callback(numbers.close)
        return numbers

    def _write_reports(self, numbers: OfficeNumbers) -> None:
        office = numbers.office.id
        of = OfNumbers(self._names, self._status[office], self._head["as_of"][office], self._cut.taken_at)
        entries, left_out = write_reports(self._directory, numbers, of, self._formats)
        self._files += entries
        self._left_out += left_out

    def _over_time(self, contest: ContestEntry, files: Mapping[TableOf, TableFiles]) -> CountOverTime | None:
        """None where no table over time is wanted."""
        if not any(of.table in (COUNTS_OVER_TIME, VOTES_OVER_TIME) for of in files):
            return None
        return CountOverTime(self._definition, contest, microseconds_since_1970(self._cut.taken_at))

    def _write_table(self, file: PlannedFile) -> None:
        is_usable = self._profiles_problem is None
        rows = rows_of(file.table, self._definition, self._package, self._cut, with_profiles=is_usable)
        with ExitStack() as stack:
            written = self._begin(file, stack)
            done = 0
            for batch in _batches(rows):
                written.write(batch)
                done += len(batch)
                self._report(file.stem, done, done)
            self._end(file, written)

    def _begin(self, file: PlannedFile, stack: ExitStack) -> TableFiles:
        about = about_file(self._head, file)
        files = TableFiles(self._directory, file.stem, file.table, self._formats, about, self._parquet)
        stack.callback(files.abandon)
        return files

    def _end(self, file: PlannedFile, written: TableFiles) -> None:
        written.end_rows()
        self._ended.append((file, written))

    def _complete(self) -> None:
        """Complete all files, and list them in the order of the plan, result reports last."""
        for done, (file, written) in enumerate(self._ended, start=1):
            while not written.is_made(STOP_SECONDS):
                self._report("files", done - 1, len(self._ended))
            self._files += (_entry(file, format, written.rows, each) for format, each in written.finish().items())
            self._left_out += (
                {"name": f"{file.stem}.{format}", "reason": reason} for format, reason in written.left_out.items()
            )
            self._report("files", done, len(self._ended))
        order = {
            f"{file.stem}.{format}": (at, n) for at, file in enumerate(self._planned) for n, format in enumerate(Format)
        }
        after_tables = len(self._planned), 0
        self._files.sort(key=lambda entry: order.get(entry["name"], after_tables))


@cache
def made_by() -> str:
    """Hash of the code that writes files."""
    return hash_of_code(*WRITING_CODE)


def _stations(definition: Definition, contest: ContestEntry) -> int:
    """Stations that vote in the contest."""
    denominator = definition.electorates.denominators.get((contest.number, contest.root_area))
    return 0 if denominator is None else denominator.stations


def _write_batch(batch: Batch, files: Mapping[TableOf, TableFiles]) -> None:
    for of, rows in batch.items():
        if of in files:
            files[of].write(rows)


def _batches(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while batch := list(itertools.islice(rows, ROWS_AT_ONCE)):
        yield batch


def _entry(file: PlannedFile, format: Format, rows: int, written: WrittenFile) -> dict[str, Any]:
    return {
        "name": written.name,
        "table": file.table.name,
        "office": file.office,
        "level": file.level,
        "format": format.value,
        "media_type": MEDIA_TYPES[format],
        "schema_version": file.table.version,
        "rows": rows,
        "bytes": written.bytes,
        "sha256": written.sha256,
    }
