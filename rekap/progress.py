"""Progress of long work on standard error: bars on a terminal, and elsewhere a line every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from rekap.terminal import complain

LINE_SECONDS = 5.0
"""Time between two lines. At half, the log of a nightly job fills up; at double, a reader wonders whether the work hangs."""

Report = Callable[[str, int, int], None]
"""Name of a step, how much of it is done, and of how much."""


@contextmanager
def shown_progress() -> Iterator[Report]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield ProgressLines()
        return
    columns = (TextColumn("{task.description:>10}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.completed:,}"), console=console) as bar:
        yield _Bars(bar)


class _Bars:
    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        if step not in self._tasks:
            self._tasks[step] = self._bar.add_task(step, total=total)
        self._bar.update(self._tasks[step], completed=done, total=total)


class ProgressLines:
    """Prints the first report of a step, then one every LINE_SECONDS, and the last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, write: Callable[[str], None] = complain) -> None:
        self._clock = clock
        self._write = write
        self._began = clock()
        self._next = 0.0
        self._step = ""

    def __call__(self, step: str, done: int, total: int) -> None:
        now = self._clock()
        if step == self._step and now < self._next and done < total:
            return
        self._step, self._next = step, now + LINE_SECONDS
        percent = f" ({100 * done // total} %)" if total else ""
        self._write(f"{step}: {done:,} of {total:,}{percent}, {now - self._began:.0f} s")
