"""The report of an examination: what was compared, what differs, and the exit code that follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from rekap.exit_codes import ExitCode
from rekap.terminal import print_lines

CHECKPOINT_FILE = "checkpoint file"
LOG_HEAD = "log head"
LOG_FILE = "file of the log"
OF_THE_LOG = {CHECKPOINT_FILE, LOG_HEAD, LOG_FILE}
SHOWN_MAX = 20
"""Differences of one kind that are printed; the rest are counted."""
PUBLIC_LOG, STATES = "log", "states"
"""What may be stored on another machine, by the names that --without takes."""


class Report:
    """What was compared, and what differs."""

    def __init__(self) -> None:
        self.compared: Counter[str] = Counter()
        self.different: Counter[str] = Counter()
        self.notes: list[str] = []
        self.missing: dict[str, list[str]] = {}
        """What was not found and therefore not compared: by kind (PUBLIC_LOG, STATES) the paths, or other names of it."""

    def miss(self, kind: str, name: str) -> None:
        self.missing.setdefault(kind, []).append(name)

    def compare(self, kind: str, what: object, expected: object, found: object) -> None:
        self.compared[kind] += 1
        if expected == found:
            return
        self.different[kind] += 1
        if self.different[kind] <= SHOWN_MAX:
            print_lines(f"{kind} {what}: expected {_shown(expected)}, found {_shown(found)}")

    def table(self) -> str:
        lines = [f"{'compared':34}{'how many':>12}{'different':>12}"]
        lines += [f"{kind:34}{count:>12,}{self.different[kind]:>12,}" for kind, count in self.compared.items()]
        return "\n".join([*lines, *self.notes])


def exit_code_of(report: Report, left_out: Collection[str]) -> ExitCode:
    if report.different:
        return ExitCode.BAD_OUTCOME
    return ExitCode.NOT_ALL_COMPARED if report.missing.keys() - set(left_out) else ExitCode.DONE


def last_lines_of(report: Report, left_out: Collection[str]) -> list[str]:
    """The outcome in sentences. The last line names also what was not compared."""
    lines = []
    differences = f"{sum(report.different.values()):,} differences"
    if report.different.keys() - OF_THE_LOG:
        lines.append(f"{differences}: `rekap rebuild` makes all but the log again from the ledger")
    if report.different.keys() & OF_THE_LOG:
        lines.append(
            f"{differences}, also in the public log: delete nothing, and find out whether the log or the ledger was changed"
        )
    missing = "; ".join(f"{_NAMES[kind]} ({_first(names)})" for kind, names in sorted(report.missing.items()))
    if missing:
        as_asked = " (left out as asked)" if report.missing.keys() <= set(left_out) else ""
        what = "the rest" if report.different else "what was compared is as in the ledger; the rest"
        lines.append(f"{what} was NOT compared{as_asked}, because it is not here: {missing}")
    elif not report.different:
        lines.append("all is as in the ledger")
    return lines


_NAMES = {PUBLIC_LOG: "the public log", STATES: "the tabulator's states"}


def _first(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]}, and {len(names) - 1} more"


def _shown(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 300 else f"{text[:300]}…"
