"""Maps of a running count: each format, with results that are those of the snapshots, corrected while the count continues."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import re
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
import pytest_asyncio
from PIL import Image

from api.maps.routes import FEATURES_MAX
from projections.maps.palette import MUTED
from rekap.operate.stack import EXPORTER, WORKERS, Stack
from runtime.package.writing import write_package
from schemas.served.maps import MapCollection, MapIndex
from tests.support.archives import ended
from tests.support.small_election import reported, small_package
from tests.support.small_maps import VILLAGES, village_shapes, write_village_map
from tests.support.stacks import Voices, eventually, small_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

SVG = "{http://www.w3.org/2000/svg}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("maps")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(directory: Path, parts: dict[str, str]) -> AsyncIterator[Stack]:
    (directory / "election").mkdir()
    write_village_map(directory / "election")
    settings = {**parts, "REKAP_REQUESTS_PER_S": "0", "REKAP_FILES_EVERY_S": "1"}
    async with small_stack(directory, "mapped", settings, workers=(*WORKERS, EXPORTER)) as stack:
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(stack: Stack, voices: Voices) -> AsyncIterator[httpx.AsyncClient]:
    """A count in which a station of village 1.1.1 has counted, and one of 1.2.1 is held."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        for body in (reported("1.1.1-1", votes=(1, 7, 2)), reported("1.2.1-1", VA=999)):
            (await client.post("/v1/submissions", content=voices.sign(body))).raise_for_status()

        async def is_counted() -> bool:
            office = (await client.get("/v1/areas/N?office=president")).json()["offices"][0]
            stations = office["contests"][0]["stations"]
            return bool(stations["reported"] == 2 and office["as_of"] == office["shard_as_of"])

        async def has_maps() -> bool:
            return (await client.get("/v1/maps")).status_code == 200

        await eventually(is_counted)
        await eventually(has_maps)
        yield client


async def test_the_index_lists_each_map_and_each_address_has_the_stated_bytes(client: httpx.AsyncClient) -> None:
    index = MapIndex.model_validate((await client.get("/v1/maps")).json())
    assert [(each.kind, each.of, each.features) for each in index.maps] == [
        ("level", "nation", 1),
        ("level", "province", 2),
        ("level", "district", 4),
        ("level", "village", 8),
        ("contests", "president", 1),
        ("contests", "council", 3),
    ]
    assert index.results_features_max == FEATURES_MAX
    for each in index.maps:
        for file in each.files:
            plain = {"Accept-Encoding": "identity"}
            answer = await client.get(file.url, headers=plain)
            assert answer.status_code == 200, file.url
            assert (len(answer.content), answer.headers["content-type"]) == (file.bytes, file.media_type)
            assert (
                await client.get(file.url, headers={**plain, "If-None-Match": answer.headers["etag"]})
            ).status_code == 304


