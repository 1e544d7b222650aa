"""Bulk files: their catalogue, and each file of each cut, which never changes."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request, Response

from api.answers.file_response import WholeFile, length_of, opened
from api.described import BYTES, described_as, problem_answers
from api.files.cut_files import CUT_PATTERN, NAME_PATTERN, Cut, CutFiles
from api.problems import Problem
from projections.tables.manifest import MANIFEST
from runtime.files.files_below import descriptor_below
from schemas.canonical import sha256_hex
from schemas.served.files import FileCatalogue

router = APIRouter(prefix="/v1/files", tags=["files"])

LATEST_CUT = "latest"
IMMUTABLE = "public, max-age=31536000, immutable"
_FILE = described_as(
    "The file, with its SHA-256 in `Repr-Digest` (RFC 9530).", {"application/octet-stream": BYTES}, (404, 503)
)
Name = Annotated[str, Path(pattern=NAME_PATTERN, description="`name` of a file in the catalogue, or manifest.json")]


def _of(request: Request) -> CutFiles:
    files: CutFiles = request.app.state.files
    return files


@router.get("", summary="Bulk files", responses={200: {"model": FileCatalogue}, **problem_answers(503)})
async def files(request: Request) -> Response:
    """The newest cut with all its files, and the other cuts that are there. The files of a cut never change: ask here which cut
    is the newest, and take the files from any cache."""
    cut = await _of(request).newest()
    manifest = cut.manifest
    head = {name: value for name, value in manifest.items() if name not in ("made_by", "manifest_version")}
    names = await _of(request).names()
    answer = {
        **head,
        "cut": cut.name,
        "manifest": _url(cut.name, MANIFEST),
        "files": [{**entry, "url": _url(cut.name, entry["name"])} for entry in manifest["files"]],
        "documents": [{**entry, "url": _url(cut.name, entry["name"])} for entry in manifest["documents"]],
        "cuts": [{"cut": name, "manifest": _url(name, MANIFEST)} for name in names],
    }
    return Response(orjson.dumps(answer), media_type="application/json")


@router.get("/{cut}/{name}", summary="A file of a cut", response_class=Response, responses=_FILE)
async def file(
    request: Request,
    cut: Annotated[
        str, Path(pattern=rf"{CUT_PATTERN}|^{LATEST_CUT}$", description="a cut of the catalogue, or `latest`")
    ],
    name: Name,
) -> Response:
    """The whole file or a range of it. A file of a cut never changes. `latest` answers with the file of the newest cut, whose
    own address is in `Content-Location`; ask with `If-None-Match` whether there is another."""
    files = _of(request)
    found = await (files.newest() if cut == LATEST_CUT else files.cut(cut))
    entry = _entry(found, name)
    if name == MANIFEST:
        body: io.BytesIO | io.FileIO = io.BytesIO(found.manifest_bytes)
        length = len(found.manifest_bytes)
    else:
        try:
            body = await opened(request, partial(descriptor_below, files.directory, files.path_of(found, name)))
            length = length_of(body)
        except FileNotFoundError:
            raise _gone(found.name) from None
    digest = f"sha-256=:{base64.b64encode(bytes.fromhex(entry['sha256'])).decode()}:"
    shown_name = f"{found.manifest['election']}-{found.name}-{name}"
    headers = {
        "ETag": f'"{entry["sha256"][:32]}"',
        "Repr-Digest": digest,
        "Content-Digest": digest,
        "Content-Disposition": f'attachment; filename="{shown_name}"',
        "X-Content-Type-Options": "nosniff",
        **(
            {"Cache-Control": "no-cache", "Content-Location": _url(found.name, name)}
            if cut == LATEST_CUT
            else {"Cache-Control": IMMUTABLE}
        ),
    }
    return WholeFile(body, length, entry["media_type"], headers)


def _entry(cut: Cut, name: str) -> Mapping[str, Any]:
    if name == MANIFEST:
        return {"sha256": sha256_hex(cut.manifest_bytes), "media_type": "application/json"}
    if name not in cut.files:
        raise Problem(
            404, "No such file", f"The cut {cut.name} has no file {name!r}; GET /v1/files lists them.", field="name"
        )
    return cut.files[name]


def _gone(cut: str) -> Problem:
    return Problem(
        404, "No such cut", f"The cut {cut!r} has been deleted; GET /v1/files lists those that are there.", field="cut"
    )


def _url(cut: str, name: str) -> str:
    return f"/v1/files/{cut}/{name}"
