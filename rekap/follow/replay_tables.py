"""An answer of a replay as a table in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from projections.definition.compiled import Definition
from rekap.follow.tally_table import tally_table


def _rest_note(answer: Mapping[str, Any]) -> str:
    """The option that shows the rest of the answer; empty if the answer is complete."""
    if answer.get("next") is not None:
        what = "reports" if "reports" in answer else "records"
        return f"\nmore {what} follow: --after {answer['next']}"
    if answer.get("parts", 1) > 1:
        return f"\npart {answer['part']} of {answer['parts']}: --part shows another"
    return ""


def table_of(answer: dict[str, Any], definition: Definition, records: int) -> Table:
    """The tallies of an answer, or a station's history."""
    caption = f"folded from {records:,} ledger records{_rest_note(answer)}"
    if "history" in answer:
        return _history_table(answer, caption)
    if "reports" in answer:
        return _finance_table(answer, caption)
    listed = [answer["tally"]] if "contest" in answer else list(answer.get("contests", []))
    for office in answer.get("offices", []):
        listed += office["contests"] + office.get("children", [])
    tallies = {(tally["area"], tally["contest"]): tally for tally in listed}
    names = dict(zip(definition.tree.codes, definition.tree.names, strict=True))
    choices = {
        str(contest.id): [{"id": choice.id, "name": choice.name} for choice in contest.ballot]
        for contest in definition.ballots.contests
    }
    return tally_table(tallies, names, choices, caption)


def _history_table(answer: dict[str, Any], caption: str) -> Table:
    table = Table(caption=caption, caption_justify="left")
    for name in ("partition", "offset", "type", "contest", "version", "received", "state", "rules"):
        table.add_column(name)
    for entry in answer["history"]:
        rules = [finding["rule"] for finding in entry["findings"]]
        columns = [
            entry[name] for name in ("partition", "offset", "type", "contest", "version", "received_at", "state")
        ]
        table.add_row(*("" if each is None else str(each) for each in columns), " ".join(rules))
    return table


def _finance_table(answer: dict[str, Any], caption: str) -> Table:
    table = Table(
        caption=f"{caption}; amounts in 1/{10 ** answer['decimals']} {answer['currency']}", caption_justify="left"
    )
    columns = ("account", "report", "version", "state", "opening", "income_total", "spending_total", "closing")
    for name in (*columns, "rules"):
        table.add_column(name, justify="left" if name in ("account", "report", "state", "rules") else "right")
    for report in answer["reports"]:
        cells = (f"{report[name]:,}" if isinstance(report[name], int) else report[name] for name in columns)
        table.add_row(*cells, " ".join(report["rules"]))
    return table
