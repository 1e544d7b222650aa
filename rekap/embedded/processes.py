"""Child processes on a leash: started, copied to the terminal, restarted, stopped in order, never left behind.

The leash is a few lines run between fork and exec (`_exec_on_leash`): the child gets a process group of its own, so
that Ctrl-C reaches the supervisor alone, and on Linux a parent-death signal, so that even `kill -9` of the supervisor
ends it. Other systems have no such signal: there a killed supervisor leaves its children running.

The errors of this package:

    EmbeddedError
    ├── DataDirectoryInUseError    another process holds the directory
    ├── ToolMissingError           Java, Maven or the PostgreSQL binaries are not there
    ├── StartError                 the part was started and did not come up
    └── NotReadyError              a supervised process did not become ready in time
"""

from __future__ import annotations

import asyncio
import fcntl
import inspect
import os
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol, TextIO

from rekap.errors import NotReachedError
from schemas.texts import shown

STOP_DEADLINE_S = 10.0  # SIGTERM to SIGKILL. At half a slow commit is cut off; at double Ctrl-C feels broken.
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 15.0
BACKOFF_RESET_AFTER_S = 60.0  # a child that lived this long has earned a quick restart
READY_DEADLINE_S = 60.0
PROBE_INTERVAL_S = 0.1
LINE_BYTES_MAX = 65_536  # a longer line is shown in pieces
LOG_BYTES_MAX = 10_000_000  # a larger log file is put aside (".1") at the next start, the one before it dropped
LINES_REMEMBERED = 20  # per child, for the sentence that says why it is not ready


class EmbeddedError(NotReachedError):
    """Something about the embedded parts that the operator can mend; the message says how."""


class DataDirectoryInUseError(EmbeddedError):
    pass


class ToolMissingError(EmbeddedError):
    pass


class StartError(EmbeddedError):
    pass


class NotReadyError(EmbeddedError):
    pass


