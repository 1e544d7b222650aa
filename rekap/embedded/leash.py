"""A child process on a leash: started in a group of its own, stopped in order, and ended with its parent.

The leash is code that runs between fork and exec (`_exec_on_leash`). The child gets a process group of its own, so that Ctrl-C
reaches the supervisor alone, and on Linux a parent-death signal, so that even `kill -9` of the supervisor ends the child. Other
systems do not have this signal: a supervisor that is killed on them leaves its children running.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rekap.embedded.log_files import last_lines

STOP_DEADLINE_S = 10.0  # SIGTERM to SIGKILL. At half a slow commit is cut off; at double Ctrl-C feels broken.


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
    """Become the command. A fresh interpreter (`python -c`) runs the source of this function, so it has its own imports.

    A `preexec_fn` is not used, because it runs Python between fork and exec of a process with threads, which may deadlock and
    for which Python 3.12 warns. `arguments`: parent, death signal, user and group (-1: unchanged), read_search, command.
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
            if os.getppid() != parent:  # the parent ended before the line above, so the signal would not come
                os._exit(1)
        os.execvp(command[0], command)
    except OSError as error:
        print(f"cannot start {command[0]}: {error}", file=sys.stderr)
        os._exit(127)


_LEASH = inspect.getsource(_exec_on_leash) + "\nimport sys\n_exec_on_leash(sys.argv[1:])\n"


class LeashedProcess:
    """One operating system process at a time, in a group of its own, that cannot outlive us.

    Start it from the thread that lives longest, the main thread with the event loop, because the kernel sends the death signal
    when the *thread* that forked ends.
    """

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._spawning = asyncio.Lock()  # a stop during a spawn waits until the process exists

    @property
    def process_id(self) -> int | None:
        """None if no process runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def exit_code(self) -> int | None:
        """Exit code of the last process, or minus the signal that ended it. None while it runs, or if none was started."""
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
        """Start a process whose standard output and error are both written to `output`."""
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
        # Shielded, because a cancellation before the end would leave a process whose id we do not know.
        await asyncio.shield(asyncio.create_task(create()))

    async def wait(self) -> int:
        """Wait for the exit code, or minus the signal that ended the process. Other processes of its group are killed then."""
        process = self._process
        assert process is not None, "not started"
        if process.returncode is None:
            await process.wait()
            # Only right after the end, because a number that is free may name another group later.
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
        """Send the signals one after the other and wait up to `deadline_s` after each; then send SIGKILL to the group."""
        async with self._spawning:
            process = self._process
        if process is None or process.returncode is not None:
            return
        for polite in signals:
            self._signal(polite)
            self.signal_group(signal.SIGCONT)  # a paused process does not handle the signal
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline_s):
                    await self.wait()
                return
        await self.kill()

    async def kill(self) -> None:
        """Send SIGKILL to the process and its group, and wait for its end."""
        async with self._spawning:
            process = self._process
        if process is None or process.returncode is not None:
            return
        self.signal_group(signal.SIGKILL)
        self._signal(signal.SIGKILL)  # for a process that does not have its own group yet
        await self.wait()

    def _signal(self, which: signal.Signals) -> None:
        """Signal by process id. `asyncio.subprocess.Process.send_signal` polls first, and if that reaps the child, asyncio
        cannot wait for it and gives the exit code 255. The id names no other process while asyncio has not reaped the child."""
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
    """Exit code and last lines of a command that should end by itself. After the deadline it is killed (code -9)."""
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
