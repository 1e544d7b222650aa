"""Lines of the table of bench/count.py, and the moments between which they are measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class WrongTotalError(Exception):
    """A count did not come to the sum, or not in time."""


class Row(NamedTuple):
    """A line of the table. `cpu_seconds` are those of the processes that the line is about."""

    name: str
    results: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.results / self.seconds

    @property
    def rate_per_core(self) -> float:
        return self.results / self.cpu_seconds


class Moment(NamedTuple):
    """A time, and what had been done and used by then."""

    at: float
    """Seconds since the epoch: the clock from which Kafka's timestamps are read."""
    cpu_seconds: Mapping[str, float]
    """By process."""
    results: int = 0
    """Results that were in the nation's total."""

    def since(self, start: Moment, name: str, *processes: str) -> Row:
        used = sum(self.cpu_seconds[each] - start.cpu_seconds.get(each, 0.0) for each in processes)
        return Row(name, self.results - start.results, self.at - start.at, used)
