"""proxy/nginx.conf does what docs/operations.md promises, in front of an API that is this test's own. Needs nginx."""

from __future__ import annotations

import asyncio
import datetime
import os
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect

from api.answers.content_codings import compressed
from api.http.connections import Connections
from api.limits.client_address import TrustedProxies
from api.limits.refusals import Refusals
from api.roles import ApiRole, role_of
from api.server import bounded_server
from rekap.embedded.ports import free_ports
from rekap.publish.cut_files import CutFiles

NGINX = shutil.which("nginx")
CONFIGURATION = Path(__file__).parents[2] / "proxy" / "nginx.conf"

pytestmark = [
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed here"),
    pytest.mark.asyncio(loop_scope="module"),
]


@dataclass
class Api:
    """One process for each role. Answers with how often it was asked, for whom, and which role it is; streams two events, the
    second on request."""

    asked: int = 0
    second: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, role: ApiRole, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": "hello"})
            await receive()
            return
        self.asked += 1
        headers = dict(scope["headers"])
        if scope["path"] == "/v1/live" and b"head" not in scope["query_string"]:
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
            )
            await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
            await self.second.wait()
            await send({"type": "http.response.body", "body": b"data: 2\n\n"})
            return
        size = 0
        while (message := await receive())["type"] == "http.request":
            size += len(message["body"])
            if not message["more_body"]:
                break
        body = b"%b %d %d %b" % (role.encode(), self.asked, size, headers.get(b"x-forwarded-for", b"-"))
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-length", b"%d" % len(body)),
                    (b"cache-control", b"public, max-age=1, stale-if-error=3600"),
                    (b"ratelimit", b'"requests";r=1;t=1'),
                ],
            }
        )
        await send({"type": "http.response.body", "body": body})


@dataclass
class Process:
    """The API in one role."""

    api: Api
    role: ApiRole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.api.answer(self.role, scope, receive, send)


