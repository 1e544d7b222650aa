"""What an audit found, for programs (JSON) and for people (one HTML page without anything from elsewhere)."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import Any

import orjson

from audit.count.numbering import NOT_PART_OF_THE_VERDICT, KeyCounts, Numbering
from audit.count.values import FinanceReports
from audit.report.outcome import Report

DIFFERENCES_SHOWN_MAX = 10_000
REFUSED_SHOWN_MAX = 1_000


def as_json(report: Report) -> bytes:
    return orjson.dumps(_facts(report), option=orjson.OPT_INDENT_2)


def _facts(report: Report) -> dict[str, Any]:
    return {
        "verdict": report.verdict.name,
        "line": report.line,
        "source": report.source,
        "began_at": _time(report.began_at),
        "election": report.election,
        "mode": report.mode,
        "definition": report.definition,
        "logs": [
            {
                "partition": head.partition,
                "origin": head.origin,
                "size": head.size,
                "root": head.root.hex(),
                "signed_at": {name: _time(at) for name, at in sorted(head.witnesses.items())},
            }
            for head in report.heads
        ],
        "records": report.records,
        "refused": {
            "count": len(report.refused),
            "first": [each._asdict() for each in report.refused[:REFUSED_SHOWN_MAX]],
        },
        "finance": None if report.finance is None else {"changes_the_verdict": False, **report.finance._asdict()},
        "numbering": _numbering(report.numbering),
        "tallies_compared": report.compared,
        "discoveries": {
            "count": len(report.discoveries),
            "first": [
                {"verdict": each.verdict.name, "where": each.where, "sentence": each.sentence}
                for each in report.discoveries[:DIFFERENCES_SHOWN_MAX]
            ],
        },
        "notes": report.notes,
        "seconds": {name: round(seconds, 2) for name, seconds in report.steps},
    }


def _numbering(numbering: Numbering | None) -> dict[str, Any] | None:
    if numbering is None:
        return None
    return {
        "changes_the_verdict": False,
        "keys": numbering.keys,
        "events": numbering.events,
        "counts": numbering.counts,
        "missing_numbers": numbering.missing,
        "first_keys": [each._asdict() for each in numbering.first_keys],
        "first": [
            {
                **each._asdict(),
                "events": [record._asdict() for record in each.events],
                "sentence": each.sentence,
            }
            for each in numbering.first
        ],
    }


def as_html(report: Report) -> bytes:
    facts = _facts(report)
    logs = [
        (log["partition"], f"{log['size']:,}", log["root"], ", ".join(f"{n} {t}" for n, t in log["signed_at"].items()))
        for log in facts["logs"]
    ]
    found = [(each["verdict"], each["where"], each["sentence"]) for each in facts["discoveries"]["first"]]
    refused = [tuple(each.values()) for each in facts["refused"]["first"]]
    parts = [
        f"<h1 class={report.verdict.name.lower()}>{escape(report.line)}</h1>",
        f"<p>{escape(report.source)}: {escape(report.mode)} election <b>{escape(report.election)}</b>, definition "
        f"<code>{escape(report.definition)}</code>; audited {escape(facts['began_at'])}.</p>",
        *(f"<p>{escape(note)}</p>" for note in report.notes),
        _table("What is wrong", ("verdict", "where", "what"), found),
        _table("The logs", ("log", "records", "root", "signed at"), logs),
        _table("Records", ("type", "records"), [(kind, f"{count:,}") for kind, count in report.records.items()]),
        _table(
            "Records that must not count, and were not counted",
            ("log", "record", "rule", "type", "key", "problem"),
            refused,
        ),
        *_finance_parts(report.finance),
        *_numbering_parts(report.numbering),
        _table("Time", ("step", "seconds"), list(facts["seconds"].items())),
    ]
    return (_HEAD + "\n".join(part for part in parts if part) + "\n").encode()


def _finance_parts(finance: FinanceReports | None) -> list[str]:
    if finance is None or not finance.reports:
        return []
    return [f"<h2>Campaign finance</h2>\n<p>{escape(finance.line)}. No number of votes depends on them.</p>"]


def _numbering_parts(numbering: Numbering | None) -> list[str]:
    if numbering is None:
        return []
    names = tuple(name.replace("_", " ") for name in KeyCounts._fields)
    return [
        f"<h2>What the keys' numbers show</h2>\n<p>{escape(numbering.line)}. {escape(NOT_PART_OF_THE_VERDICT)}</p>",
        _table("Keys with findings", names, [tuple(each) for each in numbering.first_keys]),
        _table("Numbers and corrections", ("kind", "what"), [(each.kind, each.sentence) for each in numbering.first]),
    ]


def _table(title: str, head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    if not rows:
        return ""
    lines = ["".join(f"<td>{'' if cell is None else escape(str(cell))}</td>" for cell in row) for row in rows]
    names = "".join(f"<th>{name}</th>" for name in head)
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f"<h2>{title}</h2>\n<table>\n<tr>{names}</tr>\n{body}\n</table>"


def _time(at: float) -> str:
    """A server or a witness may sign a time that no calendar has, and that must not stop the report."""
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return f"{at} s after 1970"


_HEAD = """<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Rekap audit</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem; padding: .6rem 1rem; color: #fff; overflow-wrap: anywhere }
.verified { background: #17633a } .differs { background: #8a4b00 } .tampered { background: #8f1d1d }
table { border-collapse: collapse; display: block; overflow-x: auto }
td, th { border-bottom: 1px solid #ccc; padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }
</style>
"""
