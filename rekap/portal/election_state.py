"""What the portal knows of one election: whether it can be served, since when, and what the catalogue shows of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from fastapi import FastAPI

from rekap.portal.configuration import ElectionEntry
from rekap.portal.names import Found
from schemas.times import time_text

PROBLEM_CHARACTERS_MAX = 500
"""Limit for the sentence that the catalogue shows. A library's message may repeat a whole file."""
SHOWN = ("title", "date", "mode", "is_test", "definition", "licence", "source", "cut", "taken_at", "as_of")
"""Facts of an election in the catalogue; null while they are not known."""

FindNames = Callable[[list[str], str | None, int, int], Awaitable[list[Found]]]


class State(StrEnum):
    PREPARING = "preparing"
    """State of an election that has not been served yet: a live one was not asked, or the read model of an archive is being
    built."""
    SERVED = "served"
    AWAY = "away"
    """State of an election that cannot be served; `problem` states why."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class PortalElection:
    """One event loop owns it."""

    entry: ElectionEntry
    state: State = State.PREPARING
    since: datetime = field(default_factory=_now)
    """When the state began."""
    problem: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    """What is known of it, also while it is away."""
    app: FastAPI | None = None
    """The read API of an archive; None of a live election, and until the first archive can be served."""
    find_names: FindNames | None = None

    def is_served(self) -> None:
        self._become(State.SERVED, None)

    def is_away(self, problem: str) -> None:
        """Note that the election cannot be served now. What was known of it stays."""
        self._become(State.AWAY, problem[:PROBLEM_CHARACTERS_MAX])

    def _become(self, state: State, problem: str | None) -> None:
        if state is not self.state:
            self.state, self.since = state, _now()
        self.problem = problem

    @property
    def base(self) -> str:
        return f"/elections/{self.entry.id}"

    def shown(self) -> dict[str, Any]:
        """The election as the catalogue shows it."""
        return {
            "election": self.entry.id,
            "kind": "archived" if self.entry.url is None else "live",
            "state": self.state.value,
            "since": time_text(self.since),
            "problem": self.problem,
            **{name: self.facts.get(name) for name in SHOWN},
            "base": self.base,
            "url": self.entry.url,
            "links": {
                "self": f"{self.base}/v1/election",
                "files": f"{self.base}/v1/files",
                "package": f"{self.base}/v1/package.zip",
                "log": f"{self.base}/v1/log",
            },
        }
