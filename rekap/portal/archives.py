"""Keeps the archived elections of a portal served: looks at each archive, builds its read model once, and serves the newest.

For each archive, in this order:

    1. `latest` and the manifest are read; where the manifest is that of the archive that is served, nothing more is done
    2. its package is copied, and all that follows reads the copy
    3. its read model is built in a process of its own, unless the file is there (building.py)
    4. definition and read model are opened, and the archive is served from the next request on
    5. older read models and packages of the election are deleted

Each archive is looked at by a task of its own, and those that are to be built have their turns one after the other. One that
cannot be built is listed as away and tried again. An archive may be of a stranger, so nothing in it is opened through a link
(runtime/files/files_below.py).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from projections.definition.compiled import Definition
from projections.shown.published import Moment, as_of
from rekap.archive.directory import LATEST
from rekap.archive.parts import PACKAGE
from rekap.embedded.leash import run_to_end
from rekap.operate.definition_cache import compiled
from rekap.portal.archived_election import archived_app, close_archived_app, read_manifest
from rekap.portal.archived_read_model import ArchivedReadModel
from rekap.portal.building import ArchiveUnfitError
from rekap.portal.election_state import PortalElection
from runtime.files.atomic_write import replace_file
from runtime.files.files_below import NotAFileError, open_below
from runtime.files.own_files import make_own_directory
from runtime.files.state_files import FOLD_CODE, hash_of_code
from runtime.logs import log_line
from runtime.own_processes import python_module
from runtime.package.errors import PackageError
from runtime.package.sources import ZIP_BYTES_MAX
from schemas.definition.package import Mode
from schemas.times import microseconds_of_text, text_of_microseconds

logger = logging.getLogger("rekap.portal")

LOOK_SECONDS = 10.0
"""Time between two looks at the archives. At half, nothing is gained where an archive is written each minute or less often; at
double, a new cut is waited for longer."""
BUILD_SECONDS_MAX = 4 * 3600.0
"""Limit for building one read model. Five ballots of a nation are 17 minutes of CPU (docs/archive.md), and the machine may be
busy."""
CLOSE_SECONDS = 60.0
"""How long an archive that was replaced still answers the requests that it has begun."""
PASSING_ERRORS = (ArchiveUnfitError, PackageError, OSError, sqlite3.Error)
FOLDING_CODE = (
    *FOLD_CODE, "projections.readmodel",
    "rekap.portal.building", "rekap.portal.names", "rekap.portal.read_model_file",
)  # fmt: skip
"""What decides the content of a read model. One that other code has built is built anew."""


class Archives:
    """One event loop owns it."""

    def __init__(
        self, elections: list[PortalElection], state: Path, building: asyncio.Lock, public_url: str = ""
    ) -> None:
        self._elections = elections
        self._state = state
        self._public_url = public_url
        self._building = building
        """Held while anything is built, because one thing is built at a time."""
        self._opening = asyncio.Lock()
        """Held while an archive is opened, because of a nation that takes a second of a thread and 1 GB of memory."""
        self._code = hash_of_code(*FOLDING_CODE)
        self._read: dict[str, ArchivedReadModel] = {}
        self._served: dict[str, str] = {}
        """Digest of the archive that is served, by election."""

    async def run(self) -> None:
        """Look at each archive again and again, until it is cancelled. An archive that takes long does not delay the others."""
        async with asyncio.TaskGroup() as tasks:
            for election in self._elections:
                tasks.create_task(self._follow(election))

    async def _follow(self, election: PortalElection) -> None:
        while True:
            await self.look(election)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self, election: PortalElection) -> None:
        """Serve the newest archive of an election, or list it as away."""
        try:
            await self._look(election)
        except PASSING_ERRORS as error:
            sentence = str(error) if isinstance(error, ArchiveUnfitError) else f"{type(error).__name__}: {error}"
            if election.problem != sentence:
                logger.warning(log_line("archive-away", election=election.entry.id, problem=sentence))
            election.is_away(sentence)
        except Exception as error:
            # Also a bug, because an archive that nobody has thought of must not stop the others.
            logger.error(
                log_line("archive-away", election=election.entry.id, error=type(error).__name__), exc_info=True
            )
            election.is_away(f"a bug: {type(error).__name__}; it is in the portal's log")

    def close(self) -> None:
        for election in self._elections:
            if election.app is not None:
                close_archived_app(election.app)
        for read in self._read.values():
            read.close()

    async def _look(self, election: PortalElection) -> None:
        archive = election.entry.archive
        assert archive is not None
        cut, manifest = await asyncio.to_thread(_newest, archive)  # 1
        if manifest["election"] != election.entry.id:
            raise ArchiveUnfitError(f"{cut} is an archive of the election {manifest['election']!r}")
        digest = hashlib.sha256(f"{self._code} {manifest['files']['sha256']}".encode()).hexdigest()[:32]
        if self._served.get(election.entry.id) != digest:
            await self._serve(election, cut, manifest, digest)
        election.is_served()

    async def _serve(self, election: PortalElection, cut: Path, manifest: dict[str, Any], digest: str) -> None:
        folder = self._state / election.entry.id
        path = folder / f"{digest}.sqlite"
        await asyncio.to_thread(make_own_directory, folder)
        package = await asyncio.to_thread(_copied_package, cut, folder)  # 2
        if not path.exists():
            async with self._building:
                await build("archive", cut, package, path, self._state)  # 3
        async with self._opening:  # 4
            definition: Definition = await asyncio.to_thread(compiled, package, self._state)
            read = await asyncio.to_thread(ArchivedReadModel, path, definition)
            make = partial(archived_app, base=election.base, public_url=self._public_url, parts=len(self._elections))
            app = await asyncio.to_thread(make, cut, package, manifest, definition, read)
        before, app_before = self._read.get(election.entry.id), election.app
        self._read[election.entry.id], self._served[election.entry.id] = read, digest
        election.app, election.facts, election.find_names = app, _facts(definition, manifest, read.moment), read.names
        logger.info(log_line("archive-served", election=election.entry.id, cut=manifest["cut"]))
        if before is not None and app_before is not None:
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, _close, app_before, before)
        for old in (*folder.glob("*.sqlite"), *folder.glob("*.zip")):  # 5
            if old not in (path, package):
                old.unlink(missing_ok=True)


def _close(app: FastAPI, read: ArchivedReadModel) -> None:
    close_archived_app(app)
    read.close()


def _facts(definition: Definition, manifest: dict[str, Any], cuts: Moment) -> dict[str, Any]:
    """What the catalogue shows. Of the manifest, which nothing checks, are the name and the time of the cut alone."""
    about = definition.election
    taken_us = microseconds_of_text(manifest.get("taken_at"))
    return {
        "title": about.title.root,
        "date": about.date.isoformat(),
        "mode": about.mode.value,
        "is_test": about.mode is Mode.REHEARSAL,
        "definition": definition.hash,
        "licence": about.licence,
        "source": about.source,
        "cut": manifest["cut"],
        "taken_at": text_of_microseconds(taken_us) if taken_us else None,
        "as_of": {office.id: as_of(cuts, office) for office in definition.ballots.offices},
    }


async def build(what: str, *paths: Path) -> None:
    """Build a file in a process of its own, which ends with this one. `paths` are those of building.py. Raises
    ArchiveUnfitError."""
    command = python_module("rekap.portal.building", what, *paths)
    code, last = await run_to_end(command, deadline_s=BUILD_SECONDS_MAX)
    if code < 0:
        raise ArchiveUnfitError(
            f"its builder was ended by signal {-code}: it had no memory, or took more than {BUILD_SECONDS_MAX:,.0f} s"
        )
    if code != 0:
        raise ArchiveUnfitError(last.strip().splitlines()[-1].strip().removeprefix("Error: "))


def _copied_package(cut: Path, folder: Path) -> Path:
    """A copy of an archive's package, in a directory of the portal and named after its content.

    A package may be a link on the machine of an operator, so the code that reads packages follows links. The package of an
    archive may be of a stranger, and a link could show a package that is not published yet.

    Raises ArchiveUnfitError, OSError."""
    try:
        with open_below(cut, PACKAGE) as file:
            content = file.read(ZIP_BYTES_MAX + 1)
    except NotAFileError as error:
        raise ArchiveUnfitError(f"{cut / PACKAGE} {error.strerror}") from None
    except OSError as error:
        raise ArchiveUnfitError(f"{cut / PACKAGE} cannot be read: {error.strerror}") from None
    if len(content) > ZIP_BYTES_MAX:
        raise ArchiveUnfitError(f"{cut / PACKAGE} has more than {ZIP_BYTES_MAX:,} bytes")
    copy = folder / f"{hashlib.sha256(content).hexdigest()[:32]}.zip"
    if not copy.exists():
        replace_file(copy, [content], mode=0o600)
    return copy


def _newest(archive: Path) -> tuple[Path, dict[str, Any]]:
    """The newest cut in the directory, or the directory itself, and the manifest. Raises ArchiveUnfitError, OSError."""
    newest = archive / LATEST
    cut = (newest if newest.is_dir() else archive).resolve()
    if not cut.is_relative_to(archive.resolve()):
        raise ArchiveUnfitError(f"{newest} leads out of the archive")
    return cut, read_manifest(cut)
