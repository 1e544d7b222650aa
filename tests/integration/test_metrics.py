"""Every process gives Prometheus the metrics of docs/reference/metrics.md, with the figures of what happened."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from rekap.client.live_feed import follow
from rekap.operate.stack import EXPORTER, WORKERS, Stack
from rekap.operate.worker import API_ROLES
from runtime.kafka.clients import ordered_producer
from runtime.kafka.topics import SUBTOTALS_PARTITIONS, topics_of
from runtime.metrics import REGISTRIES
from runtime.settings import read_settings
from schemas.ledger.envelope import ledger_record
from schemas.served.feed_cursors import Positions, cursor_of
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROLES_HERE = ("front", *API_ROLES)
"""One process of the API has all of these here."""
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


WORKERS_HERE = (*WORKERS, EXPORTER)
stack = stack_of("metrics", with_metrics=True, workers=WORKERS_HERE, REKAP_HEARTBEAT_S="1")


async def _families(stack: Stack, role: str) -> list[Metric]:
    url = stack.url if role in ROLES_HERE else f"http://127.0.0.1:{stack.metrics_port + WORKERS_HERE.index(role)}"
    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.get(f"{url}/metrics")
    assert answer.status_code == 200
    return list(text_string_to_metric_families(answer.text))


async def _samples(stack: Stack, role: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in await _families(stack, role)
        for sample in family.samples
    }


@pytest.mark.parametrize("role", sorted(REGISTRIES))
async def test_each_process_serves_the_metrics_of_its_role(stack: Stack, role: str) -> None:
    names = {family.name for family in await _families(stack, role)}
    # Not the samples: a counter with labels has none before it counts, and here other tests have had it count.
    roles = ROLES_HERE if role in ROLES_HERE else {role}
    own = {metric.name for each in roles if each in REGISTRIES for metric in REGISTRIES[each].collect()}
    assert own <= names
    foreign = {metric.name for each in REGISTRIES.values() for metric in each.collect()} - own
    assert not {name for name in names for other in foreign if name.startswith(other)}


async def test_the_figures_are_of_what_happened(stack: Stack, voices: Voices, client: httpx.AsyncClient) -> None:
    before = await _samples(stack, "api")
    receipt = (await client.post("/v1/submissions", content=voices.sign(reported("1.1.1-1")))).json()
    await client.post("/v1/submissions", content=b"C.HASIL")
    await client.post("/v1/submissions", content=voices.sign(reported("1.1.1-1"), "nobody"))
    after = await _samples(stack, "api")

    def grown(name: str, **labels: str) -> float:
        sample = (name, tuple(sorted(labels.items())))
        return after[sample] - before.get(sample, 0)

    assert grown("rekap_gateway_answers_total", status="201") == 1
    assert grown("rekap_gateway_answers_total", status="422") == 1
    assert grown("rekap_gateway_refused_total", rule="K1") == 1
    assert after["rekap_part_up", (("part", "kafka"),)] == 1
    assert after["rekap_stopped_partitions", ()] == 0

    partition = (("partition", str(receipt["partition"])),)

    async def is_published() -> bool:
        tabulator, notary = await _samples(stack, "tabulator"), await _samples(stack, "notary")
        return bool(
            tabulator.get(("rekap_tabulator_states_total", (("state", "counted"),))) == 1
            and tabulator["rekap_tabulator_records_total", partition] == receipt["offset"] + 1
            and tabulator["rekap_tabulator_lag_records", partition] == 0
            and notary["rekap_log_size_entries", partition] == receipt["offset"] + 1
        )

    await eventually(is_published)
    recorder, rollup = await _samples(stack, "recorder"), await _samples(stack, "rollup")
    assert recorder["rekap_recorder_transactions_total", ()] > 0
    assert rollup["rekap_rollup_blocks_total", (("applied", "applied"),)] > 0


async def test_holds_and_gaps_of_the_feed_are_counted(stack: Stack, voices: Voices, client: httpx.AsyncClient) -> None:
    await client.post("/v1/submissions", content=voices.sign(reported("1.1.1-2", VA=999)))

    async def is_held() -> bool:
        return (await _samples(stack, "api")).get(("rekap_held_stations", (("office", "president"),))) == 1

    await eventually(is_held)
    old = cursor_of(Positions(0, (0,) * SUBTOTALS_PARTITIONS), stack.definition.hash, generation=7)
    async with aclosing(follow(stack.url, office="president", cursor=old)) as messages:
        kinds = [(await anext(messages))["type"] for _ in range(3)]
    assert kinds[1:] == ["gap", "snapshot"]
    gap = ("rekap_live_gaps_total", (("reason", "cursor-too-old"),))
    assert (await _samples(stack, "api"))[gap] == 1


async def test_a_stage_at_which_nobody_works_is_named(stack: Stack, client: httpx.AsyncClient) -> None:
    for role in ("recorder", "rollup", "tabulator", "notary"):
        await stack.supervisor.stop(role)

        async def is_named(role: str = role) -> bool:
            health = (await client.get("/v1/health")).json()
            return bool(health["without_worker"] == [role] and health["status"] == "degraded")

        await eventually(is_named)
        await stack.start(role)

        async def is_back() -> bool:
            return bool((await client.get("/v1/health")).json()["status"] == "ok")

        await eventually(is_back)


async def test_a_record_from_the_future_does_not_hide_that_nothing_new_comes(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    """A writer past the gateway may have put any time there, and a gateway may have a wrong clock."""
    record = ledger_record(voices.sign(reported("9.9.9-9")), "nobody", "2999-01-01T00:00:00Z")
    producer = ordered_producer(read_settings(stack.environment))
    await producer.start()
    try:
        await producer.send_and_wait(topics_of(stack.definition.election).ledger, record, partition=0)
    finally:
        await producer.stop()

    async def is_listed() -> bool:
        return "2999-01-01" in (await client.get("/v1/events", params={"order": "newest"})).text

    await eventually(is_listed)
    await asyncio.sleep(3)
    assert (await client.get("/v1/health")).json()["newest_record_age_s"] >= 3


async def test_ready_means_that_all_it_needs_is_there(client: httpx.AsyncClient) -> None:
    async def is_ready() -> bool:
        return (await client.get("/readyz")).status_code == 200

    await eventually(is_ready)
    assert (await client.get("/livez")).json() == {"status": "ok"}
