"""The read API of an archived election: the routes of the API, over the files of the archive and the read model beside it.

An archive lacks the routes that only an election which is being counted can have (NOT_IN_ARCHIVES). Their paths are answered
with 404.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from fastapi import Depends, FastAPI

from api import docs
from api.answers.reading import Reading
from api.answers.rendering import Renderings
from api.catalogue import routes as catalogue
from api.catalogue.ckan import install_ckan
from api.catalogue.published import Catalogues
from api.files import area_files
from api.files import routes as files
from api.files.area_files import AreaFiles
from api.files.cut_files import CutFiles
from api.limits.rate_limits import RateLimit
from api.maps import routes as maps
from api.maps.answers import MapAnswers
from api.maps.map_files import MapFiles
from api.parameters import only_known_parameters
from api.problems import install_problems
from api.read import election_lists, events, finance, lists, log, nist, package, profiles, search, snapshot_routes
from api.read.from_memory import SnapshotsInMemory
from api.read.log import PublicLogs
from api.read.nist import ReportNames
from api.read.package import PackageFile
from api.read.profile_files import ProfileFiles
from api.read.search import SearchedNames
from api.read.snapshots import Snapshots
from projections.definition.compiled import Definition
from projections.tables.list_rows import InOrder
from rekap.archive.bulk_files import FOLDER
from rekap.archive.cut_writer import MANIFEST
from rekap.archive.logs import FOLDER as LOGS
from rekap.portal.archived_read_model import ArchivedReadModel
from rekap.portal.building import ArchiveUnfitError
from runtime.files.files_below import NotAFileError, open_below
from runtime.files.tile_store import TileStore
from runtime.settings import Settings
from schemas.licences import licence_link

NOT_IN_ARCHIVES = {
    "/": "the page shows a count that continues; the portal has a start page",
    "/v1/submissions": "nothing is submitted any more",
    "/v1/submissions:batch": "nothing is submitted any more",
    "/v1/gateway": "nothing is submitted any more",
    "/v1/live": "nothing changes any more",
    "/v1/changes": "nothing changes any more",
    "/v1/schemas/live": "there is no feed",
    "/v1/schemas/asyncapi": "there is no feed",
    "/v1/health": "of the processes of a count",
    "/livez": "of a process of a count",
    "/readyz": "of a process of a count",
    "/metrics": "of a process of a count",
}
"""Paths of the API that an archive does not have, and why. A test compares the routes of both
(tests/unit/rekap/portal/test_routes.py)."""

CUT_CHARACTERS_MAX = 100
"""Limit for the name of a cut, which the catalogue shows. `rekap archive` gives one of 25."""
MANIFEST_BYTES_MAX = 16 * 1024 * 1024
"""Limit for the manifest of an archive, as api/files/cut_files.py has it for that of bulk files."""


def read_manifest(cut: Path) -> dict[str, Any]:
    """Raises ArchiveUnfitError."""
    path = cut / MANIFEST
    try:
        with open_below(cut, MANIFEST) as file:
            manifest = orjson.loads(file.read(MANIFEST_BYTES_MAX))
        found: dict[str, Any] = {**manifest, "election": str(manifest["election"]), "cut": str(manifest["cut"])}
        if not isinstance(found["files"]["sha256"], str) or len(found["cut"]) > CUT_CHARACTERS_MAX:
            raise TypeError
    except NotAFileError as error:
        raise ArchiveUnfitError(f"{path} {error.strerror}") from None
    except OSError as error:
        raise ArchiveUnfitError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, LookupError, TypeError):
        raise ArchiveUnfitError(f"{path} is not the manifest of an archive") from None
    return found


def archived_app(
    cut: Path,
    package_copy: Path,
    manifest: dict[str, Any],
    definition: Definition,
    read: ArchivedReadModel,
    *,
    base: str,
    public_url: str,
    parts: int,
) -> FastAPI:
    """The app, ready to be called; it has no lifespan, and `close_archived_app` ends it. `package_copy` is the portal's copy of
    the archive's package, `base` the path of the election in the portal, `public_url` the portal's own address where that is
    set, `parts` the number of archives that share the memory for answers. Raises PackageError."""
    app = FastAPI(
        title=f"Rekap: {definition.election.id}, archived",
        version="0.1.0",
        license_info={"name": definition.election.licence},
        dependencies=[Depends(only_known_parameters)],
        redirect_slashes=False,
        openapi_url=None,  # api/docs.py serves the document and the page
        generate_unique_id_function=docs.operation_id,
    )
    licence = licence_link(definition.election.licence)
    app.add_middleware(Reading, licence=licence)
    in_memory = SnapshotsInMemory(RateLimit("requests", 0), licence)
    witnesses = manifest.get("witnesses", [])
    app.state.definition = definition
    app.state.snapshots = Snapshots(read, definition, in_memory, parts=parts)
    app.state.logs = PublicLogs(
        definition, lambda partition: TileStore(cut, f"{LOGS}/{partition}"), [str(each) for each in witnesses]
    )
    app.state.package = PackageFile(replace(Settings(), package=package_copy))
    app.state.files = CutFiles(cut, FOLDER)
    app.state.in_order, app.state.renderings = InOrder(definition), Renderings()
    app.state.area_files = AreaFiles(app.state.in_order, app.state.renderings)
    app.state.names = SearchedNames(app.state.in_order)
    app.state.catalogues = Catalogues(app.state.files, definition, public_url, base)
    app.state.profiles = ProfileFiles(package_copy, definition)
    app.state.report_names = ReportNames(package_copy, definition)
    app.state.maps, app.state.map_answers = MapFiles(cut, folder=FOLDER), MapAnswers()
    install_problems(app)
    for part in (
        election_lists, snapshot_routes, nist, lists, search, profiles, finance, maps, files, area_files, catalogue, log,
        package, events, docs,
    ):  # fmt: skip
        app.include_router(part.router)
    install_ckan(app)
    docs.describe(app)
    return app


def close_archived_app(app: FastAPI) -> None:
    """Close the election. Call this when no answer is being made."""
    app.state.snapshots.current.close()
    app.state.map_answers.close()
