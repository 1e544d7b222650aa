"""Answers about campaign finance: reports with their sums and findings, and the kinds that the package states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from projections.definition.compiled import Definition
from projections.shown.published import event_links, published_time
from schemas.codes import NOTHING_YET
from schemas.definition.finance_settings import FinanceSettings
from schemas.derived.blocks import FINANCE


def finance_settings(definition: Definition) -> FinanceSettings:
    """Raises LookupError where the package does not describe campaign finance."""
    settings = definition.election.finance
    if settings is None:
        raise LookupError("This election's package does not describe campaign finance.")
    return settings


def finance_cut(definition: Definition, blocks: Mapping[tuple[str, int], int]) -> dict[str, int]:
    """`as_of` of finance: for each ledger partition the offset of the last finance report that is counted in."""
    return {
        str(partition): blocks.get((FINANCE, partition), int(NOTHING_YET)) for partition in range(definition.partitions)
    }


def finance_head(definition: Definition, blocks: Mapping[tuple[str, int], int]) -> dict[str, Any]:
    """What each page of finance reports begins with. Raises LookupError as `finance_settings`."""
    settings = finance_settings(definition)
    return {
        "as_of": finance_cut(definition, blocks),
        "currency": settings.currency,
        "decimals": settings.decimals,
    }


def finance_line(definition: Definition, row: Mapping[str, Any]) -> dict[str, Any]:
    """A report as it is listed, from a row of readmodel/finance_queries.py."""
    event = orjson.loads(row["payload"])
    findings = orjson.loads(row["findings"])
    income, spending = event.get("income", []), event.get("spending", [])
    income_total, spending_total = (sum(line["amount"] for line in lines) for lines in (income, spending))
    partition, offset = row["partition"], row["offset"]
    return {
        "account": row["account"],
        "area": event["area"],
        "party": event.get("party"),
        "contest": event.get("contest"),
        "choice": event.get("choice"),
        "name": _candidate_name(definition, event),
        "report": event["report"],
        "version": event["version"],
        "state": row["state"],
        "rules": [finding["rule"] for finding in findings],
        "findings": findings,
        "begins": event["begins"],
        "ends": event["ends"],
        "submitted": event["submitted"],
        "due": _due(definition, event["report"]),
        "opening": event["opening"],
        "income": [{"donors": None, "largest": None, **line} for line in income],
        "income_total": income_total,
        "spending": spending,
        "spending_total": spending_total,
        "closing": event["closing"],
        "closing_calculated": event["opening"] + income_total - spending_total,
        "opinion": event.get("opinion"),
        "document": {"url": None, **event["document"]},
        "event": row["event"],
        "partition": partition,
        "offset": offset,
        "received_at": published_time(row["received_us"]),
        "links": {"self": f"/v1/finance/{row['account']}", **event_links(partition, offset), **_links(event)},
    }


def _candidate_name(definition: Definition, event: Mapping[str, Any]) -> str | None:
    """The candidate's name on the ballot; None for a party, whose name is in its profile."""
    if event.get("contest") is None:
        return None
    contest = definition.ballots.contest(event["contest"])
    return contest.ballot[contest.choice_index[event["choice"]]].name


def _due(definition: Definition, report: str) -> str | None:
    kinds = finance_settings(definition).reports
    due = next((kind.due for kind in kinds if kind.id == report), None)
    return None if due is None else due.isoformat()


def _links(event: Mapping[str, Any]) -> dict[str, str | None]:
    if event.get("party") is not None:
        return {"profile": f"/v1/parties/{event['party']}", "result": None}
    contest, choice = event["contest"], event["choice"]
    return {"profile": f"/v1/candidates/{contest}/{choice}", "result": f"/v1/contests/{contest}"}


def kinds_answer(definition: Definition) -> dict[str, Any]:
    """What the package states about campaign finance. Raises LookupError as `finance_settings`."""
    return finance_settings(definition).model_dump(mode="json")
