"""What the numbers of each key's events (`seq`, `prev`) and what its forms correct (`supersedes`) show, over all partitions.

No finding changes what is counted, or the verdict. A finding is about the holder of a key, or about the delivery of its events,
and not about what the server published.
"""

from __future__ import annotations

from typing import NamedTuple

FINDINGS_OF_KEY_MAX = 20
"""Findings of one kind about one key that a report lists; all are counted. A key that skips every other number fills no
report."""
FINDINGS_OF_KIND_MAX = 1_000
"""Findings of one kind about all keys: 600 kB of JSON. At half, a regency that lost its line for a night is not shown
whole; at double, the HTML page is slow on a telephone."""
KEYS_MAX = 1_000
"""Keys that a report lists with their counts, those with numbers used twice first."""
EVENTS_OF_NUMBER_MAX = 10
"""Events shown of one number: two prove it."""
NUMBERS_MAX = 2**63 - 1
"""What JSON writers hold; thousands of keys that each jump to the highest number there is would go beyond."""

SENTENCES = {
    "used_twice": "number {first} is on {uses} different events: {events}. The holder of the key signed all of them",
    "wrong_prev": "number {first}, {events}, names {names} as the event before it, which is not the one with number {before}",
    "hole": "{numbers} not in these logs; the next, {events}, names {names} as the event before it",
    "restart": "{numbers} not used: the next, {events}, names no event before it, as where an outbox was lost",
    "skip": "{numbers} not used: the next, {events}, names the event below them, so its key states that nothing is missing",
    "corrects_none": "{events} is a later version and names none that it corrects",
    "corrects_unknown": "{events} corrects {names}, which is not a form that counts in these logs",
    "corrects_elsewhere": "{events} corrects {names}, which is a form of another station or contest",
    "corrects_not_lower": "{events} corrects {names}, which is not a lower version",
    "first_corrects": "{events} is a first version and corrects {names}",
}
"""Kind → its sentence, the gravest first."""

NOT_PART_OF_THE_VERDICT = (
    "This changes neither the count nor the verdict. A number used twice proves that the key signed two events. Above a hole "
    "the key names an event that is not among its own here: refused, dropped or waiting in an outbox, or withheld on the way; "
    "nothing here shows which of these. What a key signed last leaves no hole if it is never delivered."
)


class EventRecord(NamedTuple):
    event: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"event {self.event} (log {self.partition}, record {self.offset})"


class Irregular(NamedTuple):
    """Something that a key's numbers, or its corrections, show."""

    kind: str
    """Kind of what is irregular, one of SENTENCES."""
    key: str
    first: int | None
    last: int | None
    """The numbers that it is about, from the first to the last; None where it is about a correction."""
    uses: int
    """How many events have this number."""
    events: tuple[EventRecord, ...]
    """The first EVENTS_OF_NUMBER_MAX that have it; for numbers without an event, the event above."""
    names: str | None
    """What the event names as the one before it, or as what it corrects."""

    @property
    def sentence(self) -> str:
        one = self.first == self.last
        sentence = SENTENCES[self.kind].format(
            first=self.first,
            before=(self.first or 0) - 1 if self.first else "before (0 has none)",
            uses=self.uses,
            events=" and ".join(map(str, self.events)),
            names=self.names or "none",
            numbers=f"number {self.first} is" if one else f"numbers {self.first} to {self.last} are",
        )
        return f"key {self.key}: {sentence}"


class KeyCounts(NamedTuple):
    """A key with findings."""

    key: str
    events: int
    lowest: int
    highest: int
    used_twice: int
    wrong_prev: int
    holes: int
    missing: int
    """Numbers in the holes."""
    restarts: int
    skips: int
    corrections: int


class Numbering(NamedTuple):
    keys: int
    events: int
    """All that keys have signed, each once."""
    counts: dict[str, int]
    """Kind → how many there are, of all SENTENCES."""
    missing: int
    """Numbers in all holes, NUMBERS_MAX at most."""
    first_keys: list[KeyCounts]
    first: list[Irregular]

    @property
    def line(self) -> str:
        return f"numbers of {self.events:,} events of {self.keys:,} keys: {self.findings or 'no findings'}"

    @property
    def findings(self) -> str:
        """How many there are of each kind; empty where there are none."""
        counts = self.counts
        missing = f"{self.missing:,} number{'' if self.missing == 1 else 's'}"
        corrections = sum(count for kind, count in counts.items() if "corrects" in kind)
        kinds = [
            (counts["used_twice"], "number used twice (equivocation)", "numbers used twice (equivocation)"),
            (counts["wrong_prev"], "wrong prev", "wrong prev"),
            (counts["hole"], f"hole ({missing})", f"holes ({missing})"),
            (counts["restart"], "new start", "new starts"),
            (counts["skip"], "gap that its key declares", "gaps that their keys declare"),
            (corrections, "correction without its form", "corrections without their form"),
        ]
        return ", ".join(f"{count:,} {one if count == 1 else more}" for count, one, more in kinds if count)