async def test_a_map_is_sent_compressed_to_who_accepts_it_and_in_ranges(client: httpx.AsyncClient) -> None:
    url = "/v1/maps/village.geojson"
    plain = await client.get(url, headers={"Accept-Encoding": "identity"})
    MapCollection.model_validate(plain.json())
    async with client.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as packed:
        raw = b"".join([piece async for piece in packed.aiter_raw()])
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert packed.headers["etag"] != plain.headers["etag"]
    part = await client.get(url, headers={"Accept-Encoding": "identity", "Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, plain.content[10:20])
    assert plain.headers["access-control-allow-origin"] == "*"


async def test_results_on_a_map_are_those_of_the_snapshots(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/maps/province.geojson?results=president")
    assert answer.headers["content-type"] == "application/geo+json"
    found = MapCollection.model_validate(answer.json())
    assert [feature.id for feature in found.features] == ["1", "2"]
    for feature in found.features:
        office = (await client.get(f"/v1/areas/{feature.id}?office=president")).json()["offices"][0]
        tally, own = office["contests"][0], feature.properties
        assert own.votes == tally["counted"]["votes"]
        assert ([own.leader] if own.leader else []) == tally["leaders"]
        assert (own.stations_expected, own.stations_counted, own.stations_held) == (
            tally["stations"]["expected"],
            tally["stations"]["counted"],
            tally["stations"]["held"],
        )
        assert (own.results_status, own.margin) == (tally["results_status"], tally["margin"])
        assert found.as_of == office["as_of"]
    first = found.features[0].properties
    assert (first.leader, first.leader_name, first.leader_share, first.counted_share) == ("02", "Pair 2", 0.7, 0.125)
    assert [choice.id for choice in found.choices or ()] == ["01", "02", "03"]


async def test_the_areas_within_an_area_and_the_districts_of_an_office(client: httpx.AsyncClient) -> None:
    within = MapCollection.model_validate((await client.get("/v1/maps/1/village.geojson?results=president")).json())
    assert [feature.id for feature in within.features] == list(VILLAGES[:4])
    assert within.bbox == [110, -7.9, 110.4, -7.8]
    topology = (await client.get("/v1/maps/1/village.topojson")).json()
    assert [each["id"] for each in topology["objects"]["areas"]["geometries"]] == list(VILLAGES[:4])
    used = {
        max(arc, ~arc) for each in topology["objects"]["areas"]["geometries"] for ring in each["arcs"] for arc in ring
    }
    assert used == set(range(len(topology["arcs"])))
    council = MapCollection.model_validate(
        (await client.get("/v1/maps/offices/council.geojson?results=council")).json()
    )
    assert [(each.id, each.properties.model_extra["seats"]) for each in council.features] == [  # type: ignore[index]
        ("council-a", 3), ("council-b", 3), ("council-c", 3)
    ]  # fmt: skip
    assert (council.compared_by, [choice.name for choice in council.choices or ()]) == ("party", ["Party 1", "Party 2"])
    by_party = MapCollection.model_validate((await client.get("/v1/maps/province.geojson?results=council")).json())
    assert (by_party.compared_by, by_party.features[0].properties.stations_expected) == ("party", 8)


async def test_pictures_show_who_leads_and_that_it_is_a_rehearsal(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/maps/village.svg?results=president")
    assert answer.headers["content-type"] == "image/svg+xml"
    root = ElementTree.fromstring(answer.content)
    fills = {
        (path.findtext(f"{SVG}title") or "").partition(":")[0]: path.get("fill") for path in root.iter(f"{SVG}path")
    }
    assert fills["Village 1.1.1"] == MUTED[1]
    assert (fills["Village 1.2.1"] or "").startswith("url(#"), "held: hatched"
    words = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert "REHEARSAL" in words
    assert any(word.startswith("1 of 16 stations counted. As of ledger offsets ") for word in words)
    png = await client.get("/v1/maps/village.png?results=president")
    assert (png.headers["content-type"], "content-encoding" in png.headers) == ("image/png", False)
    with Image.open(io.BytesIO(png.content)) as image:
        assert image.width == 1200
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24) or ()}
    assert tuple(bytes.fromhex(MUTED[1][1:])) in colours
    assert (await client.get("/v1/maps/1/district.png")).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "field", "sentence"),
    [
        (
            "/v1/maps/country.geojson",
            404,
            "path.name",
            "There is no level 'country' with maps; there are: nation, province",
        ),
        ("/v1/maps/station.geojson", 404, "path.name", "There is no level 'station'"),
        ("/v1/maps/province.kml", 422, "path.name", "'province.kml' is not of the form"),
        ("/v1/maps/province.geojson?results=mayor", 404, "office", "There is no office 'mayor'"),
        ("/v1/maps/province.geojson?resolution=best", 422, "query.resolution", "is not one of low, medium, high"),
        ("/v1/maps/province.geojson?result=president", 422, "query.result", "Did you mean 'results'?"),
        ("/v1/maps/9/village.svg", 404, "area", "There is no area '9'"),
        ("/v1/maps/offices/mayor.svg", 404, "office", "There is no office 'mayor'"),
        ("/v1/maps/offices/council.svg?results=president", 404, "query.results", "have no results of president"),
    ],
)
async def test_each_mistake_is_named(
    client: httpx.AsyncClient, path: str, status: int, field: str, sentence: str
) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json().get("field")) == (status, field), answer.text
    assert sentence in answer.json()["detail"]


