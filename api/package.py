"""The election package for whoever wants to check it, or to count by its rules."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from api.reading import entity_tag
from runtime.package_files import pack
from runtime.settings import Settings

router = APIRouter(prefix="/v1", tags=["log"])


class PackageFile:
    """The package as it was when this process started, packed at the first request."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.package
        self._packing: asyncio.Task[tuple[bytes, str]] | None = None

    async def get(self) -> tuple[bytes, str]:
        """The zip, and its ETag."""
        if self._packing is None:
            self._packing = asyncio.create_task(asyncio.to_thread(self._pack))
        return await asyncio.shield(self._packing)

    def _pack(self) -> tuple[bytes, str]:
        data = pack(self._path)
        return data, entity_tag(data)


@router.get(
    "/package.zip",
    summary="The election package",
    response_class=Response,
    responses={
        200: {"content": {"application/zip": {}}, "description": "`election.json` and the tables as CSV (DESIGN 4)"}
    },
)
async def package(request: Request) -> Response:
    """Its definition hash stands in every event; `docs/audit.md` says how it is computed."""
    files: PackageFile = request.app.state.package
    data, etag = await files.get()
    headers = {"ETag": etag, "Cache-Control": "public, max-age=60", "Accept-Ranges": "bytes"}
    return Response(data, media_type="application/zip", headers=headers)
