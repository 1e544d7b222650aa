"""Snapshots for each CPU second of the server alone: the API's, and nginx with the same bytes as files.

    python bench/snapshots.py [--seconds 4] [--connections 32]

A made-up nation of 20,000 stations (rekap/elections/demo.py) with invented sums is in an embedded PostgreSQL, as the tables of
the read model. The server is a process of its own. It has the dispatcher, middleware, routes, protocol and rate limits of the
API, and no Kafka, which no snapshot needs. `wrk` asks for one address again and again, over HTTP/1.1 with keep-alive:

    contest    the president's contest: the smallest answer that people read
    areas      the nation with its 38 provinces: the largest answer in one part that people read

each whole, as gzip, and with the ETag of the answer (304). Then once more while the cut moves ten times a second, so that each
answer is read and made ten times a second, and once through the application, as each request was answered before.

The CPU time is that of the server's process, without PostgreSQL's, which is printed beside it; nginx's is its worker's. nginx
reads the answer from a file (sendfile), and has the gzip form in a file too. Exit code 0: all answers had the right status and
length. 1: some had not, or wrk or nginx is not installed (Debian: wrk, nginx-light).
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import asyncpg
import httpx
import orjson
import psutil
from fastapi import Depends, FastAPI

from api.answers.reading import Reading
from api.dispatcher import Dispatcher
from api.http.connections import Connections
from api.limits.limits import Limits
from api.parameters import only_known_parameters
from api.problems import install_problems
from api.read import snapshot_routes
from api.read.from_memory import SnapshotsInMemory
from api.read.snapshots import Snapshots
from api.readmodel.read_model import ReadModel
from api.server import bounded_server
from projections.area.tally import HEAD, STATIONS, TIERS, VALID, empty_tally
from projections.definition.compiled import Definition
from projections.readmodel import queries
from rekap.elections.demo import demo_package, key_slots
from rekap.embedded.postgres import EmbeddedPostgres
from runtime.postgres import migrate, open_pool
from runtime.settings import Settings

STATIONS_IN_ALL = 20_000
CONTEST, AREAS = "/v1/contests/president", "/v1/areas/ID"
CUTS_PER_S = 10
SECONDS_MAX = 60
START_SECONDS_MAX = 60


class Request(NamedTuple):
    name: str
    path: str
    fields: tuple[str, ...]
    status: int


class Measured(NamedTuple):
    per_s: float
    """Requests a second by the clock, of the server and wrk together on these cores."""
    per_cpu_s: float


def made_up_definition() -> Definition:
    slots = key_slots()
    return Definition.of(
        demo_package(stations=STATIONS_IN_ALL, public_keys={slot: os.urandom(32) for slot in slots}, partitions=12)
    )


# ── the server, a process of its own ─────────────────────────────────────────────────────────────────────────────────


def serve(database: str, port: int, *, from_memory: bool) -> None:
    # All requests come from one address, so the limit is out of reach; its work is done for each request all the same.
    settings = Settings(database=database, requests_per_s=1_000_000, port=port)
    definition = made_up_definition()
    limits = Limits(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        schema = queries.schema_of(definition.election)
        pool = await open_pool(settings, schema, size=settings.database_connections)
        app.state.snapshots = Snapshots(ReadModel(pool, pool, definition), definition, kept)
        yield
        await pool.close()

    app = FastAPI(lifespan=lifespan, dependencies=[Depends(only_known_parameters)])
    app.add_middleware(Reading)
    install_problems(app)
    app.include_router(snapshot_routes.router)
    kept = SnapshotsInMemory(limits.requests)
    bounded_server(
        Dispatcher(app, limits),
        connections=Connections(4_096, 4_096, limits.refusals),
        proxies=limits.proxies,
        in_memory=kept if from_memory else None,
        graceful_seconds=1,
        port=port,
    ).run()


@contextmanager
def serving(database: str, *, from_memory: bool) -> Iterator[tuple[str, psutil.Process]]:
    port = free_port()
    command = [sys.executable, __file__, "--serve", database, str(port), "--from-memory", str(int(from_memory))]
    process = subprocess.Popen(command)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}{CONTEST}")
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(10)


# ── what it serves ───────────────────────────────────────────────────────────────────────────────────────────────────


async def fill(database: str, definition: Definition) -> None:
    """Invented sums of all contests, in which each station counts once."""
    schema = queries.schema_of(definition.election)
    pool = await open_pool(Settings(database=database), schema)
    chance = random.Random(1)

    def sums(choices: int, expected: int) -> str:
        tally = empty_tally(choices)
        votes = [chance.randrange(10_000) * expected for _ in range(choices)]
        tally[HEAD : HEAD + choices] = votes
        tally[STATIONS], tally[VALID] = expected, sum(votes)
        assert len(tally) == len(TIERS) * (HEAD + choices) + 1
        return orjson.dumps(tally).decode()

    rows = []
    for (number, area), of in definition.electorates.denominators.items():
        if definition.tree.level[area] <= 1:
            contest = definition.ballots.contests[number]
            rows.append((contest.id, definition.tree.codes[area], sums(len(contest.choices), of.stations)))
    try:
        await migrate(pool, schema, files("projections.readmodel").joinpath("migrations"))
        async with pool.acquire() as connection:
            await connection.copy_records_to_table("area_tally", records=rows, columns=("contest", "area", "tally"))
            cut = [1_000] * definition.partitions
            await connection.executemany(
                "INSERT INTO result_watermark (office, as_of) VALUES ($1, $2)",
                [(office.id, cut) for office in definition.ballots.offices],
            )
            blocks = [
                (office.id, each, 1_000)
                for office in definition.ballots.offices
                for each in range(definition.partitions)
            ]
            await connection.copy_records_to_table("block_watermark", records=blocks)
    finally:
        await pool.close()


async def move(database: str, definition: Definition) -> None:
    """Move the cut of every office CUTS_PER_S times a second, until this is cancelled."""
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(f'SET search_path TO "{queries.schema_of(definition.election)}"')
        while True:
            await connection.execute("UPDATE result_watermark SET as_of[1] = as_of[1] + 1")
            await asyncio.sleep(1 / CUTS_PER_S)
    finally:
        await connection.close()


# ── nginx ────────────────────────────────────────────────────────────────────────────────────────────────────────────

NGINX = """
worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    gzip_static on;
    default_type application/json;
    keepalive_requests 1000000000;
    open_file_cache max=100;
    client_body_temp_path {directory}/bodies;
    proxy_temp_path {directory}/proxied;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {directory}/files;
        add_header Cache-Control "public, max-age=1";
    }}
}}
"""


@contextmanager
def nginx(answers: dict[str, bytes]) -> Iterator[tuple[str, psutil.Process]]:
    """nginx with these answers as files, and its worker."""
    with tempfile.TemporaryDirectory(prefix="rekap-bench-") as name:
        directory, port = Path(name), free_port()
        directory.chmod(0o755)
        for path, body in answers.items():
            file = directory / "files" / path.removeprefix("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(body)
            file.with_name(file.name + ".gz").write_bytes(gzip.compress(body, 5, mtime=0))
        configuration = directory / "nginx.conf"
        configuration.write_text(NGINX.format(directory=directory, port=port))
        process = subprocess.Popen(["nginx", "-p", name, "-c", str(configuration)], stderr=subprocess.DEVNULL)
        try:
            wait_for(f"http://127.0.0.1:{port}{CONTEST}")
            (worker,) = psutil.Process(process.pid).children()
            yield f"http://127.0.0.1:{port}", worker
        finally:
            process.terminate()
            process.wait(10)


# ── measuring ────────────────────────────────────────────────────────────────────────────────────────────────────────


def measured(url: str, server: psutil.Process, request: Request, seconds: int, connections: int) -> Measured:
    """Raises SystemExit where an answer has another status than it should have."""
    fields = [part for field in request.fields for part in ("-H", field)]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *fields, url + request.path]
    before = cpu_seconds(server)
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=True).stdout
    used = cpu_seconds(server) - before
    found = re.search(r"(\d+) requests in ([\d.]+)(m?s)", done)
    assert found is not None, done
    if "Non-2xx" in done and request.status == 200:  # wrk counts a 304 as one
        raise SystemExit(f"{request.name}: some answers were not {request.status}\n{done}")
    requests, took = int(found[1]), float(found[2]) / (1 if found[3] == "s" else 1_000)
    return Measured(requests / took, requests / used)


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def requests_to(url: str) -> tuple[list[Request], dict[str, bytes]]:
    """What is asked of this server, and its answers by path. The statuses are checked here."""
    asked: list[Request] = []
    bodies: dict[str, bytes] = {}
    with httpx.Client(base_url=url, headers={"Accept-Encoding": "identity"}) as client:
        for name, path in (("contest", CONTEST), ("areas", AREAS)):
            answer = client.get(path)
            bodies[path] = answer.content
            of_tag = {"If-None-Match": answer.headers["ETag"]}
            assert answer.status_code == 200
            assert client.get(path, headers=of_tag).status_code == 304
            assert client.get(path, headers={"Accept-Encoding": "gzip"}).content == answer.content
            asked += [
                Request(name, path, (), 200),
                Request(f"{name}, gzip", path, ("Accept-Encoding: gzip",), 200),
                Request(f"{name}, 304", path, (f"If-None-Match: {answer.headers['ETag']}",), 304),
            ]
    return asked, bodies


def wait_for(url: str) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until:
        with suppress(httpx.HTTPError):
            if httpx.get(url).status_code == 200:
                return
        time.sleep(0.1)
    raise SystemExit(f"{url} did not answer within {START_SECONDS_MAX} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def main(seconds: int, connections: int) -> None:
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed (Debian: apt-get install wrk)")
    has_nginx = shutil.which("nginx") is not None
    definition = made_up_definition()
    with tempfile.TemporaryDirectory(prefix="rekap-bench-") as directory:
        os.chmod(directory, 0o755)
        postgres = EmbeddedPostgres(Path(directory))
        database = await postgres.start()
        try:
            await fill(database, definition)
            await asyncio.to_thread(report, database, seconds, connections, has_nginx)
            await while_the_cut_moves(database, definition, postgres.process_id, seconds, connections)
        finally:
            await postgres.stop()


def report(database: str, seconds: int, connections: int, has_nginx: bool) -> None:
    with serving(database, from_memory=True) as (url, server):
        asked, bodies = requests_to(url)
        now = [measured(url, server, each, seconds, connections) for each in asked]
    with serving(database, from_memory=False) as (url, server):
        before = [measured(url, server, each, seconds, connections) for each in asked]
    by_files: Sequence[Measured | None] = [None] * len(asked)
    if has_nginx:
        with nginx(bodies) as (url, server):
            by_files = [measured(url, server, each, seconds, connections) for each in requests_to(url)[0]]
    print(
        f"{'requests for each CPU second of the server':44}{'bytes':>9}{'memory':>10}{'routed':>10}{'nginx':>10}  ratio"
    )
    for each, one, other, file in zip(asked, now, before, by_files, strict=True):
        size = 0 if each.status == 304 else len(bodies[each.path])
        ratio = "" if file is None else f"  {one.per_cpu_s / file.per_cpu_s:.2f} of nginx"
        files_ = "" if file is None else f"{file.per_cpu_s:10,.0f}"
        print(f"{each.name:44}{size:9,}{one.per_cpu_s:10,.0f}{other.per_cpu_s:10,.0f}{files_}{ratio}", flush=True)
    if not has_nginx:
        print("nginx is not installed (Debian: apt-get install nginx-light), so there is no ratio.")


async def while_the_cut_moves(
    database: str, definition: Definition, postgres: int | None, seconds: int, connections: int
) -> None:
    moving = asyncio.create_task(move(database, definition))
    try:
        with serving(database, from_memory=True) as (url, server):
            for name, path in (("contest", CONTEST), ("areas", AREAS), ("areas, gzip", AREAS)):
                fields = ("Accept-Encoding: gzip",) if "gzip" in name else ()
                before = _cpu_of_tree(postgres)
                request = Request(name, path, fields, 200)
                found = await asyncio.to_thread(measured, url, server, request, seconds, connections)
                used = (_cpu_of_tree(postgres) - before) / seconds
                print(
                    f"{name + f', {CUTS_PER_S} cuts/s':53}{found.per_cpu_s:10,.0f}"
                    f"  (PostgreSQL {used * 1000:.0f} ms of CPU a second)"
                )
    finally:
        moving.cancel()
        with suppress(asyncio.CancelledError):
            await moving


def _cpu_of_tree(process_id: int | None) -> float:
    server = psutil.Process(process_id)
    return sum(map(cpu_seconds, [server, *server.children(recursive=True)]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4, choices=range(1, SECONDS_MAX + 1), metavar="SECONDS")
    parser.add_argument("--connections", type=int, default=32, choices=range(1, 1_001), metavar="CONNECTIONS")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--from-memory", type=int, default=1, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve[0], int(given.serve[1]), from_memory=bool(given.from_memory))
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        asyncio.run(main(given.seconds, given.connections))
