"""Files that are exported while forms come in agree with each other, and with the replay of the cut that they name."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from rekap.operate.stack import Stack
from schemas.tables.results import (
    AREA_COUNTS,
    AREA_VOTES,
    COUNTS_OVER_TIME,
    STATION_COUNTS,
    STATION_VOTES,
    VOTES_OVER_TIME,
)
from tests.support.bulk_files import rows_of
from tests.support.small_election import annulled, reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

stack = stack_of("exports-in-a-count", REKAP_REQUESTS_PER_S="0", REKAP_CHECKPOINT_MS="100")

NUMBERS = ("registered_voters", "voters", "valid", "valid_ballots", "invalid", "blank", "total")
COUNTED = ("counted", "flagged")


async def _command(stack: Stack, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "rekap", *arguments),
        env={**os.environ, **stack.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


def _rows(files: Path, table: Any) -> list[dict[str, Any]]:
    names = [entry["name"] for entry in _manifest(files)["files"] if entry["table"] == table.name]
    return [row for name in names for row in rows_of(files / name, table)]


def _manifest(files: Path) -> Any:
    return orjson.loads((files / "manifest.json").read_bytes())


async def _submit(client: httpx.AsyncClient, voices: Voices, stations: tuple[str, ...], is_over: asyncio.Event) -> None:
    """Forms of all stations, then their corrections and some annulments, again and again until it is over."""
    version = 0
    while not is_over.is_set():
        version += 1
        for number, station in enumerate(stations):
            form = reported(station, (version, number, 3), version=version)
            if number % 7 == 6:
                form["form"]["VA"] = 999  # breaks F3: held
            (await client.post("/v1/submissions", content=voices.sign(form))).raise_for_status()
            if number % 5 == version % 5:
                order = voices.sign(annulled(station, version), "supervisor")
                (await client.post("/v1/submissions", content=order)).raise_for_status()
            if is_over.is_set():
                return


async def test_files_of_a_count_that_moves_agree_with_each_other_and_with_a_replay(
    stack: Stack, voices: Voices, tmp_path: Path
) -> None:
    is_over = asyncio.Event()
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        submitting = asyncio.create_task(_submit(client, voices, stack.definition.stations.codes, is_over))
        exports = [tmp_path / f"cut-{number}" for number in range(3)]
        for files in exports:
            await asyncio.sleep(1)
            await _command(stack, "export", "--format", "ndjson", "--office", "president", str(files))
            assert not submitting.done()
        is_over.set()
        await submitting
        cuts = [_manifest(files)["as_of"]["president"] for files in exports]
        assert sum(cuts[0].values()) < sum(cuts[-1].values()), "nothing was counted meanwhile"

        async def is_published() -> bool:
            logs = (await client.get("/v1/log")).json()["logs"]
            sizes = {str(log["partition"]): log["size"] for log in logs}
            return all(sizes[partition] > offset for partition, offset in cuts[-1].items())

        await eventually(is_published)
    for files in exports:
        await _check(stack, files)


async def _check(stack: Stack, files: Path) -> None:
    stations, tree = stack.definition.stations, stack.definition.tree
    counts, votes = _rows(files, STATION_COUNTS), _rows(files, STATION_VOTES)
    states: dict[str, Counter[str]] = {}
    sums: dict[str, Counter[str]] = {}
    for row in counts:
        for area in tree.lineage[stations.area[stations.number[row["station"]]]]:
            states.setdefault(tree.codes[area], Counter())[row["state"]] += 1
            if row["state"] in COUNTED:
                sums.setdefault(tree.codes[area], Counter())["valid"] += row["valid"]
    for row in votes:
        if row["state"] in COUNTED:
            for area in tree.lineage[stations.area[stations.number[row["station"]]]]:
                sums.setdefault(tree.codes[area], Counter())[row["choice"]] += row["votes"]
    areas = {row["area"]: row for row in _rows(files, AREA_COUNTS)}
    of_choices: dict[str, dict[str, int]] = {}
    for row in _rows(files, AREA_VOTES):
        of_choices.setdefault(row["area"], {})[row["choice"]] = row["votes"]
    for code, row in areas.items():
        own = states[code]
        assert row["stations_counted"] == sum(own[state] for state in COUNTED)
        assert (row["stations_held"], row["stations_annulled"]) == (own["held"], own["annulled"])
        assert row["valid"] == sums.get(code, Counter())["valid"]
        assert of_choices[code] == {choice: sums.get(code, Counter())[choice] for choice in of_choices[code]}
    # The last row over time is the cut.
    newest = {row["area"]: row for row in _rows(files, COUNTS_OVER_TIME)}
    for code in {row["area"] for row in areas.values() if row["level"] in ("nation", "province")} & newest.keys():
        assert {name: newest[code][name] for name in AREA_COUNTS.column_names} == areas[code]
    last_votes = {(row["area"], row["choice"]): row["votes"] for row in _rows(files, VOTES_OVER_TIME)}
    assert last_votes == {key: of_choices[key[0]][key[1]] for key in last_votes}
    # And the replay of the log up to the cut has the same numbers.
    to = orjson.dumps(_manifest(files)["as_of"]["president"]).decode()
    for code in ("N", "1", "2.1"):
        replayed = orjson.loads(
            await _command(stack, "replay", stack.url, "--to", to, "--area", code, "--office", "president", "--json")
        )
        office = replayed["offices"][0]
        for tally in (*office["contests"], *office["children"]):
            row = areas[tally["area"]]
            assert {name: row[f"stations_{name}"] for name in tally["stations"]} == tally["stations"]
            assert {name: row[name] for name in NUMBERS} == {name: tally["counted"][name] for name in NUMBERS}
            assert of_choices[tally["area"]] == tally["counted"]["votes"]
