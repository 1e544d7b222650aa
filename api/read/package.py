"""The election package, for readers who want to check it or to count by its rules."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from fastapi import APIRouter, Request, Response

from api.problems import PROBLEM_RESPONSES, Problem
from api.read.reading import entity_tag
from runtime.package.errors import PackageError
from runtime.package.writing import pack
from runtime.settings import Settings

router = APIRouter(prefix="/v1", tags=["log"])


class PackageFile:
    """The package as it was when this process started, packed at the first request."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.package
        self._fingerprint = _fingerprint(settings.package)
        self._packing: asyncio.Task[tuple[bytes, str]] | None = None

    async def get(self) -> tuple[bytes, str]:
        """The zip, and its ETag. Raises Problem where the files are not those that this process counts by."""
        if self._packing is None:
            self._packing = asyncio.create_task(asyncio.to_thread(self._pack))
        try:
            return await asyncio.shield(self._packing)
        except Problem:
            self._packing = None  # the files may be put back
            raise

    def _pack(self) -> tuple[bytes, str]:
        try:
            data = pack(self._path)
            changed = _fingerprint(self._path) != self._fingerprint
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


def _fingerprint(path: Path) -> bytes:
    """Tells whether a file of the package has changed."""
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if file.is_file():
            content = file.read_bytes()
            digest.update(f"{file.name} {len(content)}\n".encode() + content)
    return digest.digest()


@router.get(
    "/package.zip",
    summary="The election package",
    response_class=Response,
    responses={
        200: {
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
            "description": "`election.json` and the tables as CSV (DESIGN 4)",
        },
        503: PROBLEM_RESPONSES[503],
    },
)
async def package(request: Request) -> Response:
    """Every event contains the definition hash of the package; `docs/audit.md` describes how the hash is computed."""
    files: PackageFile = request.app.state.package
    data, etag = await files.get()
    headers = {"ETag": etag, "Cache-Control": "public, max-age=60", "Accept-Ranges": "bytes"}
    return Response(data, media_type="application/zip", headers=headers)