@dataclass
class Proxy:
    url: str
    plain_url: str
    api: Api
    ports: dict[ApiRole, int]
    tls: ssl.SSLContext
    published: Path
    """The directory of `rekap publish`."""

    @asynccontextmanager
    async def api_is_there(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as servers:
            for role, port in self.ports.items():
                await servers.enter_async_context(self._process(role, port))
            yield

    @asynccontextmanager
    async def _process(self, role: ApiRole, port: int) -> AsyncIterator[None]:
        server = bounded_server(
            Process(self.api, role),
            connections=Connections(400, 400, Refusals()),
            proxies=TrustedProxies.parse("127.0.0.1"),
            graceful_seconds=1,
            port=port,
            web_socket_bytes_max=1_000,
            loop="asyncio",
        )
        server.config.lifespan = "off"
        listening = socket.create_server(("127.0.0.1", port))
        serving = asyncio.create_task(server.serve([listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield
        finally:
            server.should_exit = True
            await serving
            listening.close()


def _certificate(directory: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    (directory / "certificate.pem").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    (directory / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Proxy]:
    assert NGINX is not None
    directory = tmp_path_factory.mktemp("nginx")
    _certificate(directory)
    secure, plain, *others = free_ports(2 + len(ApiRole))
    ports = dict(zip(ApiRole, others, strict=True))
    text = CONFIGURATION.read_text()
    for name, here in (
        *((f"server {role}:8000", f"server 127.0.0.1:{port}") for role, port in ports.items()),
        ("/etc/rekap/tls/", f"{directory}/"),
        ("/tmp/nginx", f"{directory}/nginx"),  # the proxy's own container
        ("/srv/rekap", f"{directory}/published"),
        ("listen [::]:8443 ssl http2 backlog=4096;", ""),
        ("listen [::]:8080;", ""),
        ("listen 8443", f"listen 127.0.0.1:{secure}"),
        ("listen 8080", f"listen 127.0.0.1:{plain}"),
        ("https://$host$request_uri", f"https://localhost:{secure}$request_uri"),
    ):
        assert name in text, name
        text = text.replace(name, here)
    (directory / "nginx.conf").write_text(text)
    command = [NGINX, "-p", str(directory), "-c", str(directory / "nginx.conf"), "-e", "stderr"]
    check = await asyncio.create_subprocess_exec(*command, "-t", stderr=asyncio.subprocess.PIPE)
    _, output = await check.communicate()
    assert check.returncode == 0, output.decode()
    assert b"[warn]" not in output, output.decode()
    as_user = " user root;" if os.geteuid() == 0 else ""  # else its workers could not enter the directory of this test
    process = await asyncio.create_subprocess_exec(*command, "-g", f"daemon off;{as_user}")
    tls = ssl.create_default_context(cafile=str(directory / "certificate.pem"))
    try:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", secure)
                writer.close()
                break
            except OSError:
                assert process.returncode is None
                await asyncio.sleep(0.05)
        yield Proxy(
            f"https://localhost:{secure}", f"http://localhost:{plain}", Api(), ports, tls, directory / "published"
        )
    finally:
        process.terminate()
        await process.wait()


@pytest_asyncio.fixture(loop_scope="module")
async def client(proxy: Proxy) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=proxy.url, verify=proxy.tls, timeout=10) as client:
        yield client


async def test_many_readers_are_one_request_and_stay_served_while_the_api_is_away(
    proxy: Proxy, client: httpx.AsyncClient
) -> None:
    async with proxy.api_is_there():
        answers = await asyncio.gather(*(client.get("/v1/offices/president") for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        assert proxy.api.asked <= 2
        assert "ratelimit" not in answers[0].headers
    await asyncio.sleep(1.5)
    stale = await client.get("/v1/offices/president")
    assert (stale.status_code, stale.headers["x-cache"]) in {(200, "STALE"), (200, "UPDATING")}
    assert (await client.get("/v1/offices/council")).status_code == 502


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/submissions"),
        ("POST", "/v1/submissions:batch"),
        ("POST", "/v1/nowhere"),
        ("GET", "/v1/submissions"),
        ("GET", "/v1/submissions/abc"),
        ("GET", "/v1/gateway"),
        ("GET", "/v1/areas/1"),
        ("GET", "/v1/schemas/live"),
        ("GET", "/v1/changes?since=abc"),
        ("HEAD", "/v1/live?head"),
        ("GET", "/v1/live?head"),
        ("GET", "/v1/lives"),
        ("GET", "/v1/health"),
        ("GET", "/"),
    ],
)
async def test_each_request_gets_to_the_role_that_serves_it(
    proxy: Proxy, client: httpx.AsyncClient, method: str, path: str
) -> None:
    """As api/roles.py has it."""
    async with proxy.api_is_there():
        answer = await client.request(method, path)
        role = role_of(method, path.partition("?")[0])
        assert answer.status_code == 200
        assert answer.text.split(" ")[0] == role if method != "HEAD" else int(answer.headers["content-length"])


async def test_the_address_that_a_client_claims_is_not_passed_on(proxy: Proxy, client: httpx.AsyncClient) -> None:
    async with proxy.api_is_there():
        answer = await client.post("/v1/submissions", content=b"x" * 70_000, headers={"X-Forwarded-For": "203.0.113.9"})
        assert answer.text.endswith(" 70000 127.0.0.1")


async def test_too_much_does_not_reach_the_api(proxy: Proxy, client: httpx.AsyncClient) -> None:
    async with proxy.api_is_there():
        asked = proxy.api.asked
        assert (await client.post("/v1/submissions:batch", content=b"x" * (17 * 1024 * 1024))).status_code == 413
        assert (await client.get("/" + "a" * 9_000)).status_code == 414
        assert (await client.get("/metrics")).status_code == 404
        assert proxy.api.asked == asked


async def test_an_event_stream_is_not_buffered(proxy: Proxy, client: httpx.AsyncClient) -> None:
    async with proxy.api_is_there(), client.stream("GET", "/v1/live?office=president") as answer:
        events = answer.aiter_lines()
        assert await anext(events) == "data: 1"
        proxy.api.second.set()
        assert [line async for line in events if line] == ["data: 2"]


async def test_a_stream_is_asked_to_come_back_while_the_api_is_away(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/live?office=president")
    assert (answer.status_code, answer.text) == (200, "retry: 2000\n\n")
    assert answer.headers["content-type"].startswith("text/event-stream")


async def test_a_web_socket_passes(proxy: Proxy) -> None:
    async with proxy.api_is_there(), connect(f"{proxy.url.replace('https', 'wss')}/v1/live", ssl=proxy.tls) as socket:
        assert await socket.recv() == "hello"


async def test_plain_http_is_sent_to_tls(proxy: Proxy) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{proxy.plain_url}/v1/election?x=1")
        assert (answer.status_code, answer.headers["location"]) == (308, f"{proxy.url}/v1/election?x=1")


async def test_one_address_has_so_many_requests_at_once(proxy: Proxy) -> None:
    """The bound counts requests under way: 300 streams of one address are 256."""
    async with proxy.api_is_there():
        proxy.api.second = asyncio.Event()
        limits = httpx.Limits(max_connections=400)
        async with httpx.AsyncClient(base_url=proxy.url, verify=proxy.tls, timeout=20, limits=limits) as client:
            statuses: list[int] = []

            async def ask() -> None:
                async with client.stream("GET", "/v1/live") as answer:
                    statuses.append(answer.status_code)
                    if answer.status_code == 200:
                        await proxy.api.second.wait()

            asking: list[asyncio.Task[None]] = []
            # A few at a time: the proxy ends a connection whose head has not come in ten seconds, and each needs a handshake.
            while len(asking) < 300:
                asking += [asyncio.create_task(ask()) for _ in range(10)]
                async with asyncio.timeout(30):
                    while len(statuses) < len(asking):
                        await asyncio.sleep(0.01)
            proxy.api.second.set()
            await asyncio.gather(*asking)
        assert statuses.count(429) >= 40
        assert statuses.count(200) <= 256


async def test_published_cuts_are_sent_as_files_and_the_api_is_not_asked(
    proxy: Proxy, client: httpx.AsyncClient
) -> None:
    files = CutFiles(proxy.published, keep=2)
    files.begin()
    body = b'{"area":"34"}' * 100
    files.write("001-a", [("areas/34.02", body), ("parts/2/areas/34.02", b"{}")])
    files.point({"cut": "001-a"})
    latest = await client.get("/v1/latest")
    assert (latest.status_code, latest.json()) == (200, {"cut": "001-a"})
    assert latest.headers["Cache-Control"].startswith("public, max-age=1, stale-while-revalidate=")
    assert latest.headers["Content-Type"] == "application/json"
    for codings in ("identity", "gzip"):
        async with client.stream("GET", "/v1/cuts/001-a/areas/34.02", headers={"Accept-Encoding": codings}) as answer:
            raw = b"".join([part async for part in answer.aiter_raw()])
        assert answer.status_code == 200
        assert raw == (body if codings == "identity" else compressed(body))
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert (await client.get("/v1/cuts/001-a/parts/2/areas/34.02")).content == b"{}"
    for path in ("/v1/cuts/002-b/areas/34.02", "/v1/cuts/001-a/areas/35", "/v1/cuts/001-a/areas", "/v1/cuts/"):
        answer = await client.get(path)
        assert answer.status_code == 404, path
        assert "immutable" not in answer.headers.get("Cache-Control", "")
