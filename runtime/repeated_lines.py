"""Keeps one trouble from filling a terminal: a warning that repeats is written once, and once more when it is over.

Ten seconds without Kafka made the processes of `rekap up` write 8,400 lines, and now 42. A *trouble* is the warnings and errors
of one logger family (`aiokafka`, `faust`, `rekap.notary` …) without a pause of QUIET_S between two of them. Its first line is
written, and each later line that differs, up to SHAPES_MAX of them. The other lines are counted. When the family has
been quiet for QUIET_S, one line states how many were left out, and for how long the trouble lasted.

A line that ends a process or stops a partition (CRITICAL) is always written.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

QUIET_S = 12.0
"""Silence after which a trouble is over. At half, a check that tries again every five seconds begins a new trouble each time;
at double, the end is written half a minute late."""
SHAPES_MAX = 8
"""Different lines of one trouble that are written."""
SHAPE_CHARACTERS = 60
"""Lines of a library that begin alike are the same, because what differs further on is an address, an offset or a request. Our
own lines are the same where all of their text is."""
FAMILIES_MAX = 64
"""Loggers that are in trouble at once; a process has some thirty. Of a further one, every line is written."""
OURS = "rekap."
OVER = "trouble-over"
_AWAY = re.compile(
    "KafkaConnectionError|NodeNotReady|RequestTimedOut|Unable (to )?(connect|update metadata|request metadata|bootstrap)"
    "|[Cc]oordinator|[Hh]eartbeat"
)
"""What aiokafka and Faust write of a Kafka that is away: some ten different lines in each process, of which one is enough."""
_CHANGING = re.compile(r"[0-9]+|'[^']*'|\"[^\"]*\"|\([^)]*\)")
"""Numbers, names and addresses within a library's line, which do not make it a new one."""


@dataclass(slots=True)
class _Trouble:
    began: float
    newest: float
    shapes: set[str] = field(default_factory=set)
    left_out: int = 0


class RepeatedLines(logging.Filter):
    """A filter of a handler. `write_over` gets the family's logger and the sentence when a trouble with lines left out is over.

    Log records come from any thread, and `write_over` is called in a thread of this object.
    """

    def __init__(
        self, write_over: Callable[[logging.Logger, str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._write_over = write_over
        self._clock = clock
        self._lock = threading.Lock()
        self._troubles: dict[str, _Trouble] = {}
        self._watching = False

    def filter(self, record: logging.LogRecord) -> bool:
        if not logging.WARNING <= record.levelno < logging.CRITICAL or str(record.msg).startswith(OVER):
            return True
        family, shape, now = _family(record.name), _shape(record), self._clock()
        with self._lock:
            trouble = self._troubles.get(family)
            if trouble is None:
                if len(self._troubles) >= FAMILIES_MAX:
                    return True
                self._troubles[family] = trouble = _Trouble(now, now)
                self._watch()
            trouble.newest = now
            if shape in trouble.shapes or len(trouble.shapes) >= SHAPES_MAX:
                trouble.left_out += 1
                return False
            trouble.shapes.add(shape)
            return True

    def end_troubles(self) -> float | None:
        """Write the end of each trouble that is over. Returns the seconds until the next one may be over, or None."""
        now = self._clock()
        with self._lock:
            over = {family: trouble for family, trouble in self._troubles.items() if now - trouble.newest >= QUIET_S}
            for family in over:
                del self._troubles[family]
            oldest = min((trouble.newest for trouble in self._troubles.values()), default=None)
            self._watching = oldest is not None
        for family, trouble in over.items():
            if trouble.left_out:
                lasted = trouble.newest - trouble.began
                sentence = f"{OVER} seconds={lasted:.1f} lines_left_out={trouble.left_out}"
                self._write_over(logging.getLogger(family), sentence)
        return None if oldest is None else max(0.0, oldest + QUIET_S - now)

    def _watch(self) -> None:
        """See that the end of a trouble is written, by a thread that lives as long as there is one."""
        if not self._watching:
            self._watching = True
            threading.Thread(target=self._run, name="repeated lines", daemon=True).start()

    def _run(self) -> None:
        pause: float | None = QUIET_S
        while pause is not None:
            time.sleep(pause)
            pause = self.end_troubles()


def _family(name: str) -> str:
    """Our loggers each, because their troubles are different ones; all loggers of a library together."""
    return name if name.startswith(OURS) else name.partition(".")[0]


def _shape(record: logging.LogRecord) -> str:
    if record.name.startswith(OURS):
        return record.getMessage()
    if record.name.startswith(("aiokafka", "faust")) and _AWAY.search(record.getMessage()):
        return "Kafka is away"
    return _CHANGING.sub("", str(record.msg))[:SHAPE_CHARACTERS]
