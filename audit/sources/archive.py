"""Public files, kept: what a server gives is written to a directory first and read from there, so that a broken download
continues where it was, an audit can be repeated offline, and evidence does not vanish with the server.

    package.zip (or package/)   the election package
    pins.json                   keys of the logs, as first seen
    log/<partition>/            checkpoint, tiles and entry bundles, by their C2SP tlog-tiles paths
    published.ndjson            the snapshots that were compared: path and answer, one a line; published.half.ndjson while an
                                audit downloads them
    checked/                    how far records were checked, and their rows, as Parquet (made by the audit, not public)
"""

from __future__ import annotations

import errno
import ipaddress
import math
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import httpx

from audit.findings import AuditError

ATTEMPTS = 4
REFUSALS_MAX = 120
"""How often one file is asked for again because this address asks for much (429): ten minutes, at five seconds each."""
REFUSED_SECONDS_MAX = 60.0
WAIT_SECONDS = 0.5
"""Pause before the second attempt, in seconds; it doubles with each attempt."""
ANSWER_BYTES_MAX = 64 * 1024 * 1024
"""The largest files are packages of 8 MB and pages of 2,000 stations; a bundle of 256 records has at most 17 MB."""
READ_SECONDS_MAX = 60.0
ANSWER_SECONDS_MAX = 300.0
"""Seconds for one whole answer. A server that sends a byte a minute cannot be audited."""


