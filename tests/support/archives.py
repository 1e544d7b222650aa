"""Archives as `rekap archive` writes them, for tests that read or damage one."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from rekap.archive.cut_writer import FILES, MANIFEST, SUMS
from rekap.operate.stack import Stack


class Ended(NamedTuple):
    code: int
    out: str
    err: str


async def started(stack: Stack | None, *arguments: str) -> asyncio.subprocess.Process:
    """`rekap` with the settings of a stack."""
    environment = {**os.environ, **({} if stack is None else stack.environment)}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "rekap", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(stack: Stack | None, *arguments: str) -> Ended:
    process = await started(stack, *arguments)
    out, err = await process.communicate()
    return Ended(process.returncode or 0, out.decode(), err.decode())


def listed(cut: Path) -> list[dict[str, Any]]:
    """The lines of files.ndjson."""
    return [orjson.loads(line) for line in (cut / FILES).read_bytes().splitlines()]


def list_again(cut: Path) -> None:
    """Make the lists of an archive name what its files are now, as who tampers with an archive would."""
    entries = listed(cut)
    for entry in entries:
        content = (cut / entry["name"]).read_bytes()
        entry |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    lines = b"".join(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE) for entry in entries)
    manifest = orjson.loads((cut / MANIFEST).read_bytes())
    manifest["files"] |= {"bytes": len(lines), "sha256": hashlib.sha256(lines).hexdigest()}
    _replace(cut / FILES, lines)
    _replace(cut / MANIFEST, orjson.dumps(manifest))
    names = [*(entry["name"] for entry in entries), FILES, MANIFEST]
    sums = "".join(f"{hashlib.sha256((cut / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    _replace(cut / SUMS, sums.encode())


def damage(file: Path) -> None:
    """Change one byte of a file, whatever its other names are."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    _replace(file, bytes(content))


def _replace(file: Path, content: bytes) -> None:
    file.unlink()
    file.write_bytes(content)
