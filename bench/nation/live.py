"""Stages 4 and 5 of national.py: the API starts, and corrections come by HTTP while clients follow."""

from __future__ import annotations

import asyncio
import time

import httpx
import orjson
from latency import Connection, Watch, cpu_each, cpu_seconds

from nation.run import (
    Run,
    WrongError,
    listen,
    office_is,
    percentiles,
)

BATCH_LINES = 100
RETRY_SECONDS = 2
CONNECTIONS = 8


async def serve(run: Run) -> None:
    began = time.monotonic()
    await run.stack.start("api")
    started = time.monotonic() - began
    async with httpx.AsyncClient(base_url=run.stack.url, timeout=30) as client:
        while (await client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.1)
        ready = time.monotonic() - began
        at = time.monotonic()
        answer = (await client.get("/v1/offices/president")).json()
        took = time.monotonic() - at
    counted = answer["contests"][0]["counted"]["votes"]
    if list(counted.values()) != run.made.votes["president"]:
        raise WrongError(f"the API answers {counted}, expected {run.made.votes['president']}")
    run.show("serve: API from process start", f"alive {started:.1f} s, ready {ready:.1f} s, first answer {took:.2f} s")


async def live(run: Run, rate: int, seconds: int, clients: int) -> None:
    definition = run.stack.definition
    president = definition.ballots.offices[0]
    watch = Watch()
    regencies = [code for n, code in enumerate(definition.tree.codes) if definition.tree.level[n] == 2]
    listening = [asyncio.create_task(listen(run.stack.url, {"office": president.id}, watch))]
    for number in range(clients - 1):
        office = definition.ballots.offices[number % len(definition.ballots.offices)]
        wish = {"office": office.id, "area": regencies[number * 7 % len(regencies)], "stations": number % 4 == 0}
        listening.append(asyncio.create_task(listen(run.stack.url, wish, None)))
    await asyncio.sleep(2)
    connections = [Connection(run.stack.url) for _ in range(CONNECTIONS)]
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        await connection.open()
        free.put_nowait(connection)
    answered: list[float] = []
    refused = later = 0
    tasks: list[asyncio.Task[None]] = []

    async def send(due: float, lines: list[bytes]) -> None:
        """As `rekap submit` does: what is answered with 503 is sent again."""
        nonlocal refused, later
        connection = await free.get()
        try:
            _, body = await connection.request("POST", "/v1/submissions:batch", b"\n".join(lines))
        finally:
            free.put_nowait(connection)
        answered.append(time.perf_counter() - due)
        again = []
        for line, text in zip(lines, body.splitlines(), strict=True):
            answer = orjson.loads(text)
            if answer["status"] == 503:
                again.append(line)
            elif "receipt" not in answer:
                refused += 1
            elif office_is(line, president.id):
                watch.sent(answer["receipt"]["partition"], answer["receipt"]["offset"], due)
        if again:
            later += len(again)
            await asyncio.sleep(RETRY_SECONDS)
            await send(due, again)

    before = cpu_seconds(run.stack)
    began = time.perf_counter()
    sent = 0
    for number in range(rate * seconds // BATCH_LINES):
        due = began + number * BATCH_LINES / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        lines = [next(run.later) for _ in range(BATCH_LINES)]
        sent += len(lines)
        tasks.append(asyncio.create_task(send(due, lines)))
    await asyncio.gather(*tasks)
    took = time.perf_counter() - began
    ends = time.perf_counter() + 60
    while watch.unseen and time.perf_counter() < ends:
        await asyncio.sleep(0.05)
    caught_up = time.perf_counter() - began - took
    used = {name: seconds - before[name] for name, seconds in cpu_seconds(run.stack).items()}
    for task in listening:
        task.cancel()
    for connection in connections:
        connection.close()
    run.show(
        f"live: corrections by HTTP at {rate:,}/s asked",
        f"{sent / took:,.0f}/s taken in batches of {BATCH_LINES}, {refused} refused, {later} asked to come again, "
        f"{watch.unseen} unseen, all seen {caught_up:.1f} s after the last",
    )
    run.show("live: CPU ms a submission", cpu_each(used, sent))
    run.show("live: batch to receipts", percentiles(answered))
    run.show(f"live: submission to feed, {clients} clients", percentiles(watch.waited))
    if refused or watch.unseen:
        raise WrongError(f"{refused} refused, {watch.unseen} unseen")
