"""`rekap portal` beside the real parts: an archive answers byte for byte as its API did, and nothing stops the others."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import ckanapi
import httpx
import orjson
import pytest
import pytest_asyncio
from rdflib import DCAT, RDF, Graph, Namespace

from rekap.embedded.ports import free_ports
from rekap.operate.stack import Stack
from rekap.portal.configuration import read_configuration
from tests.support.archives import damage, ended, list_again, listed
from tests.support.small_election import annulled, reported, reviewed
from tests.support.small_finance import finance_package, finance_report
from tests.support.small_maps import write_village_map
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

ELECTION = "in-portal"
VERSIONS = 30
SPDX = Namespace("http://spdx.org/rdf/terms#")

stack = stack_of(
    ELECTION, package=finance_package, REKAP_CHECKPOINT_MS="100", REKAP_REQUESTS_PER_S="0", REKAP_FILES_EVERY_S="1"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def voted(stack: Stack) -> None:
    """A night with a form in each state, finance reports and maps."""
    voices = Voices(stack)
    write_village_map(Path(stack.environment["REKAP_PACKAGE"]))
    lines = [voices.sign(reported("1.1.1-1", (n % 90, 1, 1), version=1 + n)) for n in range(VERSIONS)]
    lines += [voices.sign(reported(station)) for station in ("1.1.1-2", "1.2.1-1", "2.1.1-1", "2.2.2-2")]
    lines += [voices.sign(reported("2.1.2-1", VA=7)), voices.sign(reported("2.1.2-2", VA=7))]
    lines += [voices.sign(annulled("2.2.2-2", 1), "supervisor")]
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        answer = await client.post("/v1/submissions:batch", content=b"\n".join(lines))
        receipts = [orjson.loads(line) for line in answer.text.splitlines()]
        assert {each["status"] for each in receipts} == {201}
        event = receipts[VERSIONS + 4]["receipt"]["submission"]
        await client.post("/v1/submissions", content=voices.sign(reviewed("2.1.2-1", event, "accepted"), "reviewer"))
        late = finance_report("P1", "2", submitted="2028-12-09")
        for body in (
            finance_report("P1", "1"),
            late,
            finance_report("P2", "1.1", closing=5),
            finance_report(None, "N"),
        ):
            (await client.post("/v1/submissions", content=voices.sign(body, "finance"))).raise_for_status()

        async def is_counted() -> bool:
            tally = (await client.get("/v1/contests/president")).json()["tally"]
            return bool(tally["stations"]["reported"] == 6 and tally["stations"]["annulled"] == 1)

        async def is_exported() -> bool:
            maps, files = await client.get("/v1/maps"), await client.get("/v1/files")
            finance = (await client.get("/v1/finance")).json()["reports"]
            return (maps.status_code, files.status_code, len(finance)) == (200, 200, 4)

        await eventually(is_counted)
        await stack.start("exporter")
        await eventually(is_exported)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def archive(stack: Stack, voted: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("archive")
    run = await ended(stack, "archive", str(directory))
    assert run.code == 0, run.err
    return directory


def _configured(directory: Path, *elections: tuple[str, str, str]) -> Path:
    """A configuration file with elections of (id, archive or url, where)."""
    lines = ['title = "Elections of a test"', 'state = "state"']
    for id, kind, where in elections:
        lines += ["[[election]]", f'id = "{id}"', f'{kind} = "{where}"']
    directory.mkdir(exist_ok=True)
    (directory / "portal.toml").write_text("\n".join(lines))
    return directory / "portal.toml"


@asynccontextmanager
async def _serving(configuration: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A portal, without any setting of the stack."""
    (port,) = free_ports(1)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REKAP_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rekap", "portal", str(configuration)),
        env=environment | {"REKAP_PORT": str(port), "REKAP_REQUESTS_PER_S": "0"},
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:

            async def answers() -> bool:
                assert process.returncode is None
                try:
                    return (await client.get("/v1/elections")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(answers)
            yield client
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _until(client: httpx.AsyncClient, id: str, state: str) -> dict[str, Any]:
    async def is_so() -> dict[str, Any] | None:
        found: dict[str, Any] = (await client.get(f"/v1/elections/{id}")).json()
        return found if found["state"] == state else None

    return await eventually(is_so)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def portal(
    stack: Stack, archive: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """A portal with the archive, and three elections that cannot be served."""
    directory = tmp_path_factory.mktemp("portal")
    (port,) = free_ports(1)
    configuration = _configured(
        directory,
        ("missing", "archive", "nowhere"),
        ("another", "archive", str(archive)),
        ("gone", "url", f"http://127.0.0.1:{port}"),
        (ELECTION, "archive", str(archive)),
    )
    async with _serving(configuration) as client:
        await _until(client, ELECTION, "served")
        yield client


async def _addresses(stack: Stack, client: httpx.AsyncClient, archive: Path) -> list[str]:
    """Addresses of each kind of answer that depends on the count and the package alone."""
    definition = stack.definition
    found = [entry["answers"] for entry in listed(archive / "latest") if "answers" in entry]
    found += [f"/v1/areas/{code}" for code in definition.tree.codes]
    found += [f"/v1/areas/{code}?office=council" for code in definition.tree.codes]
    for station in definition.stations.codes:
        found += [f"/v1/stations/{station}", f"/v1/stations/{station}?limit=2"]
    for code in definition.tree.codes:
        found += [f"/v1/areas/{code}/stations?contest={contest.id}" for contest in definition.ballots.contests]
        found += [f"/v1/areas/{code}/stations?contest=president&state={state}" for state in ("counted", "held")]
    found += ["/v1/areas/N/stations?contest=president&limit=1", "/v1/stations/1.1.1-1?after=0/3"]
    filters = [
        "", "station=1.1.1-1&", "area=1.1&", "area=N&", "area=1.1.1&", "area=2&type=result.reported&", "contest=president&",
        "type=result.annulled&", "contest=council-a&type=result.reported&", "from=2020-01-01T00:00:00Z&",
        "to=2020-01-01T00:00:00Z&",
    ]  # fmt: skip
    found += [f"/v1/events?{each}order={order}" for each in filters for order in ("newest", "oldest")]
    events = (await client.get("/v1/events?limit=500")).json()["events"]
    found += [f"/v1/events?author={key}&limit=7" for key in sorted({each["author"] for each in events})]
    for each in events:
        record = f"{each['partition']}/{each['offset']}"
        found += [f"/v1/events/{record}", f"/v1/events/{record}/entry", f"/v1/submissions/{each['event']}"]
    found += [f"/v1/keys/{key}" for key in definition.keys]
    for each in (
        "",
        "state=held&",
        "state=waiting&",
        "rule=F3&",
        "area=1.1&",
        "contest=council-a&",
        "fields=station,state&",
    ):
        found += [f"/v1/stations?{each}sort={order}" for order in ("area", "changed", "-changed")]
        found.append(f"/v1/stations?{each}format=csv&limit=3")
    found += ["/v1/areas", "/v1/areas?level=village", "/v1/areas?level=district&sort=-stations_counted&format=ndjson"]
    found += [f"/v1/search?q={each}" for each in ("village", "party", "1.1.1-1", "pair 1")]
    for table in ("area-counts", "area-votes", "station-counts", "station-votes"):
        found += [f"/v1/files/areas/{area}/{table}.csv?office=president" for area in ("N", "1.1", "1.1.1")]
    found += ["/v1/elections", "/v1/offices", "/v1/contests?limit=2"]
    found += ["/v1/log", "/v1/package.zip", "/v1/schemas/events"]
    found += ["/v1/candidates?name=a", "/v1/candidates?contest=president&limit=1", "/v1/parties?limit=1"]
    accounts = "parties/P1/1", "parties/P2/1.1", "candidates/president/01", "candidates/president/02"
    found += ["/v1/finance/kinds", *(f"/v1/finance/{account}" for account in accounts)]
    for each in ("", "party=P1&", "area=1&", "contest=president&", "rule=D4&", "state=held&", "state=superseded&"):
        found += [f"/v1/finance?{each}limit={limit}" for limit in (1, 100)]
        found += [f"/v1/finance?{each}format=csv", f"/v1/finance?{each}format=ndjson&table=finance-lines&limit=1"]
    found += ["/v1/maps", "/v1/maps/1/village.geojson", "/v1/maps/1/village.svg", "/v1/maps/offices/council.topojson"]
    found += ["/v1/maps/offices/council.svg?results=council", "/v1/maps/village.geojson?resolution=high"]
    for format in ("geojson", "topojson", "svg", "png"):
        found += [f"/v1/maps/province.{format}?results={office}" for office in ("president", "council")]
    sizes = {each["partition"]: each["size"] for each in (await client.get("/v1/log")).json()["logs"]}
    found += [f"/v1/consistency/{partition}?old=1&new={size}" for partition, size in sizes.items()]
    found += [f"/log/{partition}/keys" for partition in sizes]
    found += [f"/log/{partition}/tile/0/000.p/{size}" for partition, size in sizes.items()]
    return found


REFUSED = (
    "/v1/areas/XX", "/v1/stations/1", "/v1/contests/none", "/v1/offices/none", "/v1/areas/N?part=9", "/v1/areas/N?page=1",
    "/v1/events?station=none", "/v1/events?cursor=x", "/v1/events/0/99999", "/v1/keys/0000000000000000", "/v1/nothing",
    "/v1/areas/N/", f"/v1/submissions/{'0' * 64}", "/v1/files/20290214T130000Z-00000000/x.csv", "/log/9/checkpoint",
)  # fmt: skip


async def test_an_archive_answers_byte_for_byte_as_its_api(
    stack: Stack, portal: httpx.AsyncClient, client: httpx.AsyncClient, archive: Path
) -> None:
    addresses = await _addresses(stack, client, archive)
    assert len(addresses) > 300
    for address in [*addresses, *REFUSED]:
        of_api, of_portal = await client.get(address), await portal.get(f"/elections/{ELECTION}{address}")
        assert of_portal.status_code == of_api.status_code, address
        assert of_portal.content == of_api.content, address
        # The entity tag of a log's file is made of the time at which the file was written.
        tags = () if address.startswith("/log/") else ("etag",)
        for name in (*tags, "content-type", "cache-control", "vary"):
            assert of_portal.headers.get(name) == of_api.headers.get(name), (address, name)


@pytest.mark.parametrize("format", ["json", "xml"])
async def test_a_nist_report_is_that_of_the_api_but_for_the_time_at_which_it_was_made(
    portal: httpx.AsyncClient, client: httpx.AsyncClient, format: str
) -> None:
    for area, office in (("N", "president"), ("1", "council"), ("1.1.1", "president"), ("2.1.2", "council")):
        address = f"/v1/areas/{area}/results/nist.{format}?office={office}"
        of_api, of_portal = (
            re.sub(r"20\d\d-\d\d-\d\dT[\d:.]+Z", "", answer.raise_for_status().text)
            for answer in (await client.get(address), await portal.get(f"/elections/{ELECTION}{address}"))
        )
        assert of_portal == of_api, address
        assert "GeneratedDate" in of_api


async def test_the_catalogue_of_an_archive_leads_to_its_files_in_the_portal(
    portal: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    base = f"{str(portal.base_url).rstrip('/')}/elections/{ELECTION}"
    graph = Graph().parse(data=(await portal.get(f"{base}/v1/catalog.ttl")).text, format="turtle")
    of_api = Graph().parse(data=(await client.get("/v1/catalog.ttl")).text, format="turtle")
    distributions = set(graph.subjects(RDF.type, DCAT.Distribution))
    assert len(graph) == len(of_api)
    assert len(distributions) == len(set(of_api.subjects(RDF.type, DCAT.Distribution))) > 100
    for distribution in distributions:
        (address,) = graph.objects(distribution, DCAT.downloadURL)
        (lasting,) = graph.objects(distribution, DCAT.accessURL)
        (checksum,) = graph.objects(graph.value(distribution, SPDX.checksum), SPDX.checksumValue)
        for each in (str(address), str(lasting)):
            assert each.startswith(f"{base}/v1/files/"), each
            assert hashlib.sha256((await portal.get(each)).content).hexdigest() == str(checksum), each
    for address in re.findall(r"<loc>(.*?)</loc>", (await portal.get(f"{base}/sitemap.xml")).text):
        assert (await portal.get(address)).status_code == 200, address


async def test_a_search_engine_finds_the_sitemap_of_each_archive(portal: httpx.AsyncClient) -> None:
    answer = await portal.get("/sitemap.xml")
    assert answer.headers["content-type"] == "application/xml"
    base = str(portal.base_url).rstrip("/")
    (address,) = re.findall("<loc>(.*?)</loc>", answer.text)
    assert address == f"{base}/elections/{ELECTION}/sitemap.xml"
    assert (await portal.get(address)).status_code == 200


async def test_ckans_client_harvests_an_archive(portal: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    def names(base: str, *, get_only: bool) -> list[str]:
        with ckanapi.RemoteCKAN(base, get_only=get_only) as ckan:
            found: list[str] = ckan.call_action("package_list", {})
            assert ckan.call_action("package_show", {"id": found[0]})["name"] == found[0]
        return found

    wanted = (await client.get("/api/3/action/package_list")).json()["result"]
    base = f"{str(portal.base_url).rstrip('/')}/elections/{ELECTION}"
    for get_only in (True, False):
        assert await asyncio.to_thread(names, base, get_only=get_only) == wanted


async def test_lists_go_on_page_by_page_as_those_of_the_api(
    portal: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    for address in (
        "/v1/events?limit=3",
        "/v1/events?limit=3&order=oldest&area=1",
        "/v1/events?limit=2&station=1.1.1-1",
    ):
        cursor, pages = "", 0
        while True:
            path = f"{address}{cursor}"
            of_api, of_portal = await client.get(path), await portal.get(f"/elections/{ELECTION}{path}")
            assert of_portal.content == of_api.content, path
            following, pages = of_api.json()["next"], pages + 1
            if following is None:
                break
            cursor = f"&cursor={following}"
        assert pages > 5


async def test_the_next_page_that_a_header_names_is_one_of_the_portal(
    portal: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    address = "/v1/stations?format=csv&limit=3"
    of_api, of_portal = await client.get(address), await portal.get(f"/elections/{ELECTION}{address}")
    following = of_portal.links["next"]["url"]
    assert following == f"/elections/{ELECTION}{of_api.links['next']['url']}"
    assert (await portal.get(following)).content == (await client.get(of_api.links["next"]["url"])).content


async def test_a_proof_of_the_portal_is_that_of_the_api(portal: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    of_api, of_portal = (
        (await client.get("/v1/proof/0/0")).json(),
        (await portal.get(f"/elections/{ELECTION}/v1/proof/0/0")).json(),
    )
    for name in ("size", "leaf_hash", "proof"):  # the checkpoint is signed again every few seconds
        assert of_portal[name] == of_api[name]


async def test_the_audit_of_the_portal_verifies_the_election(portal: httpx.AsyncClient, tmp_path: Path) -> None:
    run = await ended(None, "audit", f"{portal.base_url}/elections/{ELECTION}", "--report", str(tmp_path / "report"))
    assert run.code == 0, run.out + run.err


async def test_bulk_files_come_with_ranges_and_conditions(portal: httpx.AsyncClient, archive: Path) -> None:
    base = f"/elections/{ELECTION}"
    catalogue = (await portal.get(f"{base}/v1/files")).json()
    entry = next(each for each in catalogue["files"] if each["name"].endswith(".csv"))
    content = (archive / "latest" / entry["url"].removeprefix("/")).read_bytes()
    whole = await portal.get(f"{base}{entry['url']}")
    assert whole.content == content
    part = await portal.get(f"{base}{entry['url']}", headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, content[5:10])
    assert part.headers["content-range"] == f"bytes 5-9/{len(content)}"
    latest = await portal.head(f"{base}/v1/files/latest/{entry['name']}")
    assert latest.headers["content-location"] == f"{base}{entry['url']}"
    assert (latest.content, latest.headers["content-length"]) == (b"", str(len(content)))
    same = await portal.get(f"{base}{entry['url']}", headers={"If-None-Match": whole.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["access-control-allow-origin"] == "*"


async def test_the_catalogue_lists_all_and_why_some_are_away(portal: httpx.AsyncClient, archive: Path) -> None:
    for id in ("missing", "another", "gone"):
        await _until(portal, id, "away")
    answer = await portal.get("/v1/elections")
    listed = {each["election"]: each for each in answer.json()["elections"]}
    assert list(listed) == ["missing", "another", "gone", ELECTION]
    served = listed[ELECTION]
    manifest = orjson.loads((archive / "latest/manifest.json").read_bytes())
    assert (served["state"], served["kind"], served["problem"]) == ("served", "archived", None)
    for name in ("title", "date", "mode", "is_test", "definition", "licence", "cut", "as_of"):
        assert served[name] == manifest[name]
    assert "manifest.json cannot be read" in listed["missing"]["problem"]
    assert f"is an archive of the election '{ELECTION}'" in listed["another"]["problem"]
    assert "no server answers there" in listed["gone"]["problem"]
    assert all(each["since"] for each in listed.values())
    assert answer.headers["access-control-allow-origin"] == "*"
    again = await portal.get("/v1/elections", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert (await portal.head("/v1/elections")).headers["content-length"] == str(len(answer.content))
    for link in served["links"].values():
        assert (await portal.get(link)).status_code == 200, link


async def test_what_is_away_or_unknown_is_a_problem_that_names_it(portal: httpx.AsyncClient) -> None:
    away = await portal.get("/elections/missing/v1/election")
    assert (away.status_code, away.headers["content-type"]) == (503, "application/problem+json")
    assert "away: " in away.json()["detail"]
    assert int(away.headers["retry-after"]) > 0
    unknown = await portal.get("/elections/none/v1/election")
    assert (unknown.status_code, unknown.json()["field"]) == (404, "path.id")
    assert (await portal.get("/v1/elections?page=2")).status_code == 422
    assert (await portal.post(f"/elections/{ELECTION}/v1/submissions", content=b"{}")).status_code == 404
    assert (await portal.get("/v1/elections/none")).status_code == 404


async def test_one_search_finds_areas_candidates_and_parties(portal: httpx.AsyncClient) -> None:
    async def search(**asked: Any) -> dict[str, Any]:
        answer = await portal.get("/v1/search", params=asked)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    nation = await search(q="NATI")
    assert [(each["kind"], each["id"], each["within"]) for each in nation["names"]] == [("area", "N", "nation")]
    assert nation["not_searched"] == ["missing", "another", "gone"]
    for each in (await search(q="PROVINCE", election=ELECTION, kind="area"))["names"]:
        assert (await portal.get(each["links"]["self"])).json()["area"]["name"] == each["name"]
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = await search(q="district", limit=2, **after)
        seen += [each["id"] for each in page["names"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == ["1.1", "1.2", "2.1", "2.2"]
    for kind in ("candidate", "party"):
        everything = (
            await portal.get(f"/elections/{ELECTION}/v1/{'candidates' if kind == 'candidate' else 'parties'}")
        ).json()
        name = everything["candidates" if kind == "candidate" else "parties"][0]["name"]
        found = (await search(q=name, kind=kind))["names"]
        assert name in [each["name"] for each in found]
        assert (await portal.get(found[0]["links"]["self"])).status_code == 200
    assert (await search(q="nobodyhasthisname"))["names"] == []
    for wrong in (
        {"q": "%%%"},
        {"q": "x"},
        {"q": "ab", "election": "none"},
        {"q": "ab", "after": "none/1"},
        {"q": "a b c d e f g h i"},
    ):
        answer = await portal.get("/v1/search", params=wrong)
        assert answer.status_code in (404, 422), wrong
        assert answer.json()["field"].startswith("query."), wrong


async def test_the_pages_need_no_script_and_escape_what_they_show(portal: httpx.AsyncClient) -> None:
    start = await portal.get("/")
    assert "Elections of a test" in start.text
    assert f"/elections/{ELECTION}/v1/election" in start.text
    assert "away since" in start.text
    found = await portal.get("/search", params={"q": 'district "><b>'})
    assert found.status_code == 200
    assert "<b>" not in found.text
    listed = await portal.get("/search", params={"q": "district"})
    assert f"/elections/{ELECTION}/v1/areas/1.1" in listed.text


async def test_a_damaged_archive_is_away_with_the_reason_and_served_once_it_is_mended(
    archive: Path, tmp_path: Path
) -> None:
    shutil.copytree(archive / "latest", tmp_path / "copy")
    bundle = next(each for each in sorted((tmp_path / "copy/log/0/tile/entries").rglob("*")) if each.is_file())
    before = bundle.read_bytes()
    damage(bundle)
    list_again(tmp_path / "copy")
    async with _serving(_configured(tmp_path / "p", (ELECTION, "archive", str(tmp_path / "copy")))) as client:
        away = await _until(client, ELECTION, "away")
        assert "log 0" in away["problem"] or "partition 0" in away["problem"]
        assert (await client.get(f"/elections/{ELECTION}/v1/election")).status_code == 503
        bundle.write_bytes(before)
        list_again(tmp_path / "copy")
        await _until(client, ELECTION, "served")
        assert (await client.get(f"/elections/{ELECTION}/v1/election")).status_code == 200


async def test_nothing_of_an_archive_is_served_through_a_link_or_waited_for(archive: Path, tmp_path: Path) -> None:
    """An archive whose owner changes it while it is served."""
    (tmp_path / "key.pem").write_text("secret of the portal's machine")
    cut = tmp_path / "hostile"
    shutil.copytree(archive / "latest", cut)
    configuration = _configured(tmp_path / "p", (ELECTION, "archive", str(cut)), ("missing", "archive", "nowhere"))
    async with _serving(configuration) as client:
        base = f"/elections/{ELECTION}"
        await _until(client, ELECTION, "served")
        catalogue = (await client.get(f"{base}/v1/files")).json()
        file, other = (f"{base}{each['url']}" for each in catalogue["files"][:2])
        tile = next(each for each in sorted((cut / "log/0/tile/0").rglob("*")) if each.is_file())
        package = (await client.get(f"{base}/v1/package.zip")).content
        maps = orjson.loads((cut / "v1/files/maps.json").read_bytes())
        village = next(each for each in maps["maps"] if each["of"] == "village")
        borders = next(each for each in village["files"] if (each["format"], each["resolution"]) == ("geojson", "low"))
        borders_path = cut / "v1/files" / maps["directory"] / borders["name"]
        replaced = {
            file: cut / catalogue["files"][0]["url"].removeprefix("/"),
            f"{base}/log/0/keys": cut / "log/0/keys",
            f"{base}/{tile.relative_to(cut)}": tile,
            f"{base}/v1/maps/village.geojson?resolution=low": borders_path.with_name(f"{borders_path.name}.gz"),
        }
        for path in (*replaced.values(), borders_path):
            path.unlink()
            path.symlink_to(tmp_path / "key.pem")
        for address in replaced:
            answer = await client.get(address)
            assert answer.status_code in (404, 503), address
            assert b"secret" not in answer.content
        (cut / "package.zip").unlink()
        (cut / "package.zip").symlink_to(tmp_path / "key.pem")
        assert (await client.get(f"{base}/v1/package.zip")).content == package, "the portal has a copy"
        for path in (cut / catalogue["files"][1]["url"].removeprefix("/"), cut / "log/0/checkpoint"):
            path.unlink()
            os.mkfifo(path)
        waiting = [other, f"{base}/log/0/checkpoint", f"{base}/v1/log", f"{base}/v1/proof/0/0"] * 20
        answers = await asyncio.gather(*(client.get(address) for address in waiting))
        assert {answer.status_code for answer in answers} <= {404, 503}
        (cut / "manifest.json").unlink()
        os.mkfifo(cut / "manifest.json")
        away = await _until(client, ELECTION, "away")
        assert away["problem"].endswith("manifest.json is not a regular file")
        assert (await client.get("/v1/elections")).status_code == 200


async def test_a_new_cut_is_served_and_a_restart_builds_nothing_again(
    stack: Stack, voices: Voices, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    directory = tmp_path / "archive"
    assert (await ended(stack, "archive", str(directory))).code == 0
    configuration = _configured(tmp_path / "p", (ELECTION, "archive", str(directory)))
    async with _serving(configuration) as portal:
        first = await _until(portal, ELECTION, "served")
        answer = await client.post("/v1/submissions", content=voices.sign(reported("2.2.1-1", version=3)))
        assert answer.status_code == 201, answer.text

        async def is_counted() -> bool:
            return bool((await client.get("/v1/stations/2.2.1-1")).json()["history"])

        await eventually(is_counted)

        async def is_archived() -> bool:
            run = await ended(stack, "archive", str(directory))
            assert run.code == 0, run.err
            return bool((directory / "latest").resolve().name != first["cut"])

        await eventually(is_archived)

        async def is_new() -> bool:
            path = "/v1/stations/2.2.1-1"
            found = await portal.get(f"/elections/{ELECTION}{path}")
            assert found.status_code == 200
            return bool(found.content == (await client.get(path)).content)

        await eventually(is_new)
    (built,) = (tmp_path / "p/state" / ELECTION).glob("*.sqlite")
    made = built.stat().st_mtime_ns
    async with _serving(configuration) as portal:
        await _until(portal, ELECTION, "served")
    assert built.stat().st_mtime_ns == made


PAGE = Path(__file__).parents[2] / "docs/archive.md"


async def test_the_commands_of_the_page_do_what_it_states(
    stack: Stack, portal: httpx.AsyncClient, archive: Path, tmp_path: Path
) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    commands = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    until_stopped = [command for command in commands if "--every" in command or command == "rekap portal portal.toml"]
    assert len(until_stopped) == 2  # other tests run these
    places = {
        "/srv/archive/2029": str(tmp_path / "archive"),
        "http://localhost:8000": str(portal.base_url).rstrip("/"),
        "pemilu-2019": ELECTION,
    }
    environment = {**os.environ, **stack.environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for command in commands:
        if command in until_stopped:
            continue
        for written, here in places.items():
            command = command.replace(written, here)
        process = await asyncio.create_subprocess_exec(
            *("bash", "-ec", command.replace("curl ", "curl --fail --silent ")),
            cwd=tmp_path,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, (command, out.decode())


async def test_the_configuration_of_the_page_can_be_used(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "portal.toml").write_text(block)
    found = read_configuration(tmp_path / "portal.toml")
    assert [each.id for each in found.elections] == ["pemilu-2029", "pemilu-2019"]


async def test_a_live_election_is_listed_found_and_reached_by_a_redirect(stack: Stack, tmp_path: Path) -> None:
    async with _serving(_configured(tmp_path / "p", (ELECTION, "url", stack.url))) as portal:
        listed = await _until(portal, ELECTION, "served")
        assert (listed["kind"], listed["definition"], listed["cut"]) == ("live", stack.definition.hash, None)
        answer = await portal.get(f"/elections/{ELECTION}/v1/areas/N?office=council")
        assert (answer.status_code, answer.headers["location"]) == (307, f"{stack.url}/v1/areas/N?office=council")
        assert answer.headers["access-control-allow-origin"] == "*"
        followed = await portal.get(f"/elections/{ELECTION}/v1/areas/1.1", follow_redirects=True)
        assert followed.json()["area"]["code"] == "1.1"
        packages = await portal.get(f"/elections/{ELECTION}/api/3/action/package_list", follow_redirects=True)
        assert packages.json()["success"] is True
        refused = await portal.post(f"/elections/{ELECTION}/v1/submissions", content=b"{}")
        assert refused.status_code == 405

        async def is_found() -> bool:
            return bool((await portal.get("/v1/search?q=province")).json()["names"])

        await eventually(is_found)
