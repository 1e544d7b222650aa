"""Import of a past election: its real results are signed and sent through the gateway, like those of an election night."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console
from rich.progress import Progress

from rekap.client.sending import BATCH_LINES, send_batch
from rekap.elections.importers.kawalpemilu_2019 import ROOT, Body, Reading, read
from rekap.elections.importers.kawalpemilu_2019_maps import write_maps
from rekap.errors import BadOutcomeError
from rekap.operate.stack import Stack
from rekap.station.signing import Signer
from runtime.files.key_files import public_row
from runtime.http_client import client_for
from runtime.package.writing import write_package
from schemas.definition.package import Role

NO_TIME = "2019-04-17T00:00:00Z"
"""`created_at` of a reading whose time the extract does not have: the day of the vote."""


class ImportFailedError(BadOutcomeError):
    """A reading was refused, or the totals did not arrive; the message states which or why."""


def import_package(
    source: Path, reading: Reading, arithmetic: Literal["soft", "hard"], directory: Path
) -> tuple[list[Body], Ed25519PrivateKey, Ed25519PrivateKey]:
    """Write the package to `directory`, with maps where the extract has borders. Returns the events' bodies, the authority's
    key and the officer's."""
    imported = read(source, arithmetic=arithmetic)
    authority, officer = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    keys = (
        public_row(authority, Role.AUTHORITY, ROOT, "import"),
        public_row(officer, Role.STATION_OFFICER, ROOT, "import"),
    )
    package = imported.package(reading, keys)
    write_package(package, directory)
    write_maps(source, package, directory)
    bodies = list(imported.kpu_reading() if reading == "kpu" else imported.crowd_reading())
    return bodies, authority, officer


async def submit_all(stack: Stack, bodies: list[Body], officer: Ed25519PrivateKey) -> None:
    """Sign and submit every body, each version naming the one it supersedes. Raises ImportFailedError."""
    election = stack.definition.election
    signer = Signer(officer, election=election.id, mode=election.mode.value, definition=stack.definition.hash)
    latest: dict[str, str] = {}
    envelopes = []
    for body in bodies:
        whole: dict[str, Any] = {"created_at": NO_TIME, **body}
        if body["version"] > 1:
            whole["supersedes"] = latest[body["station"]]
        signed = signer.sign(whole)
        latest[body["station"]] = signed.event_id
        envelopes.append(signed.envelope)
    async with client_for(stack.url, seconds_max=60) as client:
        with Progress(console=Console(file=sys.stderr)) as progress:
            task = progress.add_task("submitting", total=len(envelopes))
            for start in range(0, len(envelopes), BATCH_LINES):
                batch = envelopes[start : start + BATCH_LINES]
                for number, answer in enumerate(await send_batch(client, stack.url, batch), start + 1):
                    if answer.problem is not None:
                        raise ImportFailedError(f"event {number}: {answer.problem['detail']}")
                progress.advance(task, len(batch))


async def caught_up(stack: Stack, events: int, *, seconds_max: int = 300) -> dict[str, Any]:
    """The root area as the API serves it, once all of these events are in both of its cuts. Raises ImportFailedError."""
    root = stack.definition.tree.codes[stack.definition.tree.root]
    expected = events + stack.definition.partitions
    answer: dict[str, Any] = {}
    async with client_for(stack.url, seconds_max=10) as client:
        for _ in range(seconds_max * 5):
            with suppress(httpx.HTTPError):
                answer = (await client.get(f"{stack.url}/v1/areas/{root}")).raise_for_status().json()
                if all(
                    sum(offset + 1 for office in answer["offices"] for offset in office[cut].values()) >= expected
                    for cut in ("as_of", "shard_as_of")
                ):
                    return answer
            await asyncio.sleep(0.2)
    raise ImportFailedError(f"after {seconds_max} s the totals have not arrived; as_of is {answer.get('as_of')}")
