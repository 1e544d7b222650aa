"""The election package, for readers who want to check it or to count by its rules."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from api.answers.reading import entity_tag
from api.described import BYTES, described_as
from api.problems import Problem
from runtime.package.errors import PackageError
from runtime.package.profiles import profiles_stamp
from runtime.package.stamps import Stamp
from runtime.package.writing import content_digest, pack
from runtime.settings import Settings

router = APIRouter(prefix="/v1", tags=["log"])


class PackageFile:
    """The package as it was when this process started, with the profiles as they are, packed at the first request and where a
    file of profiles has changed."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.package
        self._digest = content_digest(settings.package)
        self._packing: asyncio.Task[tuple[bytes, str]] | None = None
        self._stamp: Stamp = ()

    async def get(self) -> tuple[bytes, str]:
        """The zip, and its ETag. Raises Problem where the files are not those that this process counts by."""
        stamp = profiles_stamp(self._path)
        if self._packing is None or stamp != self._stamp:
            self._stamp = stamp
            self._packing = asyncio.create_task(asyncio.to_thread(self._pack))
        try:
            return await asyncio.shield(self._packing)
        except Problem:
            self._packing = None  # the files may be put back
            raise

    def _pack(self) -> tuple[bytes, str]:
        try:
            data = pack(self._path)
            changed = content_digest(self._path) != self._digest
        except (OSError, PackageError):
            changed = True
        if changed:
            raise Problem(
                503,
                "Package changed",
                "The election package on this server was changed after the server had started, so it is not the one that "
                "the count is of. It is not served until it is put back.",
                retry_after_s=60,
            )
        return data, entity_tag(data)


@router.get(
    "/package.zip",
    summary="The election package",
    response_class=Response,
    responses=described_as("`election.json` and the tables as CSV (DESIGN 4)", {"application/zip": BYTES}, (503,)),
)
async def package(request: Request) -> Response:
    """Every event contains the definition hash of the package; `docs/audit.md` describes how the hash is computed."""
    files: PackageFile = request.app.state.package
    data, etag = await files.get()
    headers = {"ETag": etag, "Cache-Control": "public, max-age=60", "Accept-Ranges": "bytes"}
    return Response(data, media_type="application/zip", headers=headers)