async def test_the_steps_of_the_docs_work(client: httpx.AsyncClient, stack: Stack, tmp_path: Path) -> None:
    text = (
        (Path(__file__).parents[2] / "docs/maps.md")
        .read_text(encoding="utf-8")
        .replace("https://results.example", stack.url)
    )
    readers = text[: text.index("## For authorities")]
    curls = re.findall(r"^    (curl .+)$", readers, re.MULTILINE)
    (python,) = re.findall(r"```python\n(.+?)```", readers, re.DOTALL)
    assert len(curls) == 3
    outputs = []
    for command in (*([*shlex.split(curl), "--silent", "--fail"] for curl in curls), [sys.executable, "-c", python]):
        process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        assert process.returncode == 0, command
        outputs.append(out.decode())
    assert len(json.loads(outputs[0])["maps"]) == 6
    assert MapCollection.model_validate_json(outputs[1]).office == "president"
    assert (tmp_path / "province.png").read_bytes().startswith(b"\x89PNG")
    assert outputs[3].splitlines() == ["1 Province 1 Pair 2 0.7 0.125", "2 Province 2 None None 0.0"]


async def test_a_corrected_border_is_served_and_the_bulk_files_have_the_maps(
    client: httpx.AsyncClient, directory: Path, stack: Stack
) -> None:
    before = MapIndex.model_validate((await client.get("/v1/maps")).json())
    shapes = village_shapes()
    write_village_map(directory / "election", {**shapes, "2.2.2": None})

    async def corrected() -> MapIndex | None:
        index = MapIndex.model_validate((await client.get("/v1/maps")).json())
        return index if index.digest != before.digest else None

    after = await eventually(corrected)
    assert [each.not_drawn for each in after.maps][3] == ["2.2.2"]
    assert after.definition == before.definition == stack.definition.hash, "no new election"

    async def in_files() -> dict[str, Any] | None:
        catalogue = (await client.get("/v1/files")).json()
        return catalogue if catalogue["maps"] == after.digest else None

    catalogue = await eventually(in_files)
    of_maps = {each["name"]: each for each in catalogue["documents"] if each["name"].startswith("map.")}
    assert len(of_maps) == sum(len(each.files) for each in after.maps)
    name = "map.level.village.low.geojson"
    assert (await client.get(of_maps[name]["url"])).json()["features"][-1]["geometry"] is None
    (directory / "election" / "maps" / "village.geojson").write_text("{")
    log = directory / "exporter.log"

    async def refused() -> bool:
        return "maps/village.geojson: is not valid JSON" in log.read_text()

    await eventually(refused)
    assert (await client.get("/v1/maps")).json()["digest"] == after.digest, "the maps before are still served"
    for command in ("export", "archive"):
        target = directory / command
        run = await ended(stack, command, str(target))
        assert run.code == 0, run.err
        names = {path.name for path in target.rglob("*") if path.is_file()}
        assert "president.nation.area-votes.csv" in names
        assert not [name for name in names if name.startswith("map.")]
        assert "maps/village.geojson: is not valid JSON" in run.err


async def test_the_commands_check_and_make_maps(tmp_path: Path) -> None:
    package, target = tmp_path / "election", tmp_path / "made"
    write_package(small_package(), package)
    write_village_map(package)

    async def rekap(*arguments: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rekap", *arguments),
            env=dict(os.environ),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        return process.returncode, out.decode()

    code, out = await rekap("election", "check", str(package))
    assert (code, "8 village" in out) == (0, True), out
    code, out = await rekap("election", "maps", str(package), str(target))
    assert (code, "level village: 8 shapes" in out) == (0, True), out
    assert len(json.loads((target / "maps.json").read_bytes())["maps"]) == 6
    code, out = await rekap("election", "maps", str(package), str(target))
    assert (code, "is not empty" in out) == (2, True), out

    write_village_map(package, {**village_shapes(), "1.1.1": village_shapes()["1.1.2"]})
    for expected, arguments in ((1, ("check", str(package))), (2, ("maps", str(package), str(tmp_path / "other")))):
        code, out = await rekap("election", *arguments)
        assert code == expected, out
        assert "maps/village.geojson: feature 1 (1.1.1): 100 % of the smaller area lie under feature 2 (1.1.2)" in out
    write_package(small_package(), tmp_path / "without")
    code, out = await rekap("election", "maps", str(tmp_path / "without"), str(tmp_path / "none"))
    assert (code, "has no maps" in out) == (2, True), out
