"""What holds for every path that can be read: HEAD, OPTIONS, conditions, ranges, other sites' pages, and no parameter that
is not understood. The paths are those of the app itself, so a new one is tried as well."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import pkgutil
import re
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi.routing import iter_route_contexts
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from api.app import create_app
from api.limits.limits import Limits
from projections.definition.compiled import Definition
from rekap.operate.stack import Stack
from runtime.settings import Settings
from schemas.definition.package import Role
from schemas.licences import licence_of
from tests.support import typescript_client
from tests.support.ledger import key_row
from tests.support.small_election import reported, small_package
from tests.support.small_finance import finance_package
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEBSITE = "https://results.example"
VALUES = {
    "area": "N", "office": "president", "contest": "president", "station": "1.1.1-1", "partition": "0", "offset": "0",
    "path": "checkpoint", "old": "1", "cut": "latest", "choice": "01", "party": "P1", "district": "a",
    "table": "area-votes", "format": "csv", "format_": "csv", "q": "nation",
    "name": "president.nation.area-votes.csv", "key": key_row("officer", Role.STATION_OFFICER, "N").key_id,
}  # fmt: skip
"""A value for each parameter that a path needs; `submission` is that of a form that was counted."""


ELSEWHERE = ("/v1/maps", "/v1/datasets/")
"""Beginnings of paths that need more than this stack has: borders (test_maps.py), a cut of all files (test_catalogue.py)."""
MADE_FOR_ELSEWHERE = {"get_maps", "get_map", "get_area_map", "get_office_map", "get_dataset"}


def _parameters() -> dict[str, list[Any]]:
    """Each path that has GET → the parameters of its query."""
    app = create_app(Settings(), Definition.of(small_package()), Limits(Settings()))
    found: dict[str, list[Any]] = {}
    for context in iter_route_contexts(app.routes):
        route: Any = context.original_route
        # Routes without a dependant are those of CKAN's action API, which has rules of its own (test_catalogue.py).
        path = str(context.path)
        if (
            "GET" in (getattr(route, "methods", None) or ())
            and hasattr(route, "dependant")
            and not path.startswith(ELSEWHERE)
        ):
            found[path] = route.dependant.query_params
    return found


PARAMETERS = _parameters()
READABLE = [
    (path, "&".join(f"{each.alias}={VALUES[each.alias]}" for each in parameters if each.field_info.is_required()))
    for path, parameters in PARAMETERS.items()
]
QUERIES = [(path, each.alias) for path, parameters in PARAMETERS.items() for each in parameters]
STREAMS = {"/v1/live"}
POLLS = {"/v1/changes"}
"""Their answer waits for a change and belongs to one cursor, so it has no tag."""
CHANGING = {"/metrics", "/v1/health"}
"""Their answers differ each time."""


stack = stack_of(
    "http", package=finance_package, REKAP_CHECKPOINT_MS="100", REKAP_REQUESTS_PER_S="0", REKAP_FILES_EVERY_S="3600"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def submission(stack: Stack, voices: Voices) -> str:
    async with httpx.AsyncClient(base_url=stack.url) as client:
        answer = await client.post("/v1/submissions", content=voices.sign(reported("1.1.1-1")))
        submission: str = answer.raise_for_status().json()["submission"]

        async def is_counted() -> bool:
            path = f"/v1/submissions/{submission}"
            answers = [await client.get(each) for each in (path, "/v1/events/0/0", "/v1/consistency/0?old=1")]
            whole = (await client.get("/v1/offices/president")).json()["tally"]["stations"]
            return all(each.status_code == 200 for each in answers) and whole["counted"] == 1

        await eventually(is_counted)
        await stack.start("exporter")

        async def is_exported() -> bool:
            return (await client.get("/v1/files")).status_code == 200

        await eventually(is_exported)
    return submission


async def _nothing_is_on_its_way(client: httpx.AsyncClient) -> bool:
    """Whether every record is counted and in a signed checkpoint, so that no answer is another a moment later."""
    health = (await client.get("/v1/health")).json()
    logs = (await client.get("/v1/log")).json()["logs"]
    return (
        health["status"] == "ok"
        and all(stage["lag_records"] == 0 for stage in health["stages"].values())
        and all(log["size"] for log in logs)
    )


def _url(path: str, query: str, submission: str, other: dict[str, str] | None = None) -> str:
    values = {**VALUES, "submission": submission, **(other or {})}
    filled = re.sub(r"{(\w+)(?::path)?}", lambda found: values[found[1]], path)
    return f"{filled}?{query}" if query else filled


async def test_the_paths_of_the_app_are_found() -> None:
    paths = {path for path, _ in READABLE}
    assert {
        "/v1/election",
        "/v1/areas/{area}/stations",
        "/v1/live",
        "/docs",
        "/openapi.json",
        "/livez",
        "/metrics",
    } <= paths


@pytest.mark.parametrize(("path", "query"), READABLE)
async def test_head_is_get_without_its_body(
    stack: Stack, client: httpx.AsyncClient, submission: str, path: str, query: str
) -> None:
    """And each answer names the licence of its data."""
    url = _url(path, query, submission)
    head = await client.head(url, timeout=5)
    async with client.stream("GET", url) as answer:
        got = dict(answer.headers)
        assert (head.status_code, head.content) == (answer.status_code, b"") == (200, b"")
    assert got["link"].endswith(f'<{licence_of(stack.definition.election.licence).url}>; rel="license"')
    changing = {"date", "transfer-encoding"} | ({"etag", "content-length"} if path in CHANGING else set())
    assert {name: value for name, value in head.headers.items() if name not in changing} == {
        name: value for name, value in got.items() if name not in changing
    }


@pytest.mark.parametrize(("path", "query"), READABLE)
async def test_the_methods_of_a_path_are_named(
    client: httpx.AsyncClient, submission: str, path: str, query: str
) -> None:
    url = _url(path, query, submission)
    for method in ("DELETE", "PUT", "PATCH", "PROPFIND"):
        answer = await client.request(method, url)
        assert answer.status_code == 405
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    answer = await client.options(url)
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, "GET, HEAD, OPTIONS", b"")


async def test_a_path_that_takes_a_body_answers_other_methods_with_405(client: httpx.AsyncClient) -> None:
    for path in ("/v1/submissions", "/v1/submissions:batch"):
        for method in ("GET", "HEAD", "DELETE"):
            answer = await client.request(method, path)
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")


@pytest.mark.parametrize(("path", "query"), READABLE)
async def test_a_page_of_another_site_may_read(
    client: httpx.AsyncClient, submission: str, path: str, query: str
) -> None:
    url = _url(path, query, submission)
    asked = await client.options(
        url,
        headers={
            "Origin": WEBSITE,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "if-none-match,last-event-id,range",
        },
    )
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == "*"
    assert "POST" not in asked.headers["access-control-allow-methods"]
    allowed = {each.strip().lower() for each in asked.headers["access-control-allow-headers"].split(",")}
    assert {"if-none-match", "last-event-id", "range"} <= allowed
    for sent in (url, f"{url}{'&' if query else '?'}unknown=1"):
        async with client.stream("GET", sent, headers={"Origin": WEBSITE}) as answer:
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in answer.headers
            exposed = {each.strip() for each in answer.headers["access-control-expose-headers"].split(",")}
            assert {"ETag", "Age", "Retry-After", "RateLimit", "Content-Range"} <= exposed


async def test_a_page_of_another_site_may_not_send(client: httpx.AsyncClient, voices: Voices) -> None:
    for path in ("/v1/submissions", "/v1/submissions:batch"):
        asked = await client.options(path, headers={"Origin": WEBSITE, "Access-Control-Request-Method": "POST"})
        sent = await client.post(path, content=b"{}", headers={"Origin": WEBSITE})
        for answer in (asked, sent):
            assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(("path", "query"), [each for each in READABLE if each[0] not in STREAMS | POLLS])
async def test_conditions_are_looked_at(client: httpx.AsyncClient, submission: str, path: str, query: str) -> None:
    url = _url(path, query, submission)
    await eventually(lambda: _nothing_is_on_its_way(client))
    first = await client.get(url)
    etag = first.headers["etag"]
    assert not etag.startswith("W/")
    asked = [("If-None-Match", "*")]
    if path not in CHANGING:
        asked += [("If-None-Match", each) for each in (etag, f"W/{etag}", f'"x", {etag}')]
        assert (await client.get(url, headers={"If-Match": f'"x", {etag}'})).status_code == 200
    if "last-modified" in first.headers:
        asked.append(("If-Modified-Since", first.headers["last-modified"]))
        past = {"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}
        assert (await client.get(url, headers=past)).status_code == 412
    for method in ("GET", "HEAD"):
        for name, value in asked:
            answer = await client.request(method, url, headers={name: value})
            assert (answer.status_code, answer.content) == (304, b"")
            for kept in ("cache-control", "vary", "content-location", "access-control-allow-origin"):
                assert answer.headers.get(kept) == first.headers.get(kept)
            assert "etag" in answer.headers
        failed = await client.request(method, url, headers={"If-Match": '"another"'})
        assert failed.status_code == 412
        assert failed.headers["content-type"] == "application/problem+json"
    assert (await client.get(url, headers={"If-None-Match": '"another"'})).status_code == 200
    # Only what would be a 200 has conditions (RFC 9110, 13.2.1).
    wrong = f"{url}{'&' if query else '?'}unknown=1"
    assert (await client.get(wrong, headers={"If-None-Match": "*", "If-Match": '"x"'})).status_code == 422


FILES = [
    "/v1/package.zip",
    "/log/0/checkpoint",
    "/log/0/keys",
    "/log/0/tile/entries/000.p/{size}",
    "/v1/events/0/0/entry",
    "/v1/files/latest/manifest.json",
    "/v1/files/latest/president.nation.area-counts.parquet",
]


@pytest.mark.parametrize("path", FILES)
async def test_files_are_given_in_parts(client: httpx.AsyncClient, submission: str, path: str) -> None:
    size = (await client.get("/v1/log")).json()["logs"][0]["size"]
    url = path.format(size=size)
    whole = await client.get(url)
    assert whole.headers["accept-ranges"] == "bytes"
    body, etag = whole.content, whole.headers["etag"]

    async def asked(text: str, **more: str) -> httpx.Response:
        return await client.get(url, headers={"Range": text, **more})

    for text, part in (("bytes=0-9", body[:10]), ("bytes=-7", body[-7:]), ("bytes=5-", body[5:])):
        answer = await asked(text)
        assert (answer.status_code, answer.content) == (206, part)
        start = 0 if text == "bytes=0-9" else len(body) - len(part)
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(part) - 1}/{len(body)}"
        assert (await asked(text, **{"If-Range": etag})).status_code == 206
        assert (await asked(text, **{"If-Range": '"another"'})).content == body
        assert (await asked(text, **{"If-None-Match": etag})).status_code == 304
    beyond = await asked(f"bytes={len(body)}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(body)}")
    assert (await asked("bytes=0-1,3-4")).content == body
    head = await client.head(url, headers={"Range": "bytes=0-9"})
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(body)))


@pytest.mark.parametrize(("path", "query"), READABLE)
@pytest.mark.parametrize(
    ("more", "field"),
    [("unknown=1", "query.unknown"), ("=1", "query."), ("%00=1", r"query.\x00"), ("%ff", r"query.\ufffd")],
)
async def test_a_parameter_that_is_not_known_is_refused(
    client: httpx.AsyncClient, submission: str, path: str, query: str, more: str, field: str
) -> None:
    url = _url(path, query, submission)
    answer = await client.get(f"{url}{'&' if query else '?'}{more}")
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_a_parameter_that_is_nearly_known_is_named(client: httpx.AsyncClient) -> None:
    for path in ("/v1/areas/N?offic=president", "/v1/live?offic=president"):
        problem = (await client.get(path)).json()
        assert "Did you mean 'office'?" in problem["detail"]


async def test_also_beside_submissions_and_in_a_handshake(stack: Stack, client: httpx.AsyncClient) -> None:
    for path in ("/v1/submissions", "/v1/submissions:batch"):
        answer = await client.post(f"{path}?dry=1", content=b"{}")
        assert (answer.status_code, answer.json()["field"]) == (422, "query.dry")
    with pytest.raises(InvalidStatus) as refused:
        async with connect(stack.url.replace("http", "ws", 1) + "/v1/live?office=president"):
            pass
    assert refused.value.response.status_code == 422
    assert b"query.office" in refused.value.response.body


@pytest.mark.parametrize(("path", "name"), QUERIES)
@pytest.mark.parametrize("value", ["a%00b", "%00", "a%ffb", "%ed%a0%80", "%0a", "%c2%85"])
async def test_a_value_that_is_no_text_is_named(
    client: httpx.AsyncClient, submission: str, path: str, name: str, value: str
) -> None:
    query = dict(READABLE)[path]
    others = "&".join(each for each in query.split("&") if each and not each.startswith(f"{name}="))
    answer = await client.get(_url(path, f"{name}={value}&{others}".rstrip("&"), submission))
    assert (answer.status_code, answer.json()["field"]) == (422, f"query.{name}")


@pytest.mark.parametrize(("path", "name"), QUERIES)
async def test_a_value_is_given_once(client: httpx.AsyncClient, submission: str, path: str, name: str) -> None:
    query = "&".join(each for each in dict(READABLE)[path].split("&") if each and not each.startswith(f"{name}="))
    answer = await client.get(_url(path, f"{name}=1&{query}&{name}=1".replace("&&", "&"), submission))
    assert (answer.status_code, answer.json()["field"]) == (422, f"query.{name}")


@pytest.mark.parametrize(("path", "query"), [each for each in READABLE if "{" in each[0]])
@pytest.mark.parametrize("value", ["%00", "0%00", "N%ff", "%ed%a0%80", "1%7f"])
async def test_a_path_that_is_no_text_is_named(
    client: httpx.AsyncClient, submission: str, path: str, query: str, value: str
) -> None:
    for name in re.findall(r"{(\w+)", path):
        answer = await client.get(_url(path, query, submission, {name: value}))
        assert (answer.status_code, answer.json()["field"]) == (422, f"path.{name}")


@pytest.mark.parametrize(("path", "query"), [each for each in READABLE if "{" in each[0]])
async def test_a_value_may_be_of_any_length(client: httpx.AsyncClient, submission: str, path: str, query: str) -> None:
    for name in re.findall(r"{(\w+)", path):
        for value in ("9" * 5_000, "a" * 5_000, "-1", "1e9", "٣"):
            answer = await client.get(_url(path, query, submission, {name: value}))
            assert answer.status_code in (404, 422)
            assert len(answer.content) < 1_000


@pytest.mark.parametrize(
    "time",
    ["2029-02-14T13:00:00+07:00", "2029-02-14T13:00:00 07:00", "2029-02-14T13:00:00.5+0700", "2029-02-14T06:00Z"],
)
async def test_the_plus_of_a_time_zone_may_arrive_as_a_space(client: httpx.AsyncClient, time: str) -> None:
    for sent in (time, time.replace("+", "%2B")):  # httpx leaves a plus as it is
        answer = await client.get(f"/v1/events?from={sent}&to={sent}")
        assert (answer.status_code, answer.json()["events"]) == (200, [])


@pytest.mark.parametrize(
    "time", ["2029-02-14 13:00:00", "2029-02-14T13:00:00  07:00", "2029-02-14T13:00:00 7", "1e400", "9" * 400]
)
async def test_a_time_that_is_none_is_refused(client: httpx.AsyncClient, time: str) -> None:
    answer = await client.get("/v1/events", params={"from": time})
    assert (answer.status_code, answer.json()["field"]) == (422, "query.from")


async def test_the_first_and_last_time_are_times(client: httpx.AsyncClient) -> None:
    for time in ("0001-01-01T00:00:00-23:59", "9999-12-31T23:59:59+23:59", "0001-01-01T00:00:00+23:59"):
        answer = await client.get("/v1/events", params={"from": time, "to": time})
        assert answer.status_code in (200, 422)


async def test_nothing_is_redirected(client: httpx.AsyncClient) -> None:
    for path in ("/v1/election/", "/v1/areas/N/", "/docs/", "//v1/election", "/v1//election"):
        answer = await client.get(path, headers={"X-Forwarded-Proto": "https", "Host": "evil.example"})
        assert answer.status_code == 404
        assert "location" not in answer.headers
        assert "evil.example" not in answer.text


async def test_the_page_of_the_api_loads_nothing(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).raise_for_status()
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.findall(r"<script|<link|<img|<iframe|src=|@import|url\(|https?://", page.text)
    for path in (await client.get("/openapi.json")).json()["paths"]:
        assert path in page.text
    assert (await client.get("/redoc")).status_code == 404


GENERATOR = """
post_hooks: []
package_name_override: generated_client
content_type_overrides:
  application/xml: application/octet-stream
  application/zip: application/octet-stream
  application/x-ndjson: application/octet-stream
