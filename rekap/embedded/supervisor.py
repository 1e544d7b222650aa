"""The supervisor: it starts named services, writes their output to the terminal or to files, and restarts those that end."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from rekap.embedded.child import ChildProcess, Readiness, Service
from rekap.embedded.errors import DataDirectoryError, EmbeddedError, NotReadyError
from rekap.embedded.leash import STOP_DEADLINE_S
from rekap.embedded.log_files import LINES_REMEMBERED, BoundedLogFile
from runtime.error_words import in_words
from schemas.texts import shown

BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 15.0
BACKOFF_RESET_AFTER_S = 60.0  # after a run of this length, the next restart is quick again
READY_DEADLINE_S = 180.0
"""Longest wait for services to be ready. At a third, a stack on two cores that 40 other processes wanted was taken for a
failure. A service that ends is started again and named on the terminal meanwhile."""
WAITING_LINE_S = 15.0
"""How often the terminal names the service that is waited for."""


@dataclass(slots=True)
class _Kept:
    """One supervised service. The supervisor's event loop owns it, and only `keeper` starts it again."""

    service: Service
    wanted: bool = True
    hurry: asyncio.Event = field(default_factory=asyncio.Event)  # cuts the backoff short: restart now, or stop now
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=LINES_REMEMBERED))
    keeper: asyncio.Task[None] | None = None
    log_file: BoundedLogFile | None = None

    async def become_ready(self) -> None:
        """Wait until the service is ready. Raises what a keeper has raised (a probe with a bug)."""
        ready = asyncio.create_task(self.ready.wait())
        try:
            await asyncio.wait({ready, self.keeper} if self.keeper else {ready}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if self.keeper is not None and self.keeper.done():
            self.keeper.result()


class Supervisor:
    """Keeps named services running until `stop`.

    The output of a service is written to the terminal behind its name, or, with a log directory, to the file `<name>.log` in
    it. Messages of the supervisor itself are always written to the terminal. What is written to the terminal is also in
    `log_file`, with the time, if one is named.
    """

    def __init__(
        self,
        *,
        log_directory: Path | None = None,
        log_file: Path | None = None,
        terminal: TextIO | None = None,
        name_width: int = 10,
        stop_deadline_s: float = STOP_DEADLINE_S,
    ) -> None:
        self._log_directory = log_directory
        self._log_file = None if log_file is None else BoundedLogFile(log_file)
        self._terminal = terminal if terminal is not None else sys.stdout
        self._name_width = name_width
        self._stop_deadline_s = stop_deadline_s
        self._kept: dict[str, _Kept] = {}

    async def adopt(self, name: str, service: Service) -> str:
        """Start a service, return what its `start` returns, and keep it running from then on.

        A failure of this first start is raised and not retried, so that the operator sees what never worked.
        """
        kept = self._add(name, service)
        waiting = asyncio.create_task(self._name_what_is_waited_for((name,)), name="names what is waited for")
        try:
            address = await service.start()
        except BaseException:
            self._kept.pop(name, None)
            raise
        finally:
            waiting.cancel()
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
        """Start a command and keep it running. Returns at once; `wait_ready` waits."""
        last_lines: deque[str] = deque(maxlen=LINES_REMEMBERED)
        log_file = None if self._log_directory is None else BoundedLogFile(self._log_directory / f"{name}.log")

        def write(line: bytes) -> None:
            text = line.decode("utf-8", "replace")
            last_lines.append(text)
            if log_file is None:
                self.write_line(name, text)
            else:
                log_file.write(line)

        child = ChildProcess(
            command, environment=environment, ready=ready, stop_deadline_s=self._stop_deadline_s, write=write
        )
        kept = self._add(name, child)
        kept.last_lines, kept.log_file = last_lines, log_file
        kept.keeper = asyncio.create_task(self._keep(name, kept, started=False), name=f"keeper of {name}")

    def write_to(self, terminal: TextIO) -> None:
        """Write the lines to another terminal from now on."""
        self._terminal = terminal

    def write_line(self, name: str, text: str) -> None:
        """Write one line to the terminal, behind a name."""
        line = f"{name:<{self._name_width}} | {shown(text)}"
        if self._log_file is not None:
            self._log_file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {line}".encode())
        with suppress(OSError, ValueError):  # the count continues if the terminal is closed
            self._terminal.write(f"{line}\n")
            self._terminal.flush()

    async def wait_ready(self, *names: str, deadline_s: float = READY_DEADLINE_S) -> None:
        """Wait until these services, or all, are ready. Raises NotReadyError."""
        names = names or tuple(self._kept)
        waiting = asyncio.create_task(self._name_what_is_waited_for(names), name="names what is waited for")
        try:
            async with asyncio.timeout(deadline_s):
                for name in names:
                    await self._kept[name].become_ready()
            return
        except TimeoutError:
            if not (late := self._not_ready(names)):
                return
        finally:
            waiting.cancel()
        output = "\n".join(f"  {line}" for line in self._kept[late[0]].last_lines) or "  (nothing)"
        raise NotReadyError(
            f"{late[0]}: expected to be ready within {deadline_s:g} s, and is not. Its last lines:\n{output}"
        )

    def _not_ready(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if not self._kept[name].ready.is_set()]

    async def _name_what_is_waited_for(self, names: Sequence[str]) -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(WAITING_LINE_S)
            seconds = time.monotonic() - began
            self.write_line("rekap", f"waits for {', '.join(self._not_ready(names))} since {seconds:.0f} s")

    def process_id(self, name: str) -> int | None:
        """The process of a service; None between its end and its next start."""
        return self._kept[name].service.process_id

    def pause(self, name: str) -> None:
        """Send SIGSTOP to the process group of a service. PostgreSQL's backends leave the group, so only the postmaster is
        paused."""
        self._kept[name].service.signal_group(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        self._kept[name].service.signal_group(signal.SIGCONT)

    async def kill(self, name: str) -> None:
        """Send SIGKILL. The service is restarted after the backoff, as after any other end."""
        kept = self._kept[name]
        kept.ready.clear()
        await kept.service.kill()

    async def restart(self, name: str) -> None:
        """Stop a service in order and start it again at once; `wait_ready` waits until it is ready."""
        kept = self._kept[name]
        kept.ready.clear()
        running = kept.service.process_id is not None
        kept.hurry.set()
        if running:  # otherwise the keeper is in its backoff, or is starting the service
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
            while (
                keeper is not None and not keeper.done()
            ):  # repeated, because the keeper may be about to start the service
                await asyncio.wait([keeper], timeout=0.1)
                await kept.service.stop()
            if kept.log_file is not None:
                kept.log_file.close()
            self._kept.pop(name, None)
            if keeper is not None and (bug := keeper.exception()) is not None:
                bugs.append(bug)
        if not names and self._log_file is not None:
            self._log_file.close()
            self._log_file = None
        if bugs:  # raised after all services were stopped
            raise bugs[0]

    async def discard(self) -> None:
        """End all services at once, by SIGKILL and in no order, where what they keep is deleted afterwards."""
        for kept in self._kept.values():
            kept.wanted = False
            kept.hurry.set()
            kept.ready.clear()
        await asyncio.gather(*(kept.service.kill() for kept in self._kept.values()))
        await self.stop()

    def _add(self, name: str, service: Service) -> _Kept:
        assert name not in self._kept, f"two services named {name}"
        self._name_width = max(self._name_width, len(name))
        kept = self._kept[name] = _Kept(service)
        return kept

    async def _keep(self, name: str, kept: _Kept, *, started: bool) -> None:
        """Start the service, wait for its end, back off, and repeat until it is not wanted any more."""
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
            except (DataDirectoryError, EmbeddedError) as error:
                how = f"did not start: {error}"
            except OSError as error:
                how = f"did not start: {in_words(error)}"
            kept.ready.clear()
            lived_s = time.monotonic() - began
            if kept.hurry.is_set():  # restart() or stop() was called, so the end is not reported
                backoff_s = BACKOFF_FIRST_S
                continue
            if lived_s >= BACKOFF_RESET_AFTER_S:
                backoff_s = BACKOFF_FIRST_S
            self.write_line(name, f"-- {how} after {lived_s:.1f} s; starting again in {backoff_s:g} s")
            with suppress(TimeoutError):
                async with asyncio.timeout(backoff_s):
                    await kept.hurry.wait()
            backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)


def stop_signal() -> asyncio.Future[signal.Signals]:
    """A future that the next SIGINT (Ctrl-C), SIGTERM or SIGHUP (the terminal is closed) completes. From this call on, these
    signals have no other effect.

    A second Ctrl-C has no effect either, because an orderly stop has deadlines of its own and must not be cut short.
    """
    received: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()

    def receive(which: signal.Signals) -> None:
        if not received.done():
            received.set_result(which)

    for which in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(which) is not signal.SIG_IGN:  # `nohup rekap up` outlives its terminal
            asyncio.get_running_loop().add_signal_handler(which, receive, which)
    return received


def describe_end(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    with suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"
