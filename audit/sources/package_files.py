"""The files of an election package, from a directory or a zip that anybody may have made: bounded before they are unpacked.

What the bounds are is the published description's (docs/audit.md); how they are kept is the auditor's own.
"""

from __future__ import annotations

import csv
import json
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILES_MAX = 1_000
ZIP_BYTES_MAX = 64 * 1024 * 1024
UNPACKED_BYTES_MAX = 256 * 1024 * 1024
RATIO_MAX = 64
RATIO_FREE_BYTES = 1024 * 1024
"""Size up to which a file may be packed as well as it can."""
ZIP_DIRECTORY_BYTES_MAX = 256 * 1024
JSON_BYTES_MAX = 256 * 1024
JSON_DEPTH_MAX = 32
ROWS_MAX = 3_000_000
LINE_BYTES_MAX = 256 * 1024
COLUMNS_MAX = 64
DIGITS_MAX = 15


class PackageError(Exception):
    """The package cannot be read; the sentence names the file and the line."""


def read_files(path: Path, wanted: frozenset[str]) -> dict[str, bytes]:
    """The wanted files that are there. Raises PackageError."""
    try:
        return _from_directory(path, wanted) if path.is_dir() else _from_zip(path, wanted)
    except OSError as error:
        raise PackageError(f"{path} cannot be read: {error.strerror}") from None


def _from_directory(directory: Path, wanted: frozenset[str]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    left = UNPACKED_BYTES_MAX
    for name in sorted(wanted):
        try:
            descriptor = os.open(directory / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise PackageError(f"{name}: is a link, or cannot be read ({error.strerror})") from None
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise PackageError(f"{name}: is not a regular file")
            files[name] = file.read(left + 1)
        left -= len(files[name])
        if left < 0:
            raise PackageError(f"{directory}: more than {UNPACKED_BYTES_MAX:,} bytes")
    return files


def _from_zip(path: Path, wanted: frozenset[str]) -> dict[str, bytes]:
    size = path.stat().st_size
    if not path.is_file() or size > ZIP_BYTES_MAX:
        raise PackageError(f"{path}: neither a directory nor a zip of at most {ZIP_BYTES_MAX:,} bytes")
    _look_at_the_end(path, size)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            found: dict[str, zipfile.ZipInfo] = {}
            for entry in entries:
                folder, _, name = entry.filename.rpartition("/")
                if name not in wanted or "/" in folder:
                    continue
                if name in found:
                    raise PackageError(f"{path}: {name} is there twice")
                found[name] = entry
                _look_at(path, entry)
            if sum(entry.file_size for entry in found.values()) > UNPACKED_BYTES_MAX:
                raise PackageError(f"{path}: more than {UNPACKED_BYTES_MAX:,} bytes unpacked")
            return {name: archive.read(entry) for name, entry in found.items()}
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise PackageError(f"{path}: not a zip that can be read ({type(error).__name__})") from None


def _look_at_the_end(path: Path, size: int) -> None:
    """Bound the list of files by the size that the end of the zip states, because each entry costs ten times its bytes once the
    list is read. Raises PackageError."""
    with path.open("rb") as file:
        file.seek(max(0, size - 65_557))
        end = file.read()
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or at + 22 > len(end):
        raise PackageError(f"{path}: neither a directory nor a zip")
    files, listed = int.from_bytes(end[at + 10 : at + 12], "little"), int.from_bytes(end[at + 12 : at + 16], "little")
    if files > FILES_MAX or listed > ZIP_DIRECTORY_BYTES_MAX:
        raise PackageError(f"{path}: lists {files:,} files in {listed:,} bytes, more than a package has")


def _look_at(path: Path, entry: zipfile.ZipInfo) -> None:
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        raise PackageError(f"{path}: {entry.filename} is a link and not a file")
    if entry.file_size > max(RATIO_FREE_BYTES, RATIO_MAX * entry.compress_size):
        raise PackageError(
            f"{path}: {entry.filename} unpacks to more than {RATIO_MAX} times its bytes, as no table does"
        )


def json_object(name: str, data: bytes) -> dict[str, Any]:
    """Raises PackageError."""
    if len(data) > JSON_BYTES_MAX:
        raise PackageError(f"{name}: more than {JSON_BYTES_MAX:,} bytes")
    depth = deepest = 0
    for byte in data:  # brackets in texts count too: a text that deep is not of an election either
        depth += (byte in b"{[") - (byte in b"}]")
        deepest = max(deepest, depth)
    if deepest > JSON_DEPTH_MAX:
        raise PackageError(f"{name}: nested {deepest:,} deep")
    try:
        value = json.loads(data.decode("utf-8-sig"), parse_int=_whole)
        json.dumps(value, ensure_ascii=False).encode()  # "\\ud800" is half of a character, which no text can hold
    except ValueError as error:
        raise PackageError(f"{name}: not JSON ({error})") from None
    if not isinstance(value, dict):
        raise PackageError(f"{name}: not an object")
    return value


def _whole(digits: str) -> int:
    if len(digits) > DIGITS_MAX:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def rows(name: str, data: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """(number, cells by column) of each row of a table, the first row below the names being number 2. Raises PackageError."""
    lines = data.count(b"\n") + data.count(b"\r")
    if lines > 2 * ROWS_MAX:
        raise PackageError(f"{name}: {lines:,} lines")
    try:
        reader = csv.reader(_lines(name, data), strict=True)
        header = next(reader, [])
        if len(header) > COLUMNS_MAX:
            raise PackageError(f"{name}: the first line names {len(header):,} columns")
        for number, cells in enumerate((each for each in reader if each), start=2):
            if len(cells) > len(header):
                raise PackageError(
                    f"{name}, row {number}: {len(cells):,} cells, but the first line names {len(header)}"
                )
            yield number, dict(zip(header, cells, strict=False))
    except csv.Error as error:
        raise PackageError(f"{name}: {error}") from None


def _lines(name: str, data: bytes) -> Iterator[str]:
    begin, end = 0, 0
    for number in range(1, 2 * ROWS_MAX):
        if begin >= len(data):
            return
        end = data.find(b"\n", begin) + 1 or len(data)
        if end - begin > LINE_BYTES_MAX:
            raise PackageError(f"{name}, line {number}: {end - begin:,} bytes")
        try:
            yield data[begin:end].decode("utf-8-sig" if begin == 0 else "utf-8")
        except UnicodeDecodeError:
            raise PackageError(f"{name}, line {number}: not UTF-8") from None
        begin = end
