"""Stages 1 and 2 of national.py: the ledger is filled, and one tabulator and one roll-up count it."""

from __future__ import annotations

import time

from made_ledger import fill_ledger

from nation.run import (
    Run,
    Sample,
    WrongError,
)
from projections.area.tally import HEAD, STATIONS, TallyView
from runtime.kafka.clients import plain_consumer
from schemas.derived.results import Result

SETTLE_SECONDS = 60
"""For the last blocks to be rolled up."""


async def fill(run: Run) -> None:
    began = time.monotonic()
    await fill_ledger(run.settings, run.stack.definition, run.made)
    took = time.monotonic() - began
    run.show("ledger: producer to Kafka", f"{run.made.results / took:,.0f} results/s ({took:.0f} s)")


async def count(run: Run) -> None:
    began = time.monotonic()
    await run.stack.start("rollup", "tabulator")
    folded = began
    async for results in run.folded():
        run.curve.append(
            Sample(
                results,
                run.meter.cpu_seconds("tabulator"),
                run.meter.cpu_seconds("rollup"),
                run.meter.resident("tabulator"),
                time.monotonic() - began,
            )
        )
        print(f"  {results:,.0f} of {run.made.results:,}  {results / (time.monotonic() - began):,.0f}/s", end="\r")
        if results >= run.made.results:
            folded = time.monotonic()
            break
    await totals_are_right(run)
    took = time.monotonic() - began
    run.show(
        "count: ledger to all totals, 1 tabulator",
        f"{run.made.results / took:,.0f} results/s ({took:.0f} s from process start, "
        f"all right; totals {time.monotonic() - folded:.1f} s after the last block)",
    )
    cpu = {name: run.meter.cpu_seconds(name) / run.made.results * 1e6 for name in ("tabulator", "rollup")}
    run.show("count: CPU per result", f"tabulator {cpu['tabulator']:.0f} µs, roll-up {cpu['rollup']:.0f} µs")


async def totals_are_right(run: Run) -> None:
    """The newest total of each contest is that which was made. Raises WrongError."""
    definition = run.stack.definition
    newest: dict[str, list[int]] = {}
    wrong = "nothing was published"
    roots: dict[str, str] = {
        contest.id: definition.tree.codes[contest.root_area] for contest in definition.ballots.contests
    }
    consumer = plain_consumer(run.settings, run.topics.results)
    await consumer.start()
    ends = time.monotonic() + SETTLE_SECONDS + 90
    try:
        while time.monotonic() < ends:
            for messages in (await consumer.getmany(timeout_ms=500)).values():
                for message in messages:
                    for contest, area, tally in Result.from_bytes(message.value).areas:
                        if roots[contest] == area:
                            newest[contest] = tally
                    ends = max(ends, time.monotonic() + SETTLE_SECONDS)
            wrong = _first_wrong(run, newest)
            if not wrong:
                return
    finally:
        await consumer.stop()
    raise WrongError(wrong)


def _first_wrong(run: Run, newest: dict[str, list[int]]) -> str:
    for contest, (counted, held) in run.made.stations.items():
        if counted + held and contest not in newest:
            return f"{contest}: nothing was published"
        if contest not in newest:
            continue
        view = TallyView.of(newest[contest])
        if view.counted[STATIONS] != counted or view.held[STATIONS] != held:
            found = f"{view.counted[STATIONS]} counted, {view.held[STATIONS]} held"
            return f"{contest}: expected {counted} counted and {held} held stations, got {found}"
        if list(view.counted[HEAD:]) != run.made.votes[contest]:
            return f"{contest}: expected {run.made.votes[contest]}, got {list(view.counted[HEAD:])}"
    return ""


def cost(run: Run) -> list[tuple[float, float]]:
    """(results, CPU µs of the tabulator for each of the results since the point before)."""
    points = []
    last = run.curve[0]
    for sample in run.curve[1:]:
        if sample.results - last.results >= 100_000 or sample is run.curve[-1]:
            if sample.results > last.results:
                cost = (sample.cpu_seconds - last.cpu_seconds) / (sample.results - last.results) * 1e6
                points.append((sample.results, cost))
            last = sample
    return points
