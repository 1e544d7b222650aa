"""What an audit did and found, filled in step by step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from audit.count.numbering import Numbering
from audit.count.values import FinanceReports, Refused
from audit.findings import Discovery, Verdict
from audit.logs.heads import Head


@dataclass
class Report:
    """What an audit did and found."""

    source: str
    began_at: float
    election: str = ""
    mode: str = ""
    definition: str = ""
    heads: list[Head] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What a reader should know about how far the audit reaches."""
    records: dict[str, int] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    """Records in the log that must not count; a server that counts one DIFFERS."""
    finance: FinanceReports | None = None
    """Campaign finance reports, which are not part of the verdict; None where not all records were read."""
    numbering: Numbering | None = None
    """What the keys' numbers show; None where not all records were read."""
    compared: int = 0
    steps: list[tuple[str, float]] = field(default_factory=list)
    """Name and seconds."""
    discoveries: list[Discovery] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        return max((each.verdict for each in self.discoveries), key=lambda each: each.value, default=Verdict.VERIFIED)

    @property
    def line(self) -> str:
        """The last line of the command: the verdict, with how much was checked or the worst finding."""
        size = sum(head.size for head in self.heads)
        if not self.discoveries:
            return f"VERIFIED: {size:,} records of {len(self.heads)} logs, {self.compared:,} published tallies"
        worst = [each for each in self.discoveries if each.verdict is self.verdict]
        more = f" (and {len(worst) - 1:,} more)" if len(worst) > 1 else ""
        return f"{self.verdict.name}: {worst[0]}{more}"

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Keep how long a step takes."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.steps.append((name, time.perf_counter() - began))
