"""What this process refuses because it is at one of its bounds. Health names it: nobody need look for the fault elsewhere."""

from __future__ import annotations

import logging
import time

from runtime import metrics
from runtime.logs import log_line

logger = logging.getLogger("rekap.http")

REFUSING_SECONDS = 10.0
"""How long after the last refusal health names its reason. At half a prober that comes every ten seconds misses most; at double
health is red for a peak that is long over."""


class Refusals:
    """One event loop owns it. Reasons are few, and written by us."""

    def __init__(self) -> None:
        self._newest: dict[str, float] = {}
        """Sentence → when somebody was last refused for it, by the monotonic clock."""

    def add(self, reason: str, sentence: str) -> None:
        """Somebody was refused: `reason` is the metric's label, and the sentence says which bound was reached."""
        metrics.HTTP_REFUSED.labels(reason).inc()
        now = time.monotonic()
        if now - self._newest.get(sentence, float("-inf")) > REFUSING_SECONDS:
            logger.warning(log_line("refusing", why=sentence))
        self._newest[sentence] = now

    def current(self) -> list[str]:
        since = time.monotonic() - REFUSING_SECONDS
        self._newest = {sentence: at for sentence, at in self._newest.items() if at > since}
        return sorted(self._newest)
