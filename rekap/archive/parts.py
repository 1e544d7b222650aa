"""The parts of an archive, in the order in which they are written. A new part is one line of PARTS."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rekap.archive.answers import write_answers
from rekap.archive.bulk_files import write_bulk_files
from rekap.archive.cut_writer import ZIP, CutWriter
from rekap.archive.logs import write_logs
from rekap.archive.moment import ArchivedMoment
from rekap.archive.pages import write_pages
from rekap.archive.profiles import write_profiles
from runtime.package.writing import pack

PACKAGE = "package.zip"


class Part(NamedTuple):
    name: str
    title: str
    write: Callable[[ArchivedMoment, CutWriter], None]
    """Raises OSError, and NotReachedError or OutsideError where its source cannot be used."""


def write_package(moment: ArchivedMoment, files: CutWriter) -> None:
    """The package that the count is by, with its profiles, as the API packs it."""
    files.add(PACKAGE, pack(moment.package), ZIP)


PARTS = (
    Part("package", "The election package", write_package),
    Part("log", "The public log: records, tiles, checkpoints and cosignatures", write_logs),
    Part("answers", "Published answers of election, offices, contests, areas and stations", write_answers),
    Part("profiles", "Candidates, parties and electoral districts", write_profiles),
    Part("files", "Bulk files of results and register", write_bulk_files),
    # The pages link to what the parts before have written.
    Part("pages", "Pages of links", write_pages),
)


def write_parts(moment: ArchivedMoment, files: CutWriter) -> dict[str, str]:
    """Write all parts; gives the title of each. Raises as `Part.write`."""
    for part in PARTS:
        files.part = part.name
        part.write(moment, files)
    return {part.name: part.title for part in PARTS}
