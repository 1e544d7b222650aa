"""The election package of a server, as it is served for readers from outside."""

from __future__ import annotations

from projections.checks.package_checks import problems
from rekap.client.server import Server
from runtime.files.temporary import temporary_directory
from runtime.package.reading import load_package
from runtime.package.sources import ZIP_BYTES_MAX
from schemas.definition.package import ElectionPackage

DOWNLOAD_SECONDS_MAX = 600.0
"""Limit for the download. A nation's package has 20 MB, which a line of 1 Mbit/s carries in three minutes."""


async def served_package(url: str) -> ElectionPackage:
    """Download and read the package. It is what the server states. The definition hash in each event shows whether the log
    is of this package. Raises AddressError, AwayError, RefusedError, PackageError."""
    async with Server(url, seconds_max=DOWNLOAD_SECONDS_MAX) as server:
        data = await server.content("/v1/package.zip", bytes_max=ZIP_BYTES_MAX)
    with temporary_directory("rekap-package-") as directory:
        path = directory / "package.zip"
        path.write_bytes(data)
        return load_package(path, problems)