"""


async def test_a_client_made_by_a_generator_reads_every_path_and_submits(
    client: httpx.AsyncClient, voices: Voices, submission: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "openapi.json").write_bytes((await client.get("/openapi.json")).content)
    (tmp_path / "generator.yml").write_text(GENERATOR)
    generator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "openapi_python_client", "generate", "--path", "openapi.json", "--meta", "none"),
        *("--config", "generator.yml", "--output-path", "generated_client", "--fail-on-warning"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await generator.communicate()
    assert generator.returncode == 0, output.decode()
    monkeypatch.syspath_prepend(tmp_path)
    made = importlib.import_module("generated_client")
    values = {**VALUES, "submission": submission, "partition": 0, "offset": 0, "old": 1}
    asked, types = set(), set()
    async with made.Client(base_url=str(client.base_url)) as generated:
        for module in pkgutil.walk_packages(made.__path__, "generated_client."):
            operation = getattr(importlib.import_module(module.name), "asyncio_detailed", None)
            name = module.name.rpartition(".")[2]
            if operation is None or not name.startswith("get_") or name in {"get_live_events", *MADE_FOR_ELSEWHERE}:
                continue
            parameters = inspect.signature(operation).parameters.values()
            needed = [each.name for each in parameters if each.default is each.empty and each.name != "client"]
            answer = await operation(client=generated, **{each: values[each] for each in needed})
            assert answer.status_code == 200, name
            if answer.headers.get("content-type") == "application/json":
                assert answer.parsed.to_dict() == json.loads(answer.content), name
                types.add(type(answer.parsed).__name__)
            asked.add(name)
        assert (
            len(asked) == len(READABLE) - len(STREAMS) - 3
        )  # the start page, the description and its page are in no description
        assert {
            "ElectionSnapshot",
            "OfficeSnapshot",
            "AreaSnapshot",
            "StationPage",
            "EventPage",
            "InclusionProof",
        } <= types
        problem = await importlib.import_module("generated_client.api.snapshots.get_area").asyncio(
            "nowhere", client=generated
        )
        assert (problem.status, problem.field) == (404, "area")
        envelope = made.models.Envelope.from_dict(json.loads(voices.sign(reported("2.2.2-2"))))
        submit = importlib.import_module("generated_client.api.submissions.submit")
        receipt = await submit.asyncio(client=generated, body=envelope)
        assert len(receipt.leaf_hash) == 64


async def test_a_client_typed_by_openapi_typescript_reads_and_submits(
    client: httpx.AsyncClient, voices: Voices, submission: str, tmp_path: Path
) -> None:
    description = (await client.get("/openapi.json")).content
    envelope = voices.sign(reported("2.2.2-1"))
    found = await typescript_client.answered(description, str(client.base_url).rstrip("/"), envelope, tmp_path)
    tally = (await client.get("/v1/contests/president")).json()["tally"]
    assert found["votes"].keys() == tally["counted"]["votes"].keys()
    assert (found["status"], len(found["leaf"])) == (404, 64)
    oldest = (await client.get("/v1/events?limit=1&order=oldest")).json()["events"][0]
    assert found["first"] == oldest["event"]


async def test_a_batch_that_breaks_off_is_one_line(stack: Stack, directory: Path) -> None:
    before = (directory / "api.log").read_text()
    _, writer = await asyncio.open_connection("127.0.0.1", int(stack.url.rsplit(":", 1)[1]))
    writer.write(b"POST /v1/submissions:batch HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    await writer.drain()
    await asyncio.sleep(0.2)  # until the body is waited for
    writer.close()
    await writer.wait_closed()

    async def logged() -> list[str]:
        return (directory / "api.log").read_text()[len(before) :].splitlines()

    await eventually(logged)
    async with httpx.AsyncClient(base_url=stack.url) as client:
        await client.get("/livez")  # what follows the line would have been written by now
    (line,) = await logged()
    assert line.endswith("client-gone method=POST path=/v1/submissions:batch")
