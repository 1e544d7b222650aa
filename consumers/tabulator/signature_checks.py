"""Signatures, checked beside the fold in processes of their own.

A check takes as long as all the rest of a record's fold. A thread would be too slow, because between two checks it waits for
Python's lock, which a busy fold releases every 5 ms only.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from consumers.tabulator.signature_process import Check, answer, question
from runtime.logs import log_line
from runtime.own_processes import python_module

logger = logging.getLogger("rekap.signatures")

INLINE_MAX = 64
"""Number of signatures up to which they are checked in this process: 2 ms, less than the rest of their fold. A question to
another process costs two threads and four wake-ups, which is as much as four checks. At half, a steady 1,000 records a second
would need questions wherever a step is late; at double, heartbeats and acknowledgements would wait 4 ms."""
ANSWER_SECONDS = 10
"""Time after which a process that does not answer is ended. A question of 1,000 checks takes 35 ms."""
END_SECONDS = 5


@dataclass(slots=True)
class _Part:
    """The checks of a question that one process is asked."""

    checks: Sequence[Check]
    process: subprocess.Popen[bytes] | None = None
    """The process that is asked, until it has answered or has ended."""


class SignatureChecks:
    """Processes that check signatures. Each is started with the first question for it; `close` ends them."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="ask")
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()

    def ask(self, checks: Sequence[Check]) -> asyncio.Future[bytes]:
        """Begin to check. The future gets a byte for each check, in order, 1 where the signature holds."""
        if len(checks) <= INLINE_MAX:
            done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            done.set_result(answer(checks))
            return done
        size = max(INLINE_MAX, -(-len(checks) // self._processes))
        parts = [_Part(checks[start : start + size]) for start in range(0, len(checks), size)]
        # At once, and not when the event loop has its next turn, because the fold may come first.
        loop = asyncio.get_running_loop()
        answers = [loop.run_in_executor(self._threads, self._ask, part) for part in parts]
        return asyncio.ensure_future(_answers(parts, answers))

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        while (process := self._next_idle()) is not None:
            _end(process)

    def _next_idle(self) -> subprocess.Popen[bytes] | None:
        try:
            return self._idle.get_nowait()
        except Empty:
            return None

    def _ask(self, part: _Part) -> bytes:
        """The answer of a process, or this process's own where the other has ended or does not answer."""
        process = self._next_idle() or _started()
        assert process.stdin is not None
        assert process.stdout is not None
        part.process = process
        try:
            process.stdin.write(question(part.checks))
            process.stdin.flush()
            answered = process.stdout.read(len(part.checks))
        except OSError:
            answered = b""
        finally:
            part.process = None
        if len(answered) == len(part.checks):
            self._idle.put(process)
            return answered
        logger.warning(log_line("checker-lost", process=process.pid, exit_code=process.poll()))
        _end(process)
        return answer(part.checks)


async def _answers(parts: Sequence[_Part], answers: Sequence[asyncio.Future[bytes]]) -> bytes:
    """The answers of all parts. Ends processes that do not answer in time; their threads then answer by themselves."""
    waiting = set(answers)
    while waiting:
        _, waiting = await asyncio.wait(waiting, timeout=ANSWER_SECONDS)
        for part, part_answer in zip(parts, answers, strict=True):
            # A part that no process was asked yet waits for a process that is ended here.
            if part_answer in waiting and (process := part.process) is not None:
                process.kill()
    return b"".join(part_answer.result() for part_answer in answers)


def _started() -> subprocess.Popen[bytes]:
    command = python_module("consumers.tabulator.signature_process")
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError):  # bytes of a question that the process did not read
        process.stdin.close()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
