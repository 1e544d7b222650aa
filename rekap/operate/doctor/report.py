"""What was compared, what differs, and how the command then ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from rekap.exit_codes import ExitCode
from rekap.terminal import say

CHECKPOINT_FILE = "checkpoint file"
LOG_HEAD = "log head"
LOG_FILE = "file of the log"
OF_THE_LOG = {CHECKPOINT_FILE, LOG_HEAD, LOG_FILE}
SHOWN_MAX = 20
"""Differences of one kind that are printed; the rest are counted."""
PUBLIC_LOG, STATES = "log", "states"
"""What may be kept on another machine than this, by the name that --without takes."""


class Report:
    """What was compared, and what differs."""

    def __init__(self) -> None:
        self.compared: Counter[str] = Counter()
        self.different: Counter[str] = Counter()
        self.notes: list[str] = []
        self.missing: dict[str, list[str]] = {}
        """What should have been compared and is not here: by kind (PUBLIC_LOG, STATES), where it was looked for."""

    def miss(self, kind: str, place: str) -> None:
        self.missing.setdefault(kind, []).append(place)

    def compare(self, kind: str, place: object, expected: object, found: object) -> None:
        self.compared[kind] += 1
        if expected == found:
            return
        self.different[kind] += 1
        if self.different[kind] <= SHOWN_MAX:
            say(f"{kind} {place}: expected {_shown(expected)}, found {_shown(found)}")

    def table(self) -> str:
        lines = [f"{'compared':34}{'how many':>12}{'different':>12}"]
        lines += [f"{kind:34}{count:>12,}{self.different[kind]:>12,}" for kind, count in self.compared.items()]
        return "\n".join([*lines, *self.notes])


def exit_code_of(report: Report, left_out: Collection[str]) -> ExitCode:
    if report.different:
        return ExitCode.BAD_OUTCOME
    return ExitCode.NOT_ALL_COMPARED if report.missing.keys() - set(left_out) else ExitCode.DONE


def last_lines_of(report: Report, left_out: Collection[str]) -> list[str]:
    """What came out, for the person who asked; the last line says also what was not compared."""
    lines = []
    differences = f"{sum(report.different.values()):,} differences"
    if report.different.keys() - OF_THE_LOG:
        lines.append(f"{differences}: `rekap rebuild` makes all but the log again from the ledger")
    if report.different.keys() & OF_THE_LOG:
        lines.append(
            f"{differences}: of the public log too; delete nothing, and find out which was changed, log or ledger"
        )
    missing = "; ".join(f"{_NAMES[kind]} ({_first(places)})" for kind, places in sorted(report.missing.items()))
    if missing:
        as_asked = " (left out as asked)" if report.missing.keys() <= set(left_out) else ""
        what = "the rest" if report.different else "what was compared is as the ledger says; the rest"
        lines.append(f"{what} was NOT compared{as_asked}, because it is not here: {missing}")
    elif not report.different:
        lines.append("all is as the ledger says")
    return lines


_NAMES = {PUBLIC_LOG: "the public log", STATES: "the tabulator's states"}


def _first(places: list[str]) -> str:
    return places[0] if len(places) == 1 else f"{places[0]}, and {len(places) - 1} more"


def _shown(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 300 else f"{text[:300]}…"
