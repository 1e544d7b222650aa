"""Signatures, checked beside the fold in processes of their own.

A check takes as long as all the rest of a record's fold. A thread would be too slow, because between two checks it waits for
Python's lock, which a busy fold releases every 5 ms only.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue

from consumers.tabulator.signature_process import Check, answer, question
from runtime.logs import log_line
from runtime.own_processes import python_module

logger = logging.getLogger("rekap.signatures")

INLINE_MAX = 4
"""Up to this number, signatures are checked in this process, because a question costs about as much as a check."""
ANSWER_SECONDS = 10
"""After this a process that does not answer is ended. A question of 1,000 checks takes 70 ms."""
END_SECONDS = 5


class SignatureChecks:
    """Processes that check signatures. Each is started with the first question for it; `close` ends them."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="ask")
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()

    def ask(self, checks: Sequence[Check]) -> asyncio.Future[list[bytes]]:
        """Begin to check. The future holds a byte for each, 1 where the signature holds, in order and in one or more pieces."""
        loop = asyncio.get_running_loop()
        if len(checks) <= INLINE_MAX:
            done: asyncio.Future[list[bytes]] = loop.create_future()
            done.set_result([answer(checks)])
            return done
        size = max(INLINE_MAX, -(-len(checks) // self._processes))
        return asyncio.gather(
            *(
                loop.run_in_executor(self._threads, self._ask, checks[start : start + size])
                for start in range(0, len(checks), size)
            )
        )

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        while (process := self._next_idle()) is not None:
            _end(process)

    def _next_idle(self) -> subprocess.Popen[bytes] | None:
        try:
            return self._idle.get_nowait()
        except Empty:
            return None

    def _ask(self, checks: Sequence[Check]) -> bytes:
        """The answer of a process, or this process's own where the other has ended or does not answer."""
        process = self._next_idle() or _started()
        assert process.stdin is not None
        assert process.stdout is not None
        patience = threading.Timer(ANSWER_SECONDS, process.kill)
        patience.start()
        try:
            process.stdin.write(question(checks))
            process.stdin.flush()
            answered = process.stdout.read(len(checks))
        except OSError:
            answered = b""
        finally:
            patience.cancel()
        if len(answered) == len(checks):
            self._idle.put(process)
            return answered
        logger.warning(log_line("checker-lost", process=process.pid, exit_code=process.poll()))
        _end(process)
        return answer(checks)


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
