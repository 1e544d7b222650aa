"""Reading the profiles of a package, and the two tables of the definition that are shown with them.

A compiled definition has neither the names of parties nor those of electoral districts, because the count needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.package.errors import PackageError
from runtime.package.file_names import PROFILE_FILES, file_of
from runtime.package.problem_list import FileProblems
from runtime.package.reading import read_table_file
from runtime.package.sources import open_source
from runtime.package.stamps import Stamp, stamp_of
from runtime.package.tables import Table
from runtime.package.texts import PackageTexts
from schemas.definition.package import DistrictPart, Party
from schemas.definition.problems import PackageProblem, Problem
from schemas.definition.profiles import PROFILE_TABLES, Profiles

_SHOWN_TABLES = ("parties", "districts")
ProfileCheck = Callable[[Sequence[Party], Profiles], Sequence[Problem]]


@dataclass(frozen=True, slots=True)
class ProfileReading:
    """Profiles with the names they are shown with, or all their problems. Without profiles where there are problems."""

    profiles: Profiles
    parties: tuple[Party, ...]
    districts: tuple[DistrictPart, ...]
    problems: tuple[PackageProblem, ...]


def read_profiles(path: Path, check: ProfileCheck) -> ProfileReading:
    """The profiles of the package in a directory or zip; tables that are missing are empty. `check` compares their rows with
    those of the package. The definition has been checked before. Raises UnreadablePackageError, and PackageError where
    parties.csv or districts.csv is not what was checked."""
    problems = FileProblems()
    texts = PackageTexts(open_source(path), problems)
    tables = {table: read_table_file(table, texts, problems) for table in (*_SHOWN_TABLES, *PROFILE_TABLES)}
    found = _rows(tables)
    parties, districts = found["parties"], found["districts"]
    if any(problem.file not in PROFILE_FILES for problem in problems.listed()):
        raise PackageError(problems.listed())
    profiles = Profiles(found["candidates"], found["party_profiles"])
    cells = problems.cells()
    for table, row, column, words in check(parties, profiles):
        file = file_of(table) if table in PROFILE_TABLES else PROFILE_FILES[0]
        read = tables.get(table)
        line = None if read is None or row is None else read.lines[row]
        if cells.isdisjoint({(file, line, column), (file, line, None)}):
            problems.add(file, line, column, words)
    if listed := problems.listed():
        return ProfileReading(Profiles(), parties, districts, listed)
    return ProfileReading(profiles, parties, districts, ())


def _rows(tables: Mapping[str, Table | None]) -> dict[str, tuple]:  # type: ignore[type-arg]  # rows of several models
    return {name: () if table is None else tuple(table.rows) for name, table in tables.items()}


def profiles_stamp(path: Path) -> Stamp:
    return stamp_of(path, PROFILE_FILES)
