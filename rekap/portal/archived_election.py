"""The read API of an archived election: the routes of the API, over the files of the archive and the read model beside it.

What an election that is counted has beside these routes (submissions, the live feed, health) an archive does not have, and
these paths are answered with 404.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from fastapi import Depends, FastAPI

from api import docs
from api.files import area_files
from api.files import routes as files
from api.files.area_files import AreaFiles
from api.files.cut_files import CutFiles
from api.limits.rate_limits import RateLimit
from api.parameters import only_known_parameters
from api.problems import install_problems
from api.read import election_lists, events, lists, log, package, profiles, search, snapshots
from api.read.from_memory import SnapshotsInMemory
from api.read.log import PublicLogs
from api.read.package import PackageFile
from api.read.profile_files import ProfileFiles
from api.read.reading import Reading
from api.read.rendering import Renderings
from api.read.search import SearchedNames
from api.read.snapshots import Snapshots
from projections.definition.compiled import Definition
from projections.tables.list_rows import InOrder
from rekap.archive.bulk_files import FOLDER
from rekap.archive.cut_writer import MANIFEST
from rekap.archive.parts import PACKAGE
from rekap.portal.archived_read_model import ArchivedReadModel
from rekap.portal.building import ArchiveUnfitError
from runtime.settings import Settings

MANIFEST_BYTES_MAX = 16 * 1024 * 1024
"""As api/files/cut_files.py has it for the manifest of bulk files."""


def read_manifest(cut: Path) -> dict[str, Any]:
    """Raises ArchiveUnfitError."""
    path = cut / MANIFEST
    try:
        with path.open("rb") as file:
            manifest = orjson.loads(file.read(MANIFEST_BYTES_MAX))
        found: dict[str, Any] = {**manifest, "election": str(manifest["election"]), "cut": str(manifest["cut"])}
        if not isinstance(found["files"]["sha256"], str):
            raise TypeError
    except OSError as error:
        raise ArchiveUnfitError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, LookupError, TypeError):
        raise ArchiveUnfitError(f"{path} is not the manifest of an archive") from None
    return found


def archived_app(cut: Path, manifest: dict[str, Any], definition: Definition, read: ArchivedReadModel) -> FastAPI:
    """The app, ready to be called; it has no lifespan. Raises PackageError."""
    app = FastAPI(
        title=f"Rekap: {definition.election.id}, archived",
        version="0.1.0",
        license_info={"name": definition.election.licence},
        dependencies=[Depends(only_known_parameters)],
        redirect_slashes=False,
        openapi_url=None,  # api/docs.py serves the document and the page
        generate_unique_id_function=docs.operation_id,
    )
    app.add_middleware(Reading)
    in_memory = SnapshotsInMemory(RateLimit("requests", 0))
    witnesses = manifest.get("witnesses", [])
    app.state.definition = definition
    app.state.snapshots = Snapshots(read, definition, in_memory)
    app.state.logs = PublicLogs(definition, cut / "log", [str(each) for each in witnesses])
    app.state.package = PackageFile(replace(Settings(), package=cut / PACKAGE))
    app.state.files = CutFiles(cut / FOLDER)
    app.state.in_order, app.state.renderings = InOrder(definition), Renderings()
    app.state.area_files = AreaFiles(app.state.in_order, app.state.renderings)
    app.state.names = SearchedNames(app.state.in_order)
    app.state.profiles = ProfileFiles(cut / PACKAGE, definition)
    install_problems(app)
    for part in (election_lists, snapshots, lists, search, profiles, files, area_files, log, package, events, docs):
        app.include_router(part.router)
    docs.describe(app)
    return app