class Server:
    """A Rekap server, or any web server with the same files."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        try:
            host = httpx.URL(url).host
            self._client = httpx.Client(
                timeout=READ_SECONDS_MAX,
                limits=httpx.Limits(max_connections=16),
                # Nothing packed: a megabyte can unpack to a gigabyte before it is counted.
                headers={"Accept-Encoding": "identity"},
                trust_env=not _is_this_machine(host),  # no proxy on the way to oneself
            )
        except (httpx.InvalidURL, ImportError, ValueError, OSError) as error:
            raise AuditError(f"{url} cannot be asked: {error}") from None
        if not host:
            raise AuditError(f"{url!r} names no host")

    def get(self, path: str) -> bytes | None:
        """The answer, or None for 404. Raises AuditError after several attempts."""
        wait, problem = WAIT_SECONDS, ""
        attempts = refusals = 0
        while attempts < ATTEMPTS and refusals < REFUSALS_MAX:
            if attempts:
                time.sleep(wait)
                wait *= 2
            try:
                with self._client.stream("GET", f"{self.url}/{path}") as answer:
                    status = answer.status_code
                    if status == 200:
                        return _read_bounded(answer, path)
                    if status == 429:  # the file is there, and this address has asked for much
                        refusals += 1
                        problem = "status 429, again and again"
                        time.sleep(_retry_after(answer))
                        continue
            except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
                problem = _in_words(error)
                attempts += 1
                continue
            if status == 404:
                return None
            problem = f"status {status}"
            attempts += 1
            if status < 500:
                break
        raise AuditError(f"{self.url}/{path} cannot be had: {problem}")

    def close(self) -> None:
        self._client.close()


def _in_words(error: Exception) -> str:
    """What an error of httpx means. Its own text is that of three libraries."""
    match error:
        case httpx.ConnectTimeout():
            return "no server accepted the connection in time"
        case httpx.TimeoutException():
            return "the answer stopped coming"
        case httpx.ProxyError():
            return "the proxy that the environment names does not let it through"
        case httpx.ConnectError() if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return "its TLS certificate is not to be trusted"
        case httpx.ConnectError() if "SSL" in str(error):
            return "TLS cannot be begun there; is it http:// and not https://?"
        case httpx.ConnectError():
            return f"no server answers there ({_of_the_system(error)})"
        case httpx.RemoteProtocolError():
            return "what answers there is not HTTP, or broke off"
        case _:
            return f"the connection broke ({type(error).__name__})"


def _of_the_system(error: BaseException) -> str:
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, socket.gaierror):
            return "its host name is not known"
        if isinstance(below, OSError) and below.errno is not None:
            return os.strerror(below.errno).lower()
        below = below.__cause__ or below.__context__
    return "the connection failed"


def _retry_after(answer: httpx.Response) -> float:
    header = answer.headers.get("retry-after", "")
    return min(float(header), REFUSED_SECONDS_MAX) if header.isascii() and header.isdigit() else WAIT_SECONDS


def _read_bounded(answer: httpx.Response, path: str) -> bytes:
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise AuditError(f"{path} came packed, which was not asked for")
    parts, size = [], 0
    ends = time.monotonic() + ANSWER_SECONDS_MAX
    for part in answer.iter_raw():
        parts.append(part)
        size += len(part)
        if size > ANSWER_BYTES_MAX:
            raise AuditError(f"{path} has more than {ANSWER_BYTES_MAX:,} bytes")
        if time.monotonic() > ends:
            raise AuditError(f"{path} did not come whole within {ANSWER_SECONDS_MAX:.0f} s")
    return b"".join(parts)


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Archive:
    """A directory of public files, filled from a server where there is one."""

    def __init__(self, directory: Path, server: Server | None, *, is_fixed: bool = False) -> None:
        self.directory = directory
        self.is_fixed = is_fixed
        """Whether nothing is written into the directory (audit/sources/written_archive.py)."""
        self._server = server
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def is_live(self) -> bool:
        return self._server is not None

    def kept(self, path: str) -> bytes | None:
        """The file as it is in the directory."""
        try:
            with self.opened(path) as file:
                data = file.read(ANSWER_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise AuditError(f"{self.directory / path} cannot be read: {error.strerror}") from None
        if len(data) > ANSWER_BYTES_MAX:
            raise AuditError(f"{self.directory / path} has more than {ANSWER_BYTES_MAX:,} bytes")
        return data

    def immutable(self, path: str) -> bytes | None:
        """A file that never changes: from the directory, else from the server. None where neither has it."""
        data = self.kept(path)
        if data is None and self._server is not None:
            data = self._server.get(path)
            if data is not None:
                self.keep(path, data)
        return data

    def newest(self, path: str) -> bytes | None:
        """A file that changes: from the server where there is one. It is not written: see `keep`."""
        return self._server.get(path) if self._server is not None else self.kept(path)

    def has(self, path: str) -> bool:
        """Whether an immutable file is in the directory, or could be fetched into it now."""
        return self.path_of(path).is_file() or (self._server is not None and self.immutable(path) is not None)

    # ── files of lines, which grow to gigabytes ──────────────────────────────────────────────────────────────────────

    def lines(self, path: str) -> Iterator[tuple[int, bytes]]:
        """Lines of a file, bounded as an answer is, each with the offset at which it begins."""
        begin = 0
        try:
            with self.opened(path) as file:
                while line := self._line(file, path):
                    yield begin, line
                    begin += len(line)
        except FileNotFoundError:
            return
        except OSError as error:
            raise AuditError(f"{self.directory / path} cannot be read: {error.strerror}") from None

    def line_at(self, path: str, begin: int) -> bytes:
        """The line that begins there."""
        try:
            with self.opened(path) as file:
                file.seek(begin)
                return self._line(file, path)
        except OSError as error:
            raise AuditError(f"{self.directory / path} cannot be read: {error.strerror}") from None

    def _line(self, file: BinaryIO, path: str) -> bytes:
        line = file.readline(ANSWER_BYTES_MAX + 1)
        if len(line) > ANSWER_BYTES_MAX:
            raise AuditError(f"{self.directory / path} has a line of more than {ANSWER_BYTES_MAX:,} bytes")
        return line

    def append(self, path: str, line: bytes) -> int:
        """Add a line to a file; gives where it begins."""
        if len(line) > ANSWER_BYTES_MAX:
            raise AuditError(f"{path}: a line of {len(line):,} bytes, at most {ANSWER_BYTES_MAX:,} can be read again")
        with self.path_of(path).open("ab") as file:
            begin = file.tell()
            file.write(line)
        return begin

    def cut(self, path: str, size: int) -> None:
        """Leave the first `size` bytes of a file, where there is one."""
        with suppress(FileNotFoundError):
            os.truncate(self.path_of(path), size)

    def age(self, path: str) -> float:
        """Seconds since a file was last written; infinite where there is none."""
        try:
            return time.time() - self.path_of(path).stat().st_mtime
        except FileNotFoundError:
            return math.inf

    def rename(self, path: str, new: str) -> None:
        self.path_of(path).rename(self.path_of(new))

    def remove(self, path: str) -> None:
        self.path_of(path).unlink(missing_ok=True)

    def opened(self, path: str) -> BinaryIO:
        """A file of the directory. The maker of an archive may have put a link there in place of a file, a pipe, which would be
        waited for without end, or a device that has no end. Raises AuditError where it is none of the archive's own files, and
        OSError."""
        parts = self.path_of(path).relative_to(self.directory).parts
        if not parts:
            raise AuditError(f"{path!r} is not the name of a file of the archive")
        *folders, name = parts
        below = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for folder in folders:
                outer, below = below, os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=below)
                os.close(outer)
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=below)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
                raise
            raise AuditError(f"{self.directory / path} is a link or no file; an archive holds files") from None
        finally:
            os.close(below)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise AuditError(f"{self.directory / path} is not a regular file")
        return os.fdopen(descriptor, "rb")

    def path_of(self, path: str) -> Path:
        """Path of a file below the directory: the path may be made of what the server answered."""
        if path.startswith("/") or ".." in PurePosixPath(path).parts or "\0" in path:
            raise AuditError(f"{path!r} leads out of the archive")
        return self.directory / path

    def keep(self, path: str, data: bytes) -> None:
        """Write a file whole or not at all, unless the directory is fixed."""
        if self.is_fixed:
            return
        file = self.path_of(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        half = file.with_name(f".{file.name}.{os.getpid()}.half")
        half.write_bytes(data)
        half.rename(file)
