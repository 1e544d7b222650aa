"""How long to let messages gather before they are handled together.

A step over one message costs nearly as much as one over ten: a process wakes with cold caches, and each later process has one
more message to read. So the busier the last step was, the longer the next one may wait, up to what its readers bear.
"""

from __future__ import annotations


def gather_ms(last: int, *, ms_each: float, least_ms: float, most_ms: float, took_ms: float = 0.0) -> float:
    """Milliseconds to let messages gather. `last`: how many messages the last step had, each of which lengthens the next wait
    by `ms_each` up to `most_ms`. On a quiet night the wait is `least_ms`. `took_ms`: how long the last step took, where
    messages gather during a step too, so that a long one needs no pause besides."""
    return max(least_ms, min(most_ms, ms_each * last) - took_ms)
