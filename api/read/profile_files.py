"""The profiles of the package that this process serves, read again where their files have changed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from api.problems import Problem
from projections.checks.profile_checks import profile_problems
from projections.definition.compiled import Definition
from projections.shown.profiles import ProfileIndex
from runtime.logs import log_line
from runtime.package.errors import PackageError
from runtime.package.profiles import profiles_stamp, read_profiles
from runtime.package.stamps import Stamp

logger = logging.getLogger("rekap.profiles")

LOOKED_AT_SECONDS = 5.0
"""The files are looked at again after this time, in 0.1 ms. At double, a corrected profile is waited for twice as long; at
half, nothing is gained, because caches keep an answer for a minute."""


class ProfileFiles:
    """Read at the first request and after a change, by a thread; until then the profiles before are served. One event loop owns
    it."""

    def __init__(self, package: Path, definition: Definition, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = package
        self._definition = definition
        self._clock = clock
        self._index: ProfileIndex | None = None
        self._problem: str | None = None
        self._stamp: Stamp = ()
        self._looked_at = -LOOKED_AT_SECONDS
        self._reading: asyncio.Task[None] | None = None

    async def get(self) -> ProfileIndex:
        """Raises Problem where the files cannot be used and no earlier ones were; it names the first mistake."""
        if self._reading is None and self._clock() - self._looked_at >= LOOKED_AT_SECONDS:
            self._looked_at = self._clock()
            stamp = profiles_stamp(self._path)
            if stamp != self._stamp:
                self._reading = asyncio.create_task(self._read(stamp))
        if self._index is None and self._reading is not None:
            await asyncio.shield(self._reading)
        if self._index is None:
            raise Problem(
                503,
                "Profiles cannot be used",
                f"The profiles of the election package have a mistake: {self._problem}. Results do not depend on them.",
                retry_after_s=60,
            )
        return self._index

    async def _read(self, stamp: Stamp) -> None:
        try:
            self._index, self._problem = await asyncio.to_thread(profile_index, self._path, self._definition), None
        except (OSError, PackageError) as error:
            self._problem = str(error).split("\n", 1)[0]
            logger.warning(log_line("profiles-refused", problem=self._problem))
        finally:
            self._stamp, self._reading = stamp, None


def profile_index(package: Path, definition: Definition) -> ProfileIndex:
    """The profiles of a package, ready to be looked up in. Raises OSError, PackageError."""
    ballots = definition.ballots
    found = read_profiles(
        package, lambda parties, profiles: profile_problems(ballots, {party.id for party in parties}, profiles)
    )
    if found.problems:
        raise PackageError(found.problems)
    return ProfileIndex(definition, found.profiles, found.parties, found.districts)
