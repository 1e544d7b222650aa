"""A read model that is of another ledger, as after a restore or with a fresh Kafka, is not continued, however long the
topics have grown meanwhile, and however alike the offsets are."""

from __future__ import annotations

import asyncio

import asyncpg
import httpx
import pytest
import pytest_asyncio

from consumers.recorder.transaction import RecorderError
from consumers.recorder.worker import Recorder
from projections.readmodel.queries import schema_of
from rekap.operate.stack import Stack
from runtime.settings import read_settings, variable
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATION = "1.1.1-1"


stack = stack_of("another")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def recorded(stack: Stack) -> None:
    """One form is recorded, and then the recorder is stopped."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        await client.post("/v1/submissions", content=Voices(stack).sign(reported(STATION)))

        async def is_counted() -> bool:
            shown = (await client.get(f"/v1/stations/{STATION}")).json()
            return bool(shown["contests"][0]["state"] == "counted")

        await eventually(is_counted)
    await stack.supervisor.stop("recorder")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("UPDATE record SET leaf = sha256(leaf) WHERE station IS NOT NULL", "it has another record at offset 1 of"),
        ('UPDATE record SET "offset" = 7 WHERE station IS NOT NULL', "it has a record at offset 7 of"),
    ],
)
async def test_a_read_model_of_another_ledger_is_named_and_not_written_to(
    stack: Stack, change: str, sentence: str
) -> None:
    schema = schema_of(stack.definition.election)
    connection = await asyncpg.connect(
        stack.environment[variable("database")], server_settings={"search_path": f'"{schema}"'}
    )
    try:
        assert await connection.execute(change) == "UPDATE 1"
    finally:
        await connection.close()
    settings = read_settings({**stack.environment, variable("generation"): "1"})
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(10, stop.set)
    with pytest.raises(RecorderError, match=f"of another ledger: {sentence}"):
        await Recorder(settings, stack.definition).run(stop)
