"""The catalogue over HTTP, as portals harvest it: with CKAN's own client, with an RDF library, and by its addresses."""

from __future__ import annotations

import asyncio
from typing import Any

import ckanapi
import httpx
import pytest
import pytest_asyncio
from lxml import etree
from pyshacl import validate
from rdflib import DCAT, DCTERMS, Graph, URIRef

from rekap.operate.stack import Stack
from tests.support.catalogue import DCAT_AP_SHAPES
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

stack = stack_of("portal", REKAP_REQUESTS_PER_S="0", REKAP_FILES_EVERY_S="1")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def exported(stack: Stack, voices: Voices) -> Any:
    """The catalogue of the bulk files, after none was there."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        none = await client.get("/v1/catalog.jsonld")
        assert (none.status_code, none.headers["retry-after"]) == (503, "60")
        of_ckan = await client.get("/api/3/action/package_list")
        assert (of_ckan.status_code, of_ckan.json()["success"]) == (503, False)
        (await client.post("/v1/submissions", content=voices.sign(reported("1.1.1-1")))).raise_for_status()
        await stack.start("exporter")

        async def found() -> Any:
            answer = await client.get("/v1/files")
            return answer.json() if answer.status_code == 200 and answer.json()["as_of"]["president"] else None

        return await eventually(found)


async def _ckan(stack: Stack, action: str, parameters: dict[str, Any], *, get_only: bool) -> Any:
    def run() -> Any:
        with ckanapi.RemoteCKAN(stack.url, get_only=get_only) as client:
            return client.call_action(action, parameters)

    return await asyncio.to_thread(run)


@pytest.mark.parametrize("get_only", [True, False], ids=["GET", "POST"])
async def test_ckans_client_harvests_each_dataset_and_each_file(
    stack: Stack, exported: Any, client: httpx.AsyncClient, get_only: bool
) -> None:
    async def ask(action: str, **parameters: Any) -> Any:
        return await _ckan(stack, action, parameters, get_only=get_only)

    names = await ask("package_list")
    assert names == sorted(names)
    resources: dict[str, Any] = {}
    for name in names:
        shown = await ask("package_show", id=name)
        resources |= {each["name"]: each for each in shown["resources"]}
    newest = (await client.get("/v1/files")).json()
    assert resources.keys() == {each["name"] for each in newest["files"]}
    votes = resources["president.nation.area-votes.csv"]
    assert await ask("resource_show", id=votes["id"]) == votes
    assert votes["url"] == f"{stack.url}/v1/files/latest/president.nation.area-votes.csv"
    assert (await client.get(votes["url"])).status_code == 200
    since = "res_format:CSV metadata_modified:[2020-01-01T00:00:00Z TO *]"
    found = await ask("package_search", q="president", fq=since, rows=100, sort="id asc")
    assert {each["name"] for each in found["results"]} == {
        each for each in names if "president" in each and "nist" not in each
    }
    assert (await ask("status_show"))["site_url"] == stack.url
    with pytest.raises(ckanapi.NotFound):
        await ask("package_show", id="none")
    with pytest.raises(ckanapi.ValidationError):
        await ask("package_list", limit="many")
    with pytest.raises(ckanapi.SearchQueryError):
        await ask("package_search", q="colour:red")


async def test_errors_of_the_request_itself_are_in_ckans_shape(client: httpx.AsyncClient) -> None:
    for content, status in ((b"{", 400), (b"[1]", 400), (b'"' + b"x" * 70_000 + b'"', 413), (b"", 409)):
        answer = await client.post("/api/3/action/package_show", content=content)
        assert (answer.status_code, answer.json()["success"]) == (status, False), content[:10]
    unknown = await client.get("/api/3/action/package_create?id=1")
    assert (unknown.status_code, unknown.json()["success"]) == (400, False)
    assert (await client.get("/api/3")).json() == {"version": 3}
    assert (await client.get("/api/3/action/package_list")).headers["access-control-allow-origin"] == "*"


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
async def test_the_graph_is_valid_and_leads_to_the_files(
    stack: Stack, exported: Any, client: httpx.AsyncClient
) -> None:
    turtle = await client.get("/v1/catalog.ttl")
    assert turtle.headers["content-type"].split(";")[0] == "text/turtle"
    graph = Graph().parse(data=turtle.text, format="turtle")
    json_ld = await client.get("/v1/catalog.jsonld")
    assert len(Graph().parse(data=json_ld.text, format="json-ld")) == len(graph)
    by_accept = await client.get("/v1/catalog", headers={"Accept": "text/turtle"})
    assert by_accept.text == turtle.text
    assert (await client.get("/v1/catalog")).text == json_ld.text
    part = Graph()  # pyshacl takes long for all
    dataset = URIRef(f"{stack.url}/v1/datasets/portal-president-nation-area-votes")
    subjects = [dataset, *graph.objects(dataset, DCAT.distribution), *graph.objects(dataset, DCTERMS.publisher)]
    for subject in subjects:
        part += graph.cbd(subject)
    conforms, _, text = await asyncio.to_thread(validate, part + graph, shacl_graph=Graph().parse(DCAT_AP_SHAPES))
    assert conforms, text
    for distribution in graph.objects(dataset, DCAT.distribution):
        (address,) = graph.objects(distribution, DCAT.downloadURL)
        (size,) = graph.objects(distribution, DCAT.byteSize)
        assert (await client.head(str(address))).headers["content-length"] == str(size)


async def test_every_address_of_the_sitemap_answers(stack: Stack, client: httpx.AsyncClient) -> None:
    sitemap = etree.fromstring((await client.get("/sitemap.xml")).content)
    addresses = [each.text for each in sitemap.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert len(addresses) > 10
    for address in addresses:
        answer = await client.get(address)
        assert answer.status_code == 200, address
    page = (await client.get("/v1/datasets/portal-president-nation-area-votes")).text
    assert '<script type="application/ld+json">' in page
    assert f'href="{stack.url}/v1/files/latest/president.nation.area-votes.csv"' in page
    missing = await client.get("/v1/datasets/none")
    assert (missing.status_code, missing.json()["field"]) == (404, "path.name")


async def test_documents_are_answers_like_others(client: httpx.AsyncClient) -> None:
    for path in ("/v1/datapackage.json", "/v1/dataset.jsonld", "/v1/terms.json"):
        answer = await client.get(path)
        assert answer.json()
        again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
        assert (await client.get(f"{path}?x=1")).status_code == 422
        assert answer.headers["cache-control"] == "private, no-cache"


async def test_an_address_that_nobody_has_is_not_put_into_the_catalogue(client: httpx.AsyncClient) -> None:
    for host in ("evil.example/<script>", 'a"b', ""):
        answer = await client.get("/v1/terms.json", headers={"Host": host})
        assert answer.status_code == 400, host
