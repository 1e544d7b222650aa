"""The profiles of a package for the bulk files: whether they have changed, what is wrong with them, and their rows.

Profiles do not affect the count and can be corrected while it continues. A mistake in them leaves out the table of candidates
and what is shown of parties beside their names, and keeps nothing else from being exported.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from projections.definition.compiled import Definition
from projections.tables.profile_rows import Row, UnfitProfileError, candidate_rows, party_rows
from runtime.package.errors import PackageError
from runtime.package.file_names import PROFILE_FILES
from runtime.package.profiles import profiles_stamp
from runtime.package.reading import table_rows
from runtime.package.sources import open_source
from runtime.package.stamps import Stamp
from runtime.package.texts import PACKAGE_BYTES_MAX


def profiles_digest(package: Path) -> str:
    """SHA-256 of the files of the profiles. Raises UnreadablePackageError."""
    source = open_source(package)
    names = source.names()
    digest = hashlib.sha256()
    for name in PROFILE_FILES:
        content = source.read(name, PACKAGE_BYTES_MAX) if name in names else b""
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


class ProfilesDigest:
    """`profiles_digest`, made again where the files have another time or size."""

    def __init__(self, package: Path) -> None:
        self._package = package
        self._stamp: Stamp | None = None
        self._digest = ""

    def current(self) -> str:
        """Raises UnreadablePackageError."""
        stamp = profiles_stamp(self._package)
        if stamp != self._stamp:
            self._stamp, self._digest = stamp, profiles_digest(self._package)
        return self._digest


def profiles_problem(definition: Definition, package: Path) -> str | None:
    """A sentence about the first mistake; None for profiles that can be used."""
    try:
        deque(candidate_rows(definition, table_rows(package, "candidates")), maxlen=0)
    except (UnfitProfileError, PackageError) as error:
        return f"candidates.csv: {str(error).splitlines()[0]}"
    try:
        deque(party_rows(table_rows(package, "parties"), table_rows(package, "party_profiles")), maxlen=0)
    except (UnfitProfileError, PackageError) as error:
        return f"party_profiles.csv: {str(error).splitlines()[0]}"
    return None


def rows_of_candidates(definition: Definition, package: Path) -> Iterator[Row]:
    """Raises PackageError."""
    with _still_fit():
        yield from candidate_rows(definition, table_rows(package, "candidates"))


def rows_of_parties(package: Path, *, with_profiles: bool) -> Iterator[Row]:
    """The profiles, or names alone where the profiles cannot be used. Raises PackageError."""
    with _still_fit():
        profiles = table_rows(package, "party_profiles") if with_profiles else iter(())
        yield from party_rows(table_rows(package, "parties"), profiles)


@contextmanager
def _still_fit() -> Iterator[None]:
    """Raises PackageError where the files have been changed since `profiles_problem` found nothing wrong."""
    try:
        yield
    except UnfitProfileError as error:
        raise PackageError((), f"the profiles of the package cannot be used: {error}") from None