# ── One directory, one owner ─────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def hold_data_directory(data_directory: Path) -> Iterator[None]:
    """Own the directory until the end of the block, or raise DataDirectoryInUseError.

    The kernel drops the lock with the process, however it ends, so there is no stale lock to remove. The file stays:
    to unlink it would let two processes lock two files of one name.
    """
    try:
        data_directory.mkdir(parents=True, exist_ok=True)
        # Not inherited by children (PEP 446): a lock held by a dying worker would refuse the next start.
        descriptor = os.open(data_directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EmbeddedError(
            f"{data_directory} cannot be a data directory ({error}): choose one that you may create and write to."
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise DataDirectoryInUseError(
                f"{data_directory} is in use by process {owner}: stop that one first (Ctrl-C in its terminal), "
                "or choose another data directory."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


# ── The leash ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class RunAs:
    """The unprivileged user a child becomes when we are root (PostgreSQL refuses to run as root).

    With `read_search` the child keeps one capability, to pass directories that only root may enter, such as a virtual
    environment or data directory under /root. The alternative is to open those directories to everybody.
    """

    user_id: int
    group_id: int
    read_search: bool = False


def _exec_on_leash(arguments: list[str]) -> None:
    """Become the command. Runs in a fresh interpreter (`python -c`), from this function's source, hence the imports.

    Not a `preexec_fn`: that runs Python between fork and exec of a process with threads, which may deadlock and which
    Python 3.12 warns about. `arguments`: parent, death signal, user, group (-1: stay who we are), read_search, command.
    """
    import ctypes
    import os
    import sys

    parent, death_signal, user, group, read_search = (int(text) for text in arguments[:5])
    command = arguments[5:]
    os.setpgid(0, 0)
    linux = sys.platform == "linux"
    libc = ctypes.CDLL(None, use_errno=True)

    def prctl(option: int, value: int, third: int = 0) -> None:
        number = ctypes.c_ulong
        if libc.prctl(option, number(value), number(third), number(0), number(0)) != 0:
            raise OSError(ctypes.get_errno(), f"prctl({option}, {value})")

    try:
        if user >= 0:
            if read_search and linux:
                # SECBIT_NO_SETUID_FIXUP: capabilities outlive setuid, and access(2), which PostgreSQL asks, heeds them.
                prctl(28, 1 << 2)
            os.setgroups([group])
            os.setgid(group)
            os.setuid(user)
            if read_search and linux:
                header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
                held = (ctypes.c_uint32 * 6)()
                libc.capget(header, held)
                # CAP_DAC_READ_SEARCH (2) if we have it; else CAP_DAC_OVERRIDE (1), all that Docker gives by default.
                kept = 2 if held[1] & (1 << 2) else 1
                only = (ctypes.c_uint32 * 6)(*([1 << kept] * 3))
                if libc.capset(header, only) != 0:
                    raise OSError(ctypes.get_errno(), "capset")
                prctl(47, 2, kept)  # PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE: exec keeps this capability, and no other
        if linux:
            prctl(1, death_signal)  # PR_SET_PDEATHSIG, after setuid, which would clear it
            if os.getppid() != parent:  # the parent died before the line above: nobody is left to signal us
                os._exit(1)
        os.execvp(command[0], command)
    except OSError as error:
        print(f"cannot start {command[0]}: {error}", file=sys.stderr)
        os._exit(127)


_LEASH = inspect.getsource(_exec_on_leash) + "\nimport sys\n_exec_on_leash(sys.argv[1:])\n"


class LeashedProcess:
    """One operating system process at a time, in a group of its own, that cannot outlive us.

    To be started from the thread that lives longest, in practice the event loop's in the main thread: the kernel sends
    the death signal when the *thread* that forked ends.
    """

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._spawning = asyncio.Lock()  # a stop that arrives during a spawn waits, and then finds what to stop

    @property
    def process_id(self) -> int | None:
        """None unless it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def exit_code(self) -> int | None:
        """Exit code of the last run; minus the signal that ended it. None while it runs, or never has."""
        return self._process.returncode if self._process is not None else None

    async def spawn(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        output: int | IO[bytes],
        death_signal: signal.Signals = signal.SIGKILL,
        run_as: RunAs | None = None,
    ) -> None:
        """Start it, with standard output and error together going to `output`."""
        assert self.process_id is None, f"already running: {self.process_id}"
        user = (run_as.user_id, run_as.group_id, int(run_as.read_search)) if run_as else (-1, -1, 0)
        leash = [sys.executable, "-I", "-S", "-c", _LEASH, *map(str, (os.getpid(), int(death_signal), *user))]

        async def create() -> None:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *leash,
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=asyncio.subprocess.STDOUT,
                    env=None if environment is None else dict(environment),
                    cwd=directory,
                )
            finally:
                self._spawning.release()

        await self._spawning.acquire()
        # Shielded: cancelled halfway, the process would run and nobody would know its number.
        await asyncio.shield(asyncio.create_task(create()))

    async def wait(self) -> int:
        """Its exit code, or minus the signal that ended it. What it started and left in its group ends with it."""
        process = self._process
        assert process is not None, "not started"
        if process.returncode is None:
            await process.wait()
            # Only right after the end: a number that has been free for long may name somebody else's group.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        assert process.returncode is not None
        return process.returncode

    async def stop(
        self,
        *,
        signals: Sequence[signal.Signals] = (signal.SIGTERM,),
        deadline_s: float = STOP_DEADLINE_S,
    ) -> None:
        """Send the signals one after the other, each with the deadline to take effect; then SIGKILL to the group."""
        async with self._spawning:
            process = self._process
        if process is None or process.returncode is not None:
            return
        for polite in signals:
            self._signal(polite)
            self.signal_group(signal.SIGCONT)  # a paused process would sit on the signal
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline_s):
                    await self.wait()
                return
        await self.kill()

    async def kill(self) -> None:
        """SIGKILL to the process and its group; returns when it is gone."""
        async with self._spawning:
            process = self._process
        if process is None or process.returncode is not None:
            return
        self.signal_group(signal.SIGKILL)
        self._signal(signal.SIGKILL)  # when it was too young to have a group of its own
        await self.wait()

    def _signal(self, which: signal.Signals) -> None:
        """By process id: `asyncio.subprocess.Process.send_signal` polls first, and where that reaps the child, asyncio finds
        nobody to wait for and makes its exit code 255. The id cannot be another's while asyncio has not reaped the child."""
        if (process_id := self.process_id) is not None:
            with suppress(ProcessLookupError):
                os.kill(process_id, which)

    def signal_group(self, which: signal.Signals) -> None:
        if (process_id := self.process_id) is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process_id, which)


async def run_to_end(
    command: Sequence[str],
    *,
    deadline_s: float,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    run_as: RunAs | None = None,
) -> tuple[int, str]:
    """Exit code and last lines of a command that should end by itself; past the deadline it is killed (code -9)."""
    leashed = LeashedProcess()
    with tempfile.NamedTemporaryFile(prefix="rekap-") as output:
        await leashed.spawn(command, environment=environment, directory=directory, output=output.file, run_as=run_as)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline_s):
                    await leashed.wait()
        finally:
            await leashed.kill()
        return await leashed.wait(), last_lines(Path(output.name))


# ── What is supervised ───────────────────────────────────────────────────────────────────────────────────────────────


class Service(Protocol):
    """What a supervisor keeps alive: EmbeddedKafka, EmbeddedPostgres, ChildProcess."""

    @property
    def process_id(self) -> int | None: ...

    async def start(self) -> str:
        """Return when it is ready (or, for a child process, has ended before): where to reach it, or nothing."""

    async def wait(self) -> int: ...

    async def stop(self) -> None: ...

    async def kill(self) -> None: ...

    def signal_group(self, which: signal.Signals) -> None: ...


Readiness = str | Callable[[], Awaitable[bool]] | None
"""How a child shows that it is ready: words in a line of its output, a probe that says yes, or (None) by its start."""


class ChildProcess:
    """A command as a Service: its output goes, line by line, to `write`."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        ready: Readiness = None,
        stop_deadline_s: float = STOP_DEADLINE_S,
        write: Callable[[bytes], None],
    ) -> None:
        self._command = list(command)
        self._environment = environment
        self._ready = ready
        self._stop_deadline_s = stop_deadline_s
        self._write = write
        self._leashed = LeashedProcess()
        self._copying: asyncio.Task[None] | None = None

    @property
    def process_id(self) -> int | None:
        return self._leashed.process_id

    async def start(self) -> str:
        ready = asyncio.Event()
        # A pipe of our own: with asyncio's, `wait` would wait for everyone who has inherited it.
        ours, theirs = os.pipe()
        try:
            await self._leashed.spawn(self._command, environment=self._environment, output=theirs)
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        self._copying = asyncio.create_task(self._copy(os.fdopen(ours, "rb", buffering=0), ready))
        waiting: list[asyncio.Task[object]] = [
            asyncio.create_task(self._leashed.wait()),
            asyncio.create_task(self._become_ready(ready)),
        ]
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # a probe with a bug says so
        finally:
            for task in waiting:
                task.cancel()
        return ""

    async def wait(self) -> int:
        code = await self._leashed.wait()
        if self._copying is not None:
            # The last words, but not for ever: a grandchild may hold the pipe open.
            await asyncio.wait([self._copying], timeout=1.0)
            self._copying.cancel()
        return code

    async def stop(self) -> None:
        await self._leashed.stop(deadline_s=self._stop_deadline_s)

    async def kill(self) -> None:
        await self._leashed.kill()

    def signal_group(self, which: signal.Signals) -> None:
        self._leashed.signal_group(which)

    async def _copy(self, pipe: IO[bytes], ready: asyncio.Event) -> None:
        words = self._ready.encode() if isinstance(self._ready, str) else None
        output = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), pipe)
        try:
            async for line in _lines(output):
                self._write(line)
                if words is not None and words in line:
                    ready.set()
        finally:
            transport.close()

    async def _become_ready(self, ready: asyncio.Event) -> None:
        if isinstance(self._ready, str):
            await ready.wait()
        elif self._ready is not None:
            while True:
                with suppress(OSError):  # nobody listens yet
                    if await self._ready():
                        return
                await asyncio.sleep(PROBE_INTERVAL_S)


async def _lines(output: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Lines without their end. Not `readline`, which raises at a line longer than its limit."""
    rest = b""
    while chunk := await output.read(LINE_BYTES_MAX):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r")
        if len(rest) >= LINE_BYTES_MAX:
            yield rest
            rest = b""
    if rest:
        yield rest


# ── The supervisor ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Kept:
    """One supervised service. Owned by the supervisor's event loop; `keeper` is the only one that starts it again."""

    service: Service
    wanted: bool = True
    hurry: asyncio.Event = field(default_factory=asyncio.Event)  # cuts the backoff short: restart now, or stop now
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=LINES_REMEMBERED))
    keeper: asyncio.Task[None] | None = None
    log: IO[bytes] | None = None

    async def become_ready(self) -> None:
        """Wait until it is; a keeper that failed (a probe with a bug) says so here."""
        ready = asyncio.create_task(self.ready.wait())
        try:
            await asyncio.wait({ready, self.keeper} if self.keeper else {ready}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if self.keeper is not None and self.keeper.done():
            self.keeper.result()


class Supervisor:
    """Keeps named services alive until told to stop.

    Output goes to the terminal behind the name, or, with a log directory, to `<name>.log` there; what the supervisor
    itself has to say always goes to the terminal.
    """

    def __init__(
        self,
        *,
        log_directory: Path | None = None,
        terminal: TextIO | None = None,
        name_width: int = 10,
        stop_deadline_s: float = STOP_DEADLINE_S,
    ) -> None:
        self._log_directory = log_directory
        self._terminal = terminal if terminal is not None else sys.stdout
        self._name_width = name_width
        self._stop_deadline_s = stop_deadline_s
        self._kept: dict[str, _Kept] = {}

    async def adopt(self, name: str, service: Service) -> str:
        """Start a service, return what its `start` returns, and keep it alive from then on.

        A failure of this first start is raised: what never worked is for the operator to see, not to be retried.
        """
        kept = self._add(name, service)
        try:
            address = await service.start()
        except BaseException:
            self._kept.pop(name, None)
            raise
        kept.ready.set()
        kept.keeper = asyncio.create_task(self._keep(name, kept, started=True), name=f"keeper of {name}")
        return address

    def run(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        ready: Readiness = None,
    ) -> None:
        """Start a command and keep it alive. Returns at once: `wait_ready` waits."""
        last_lines: deque[str] = deque(maxlen=LINES_REMEMBERED)
        log = None if self._log_directory is None else open_log(self._log_directory / f"{name}.log")

        def write(line: bytes) -> None:
            text = line.decode("utf-8", "replace")
            last_lines.append(text)
            if log is None:
                self.say(name, text)
            else:
                with suppress(OSError):  # a full disk must not end a child that could go on counting
                    log.write(line + b"\n")

        child = ChildProcess(
            command, environment=environment, ready=ready, stop_deadline_s=self._stop_deadline_s, write=write
        )
        kept = self._add(name, child)
        kept.last_lines, kept.log = last_lines, log
        kept.keeper = asyncio.create_task(self._keep(name, kept, started=False), name=f"keeper of {name}")

    def say(self, name: str, text: str) -> None:
        """One line to the terminal, behind a name."""
        with suppress(OSError, ValueError):  # the terminal may be gone; that is no reason to stop counting
            self._terminal.write(f"{name:<{self._name_width}} | {shown(text)}\n")
            self._terminal.flush()

    async def wait_ready(self, *names: str, deadline_s: float = READY_DEADLINE_S) -> None:
        """Return when these services, or all, are ready."""
        names = names or tuple(self._kept)
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                for name in names:
                    await self._kept[name].become_ready()
            return
        late = next(name for name in names if not self._kept[name].ready.is_set())
        said = "\n".join(f"  {line}" for line in self._kept[late].last_lines) or "  (nothing)"
        raise NotReadyError(f"{late}: expected to be ready within {deadline_s:g} s, and is not. It said last:\n{said}")

    def process_id(self, name: str) -> int | None:
        """None between an end and the next start."""
        return self._kept[name].service.process_id

    def pause(self, name: str) -> None:
        """SIGSTOP, to all of its process group (of PostgreSQL the postmaster alone: its backends leave the group)."""
        self._kept[name].service.signal_group(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        self._kept[name].service.signal_group(signal.SIGCONT)

    async def kill(self, name: str) -> None:
        """SIGKILL, as an accident would: it is restarted after the backoff like after any other end."""
        kept = self._kept[name]
        kept.ready.clear()
        await kept.service.kill()

    async def restart(self, name: str) -> None:
        """Stop it in order and start it again at once; `wait_ready` waits until it is back."""
        kept = self._kept[name]
        kept.ready.clear()
        running = kept.service.process_id is not None
        kept.hurry.set()
        if running:  # otherwise the keeper is in its backoff, or starting it just now
            await kept.service.stop()

    async def stop(self, *names: str) -> None:
        """Stop these services in this order, or all in reverse order of their start."""
        bugs: list[BaseException] = []
        for name in names or tuple(reversed(self._kept)):
            kept = self._kept[name]
            kept.wanted = False
            kept.hurry.set()
            kept.ready.clear()
            await kept.service.stop()
            keeper = kept.keeper
            while keeper is not None and not keeper.done():  # again and again: it may be about to start the service
                await asyncio.wait([keeper], timeout=0.1)
                await kept.service.stop()
            if kept.log is not None:
                kept.log.close()
            self._kept.pop(name, None)
            if keeper is not None and (bug := keeper.exception()) is not None:
                bugs.append(bug)
        if bugs:  # after all have been stopped
            raise bugs[0]

    def _add(self, name: str, service: Service) -> _Kept:
        assert name not in self._kept, f"two services named {name}"
        self._name_width = max(self._name_width, len(name))
        kept = self._kept[name] = _Kept(service)
        return kept

    async def _keep(self, name: str, kept: _Kept, *, started: bool) -> None:
        """Start, wait for the end, back off, again; until it is not wanted any more."""
        backoff_s = BACKOFF_FIRST_S
        while kept.wanted:
            began = time.monotonic()
            try:
                if not started:
                    kept.hurry.clear()
                    await kept.service.start()
                    if kept.service.process_id is not None:
                        kept.ready.set()
                started = False
                how = describe_end(await kept.service.wait())
            except (EmbeddedError, OSError) as error:
                how = f"did not start: {error}"
            kept.ready.clear()
            lived_s = time.monotonic() - began
            if kept.hurry.is_set():  # restart() or stop(): asked for, nothing to report
                backoff_s = BACKOFF_FIRST_S
                continue
            if lived_s >= BACKOFF_RESET_AFTER_S:
                backoff_s = BACKOFF_FIRST_S
            self.say(name, f"-- {how} after {lived_s:.1f} s; starting again in {backoff_s:g} s")
            with suppress(TimeoutError):
                async with asyncio.timeout(backoff_s):
                    await kept.hurry.wait()
            backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)


def told_to_stop() -> asyncio.Future[signal.Signals]:
    """From this call on, Ctrl-C, SIGTERM or the terminal's end do no more than complete the future.

    Also the second and third Ctrl-C: a stop in order has deadlines of its own and is not cut short.
    """
    told: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()

    def tell(which: signal.Signals) -> None:
        if not told.done():
            told.set_result(which)

    for which in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(which) is not signal.SIG_IGN:  # `nohup rekap up` outlives its terminal
            asyncio.get_running_loop().add_signal_handler(which, tell, which)
    return told


def describe_end(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    with suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


# ── Log files ────────────────────────────────────────────────────────────────────────────────────────────────────────


def open_log(path: Path) -> IO[bytes]:
    """Open for appending, unbuffered; a file grown too large is put aside first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab", buffering=0)


def last_lines(path: Path, *, since: int = 0, count: int = LINES_REMEMBERED) -> str:
    """The end of a log file, indented for an error message; only what was written after byte `since`."""
    try:
        with path.open("rb") as log:
            log.seek(max(since, path.stat().st_size - LINE_BYTES_MAX))
            lines = log.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        lines = []
    return "\n".join(f"  {line}" for line in lines[-count:]) or "  (nothing)"
