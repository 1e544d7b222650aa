"""What this process refuses because one of its bounds is reached. Health names the bound, so that operators find the cause."""

from __future__ import annotations

import logging
import time

from runtime import metrics
from runtime.logs import log_line

logger = logging.getLogger("rekap.http")

REFUSING_SECONDS = 10.0
"""How long after the last refusal health names its reason. At half, a prober that asks every ten seconds misses most refusals;
at double, health is red for a peak that is long over."""


class Refusals:
    """One event loop owns it. There are few reasons, all of them constants of this code."""

    def __init__(self) -> None:
        self._newest: dict[str, float] = {}
        """Monotonic time of the last refusal for each reason, by the reason's sentence."""

    def add(self, reason: str, sentence: str) -> None:
        """Note a refusal. `reason` is the metric's label; the sentence names the bound that was reached."""
        metrics.HTTP_REFUSED.labels(reason).inc()
        now = time.monotonic()
        if now - self._newest.get(sentence, float("-inf")) > REFUSING_SECONDS:
            logger.warning(log_line("refusing", why=sentence))
        self._newest[sentence] = now

    def current(self) -> list[str]:
        """The sentences of the last REFUSING_SECONDS."""
        since = time.monotonic() - REFUSING_SECONDS
        self._newest = {sentence: at for sentence, at in self._newest.items() if at > since}
        return sorted(self._newest)
