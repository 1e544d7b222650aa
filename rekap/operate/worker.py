"""One worker in this process: what is checked before it begins, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import uvloop
from prometheus_client import ProcessCollector

from api.roles import ALL_ROLES, ApiRole
from projections.definition.compiled import Definition
from proofs.signatures import key_id
from rekap.errors import UnusableError
from rekap.exit_codes import ExitCode
from rekap.failures import outcome_of
from rekap.operate.opening import check_opened
from runtime import metrics
from runtime.files.key_files import load_or_make_key_file
from runtime.kafka.generations import current_generation, later_generation
from runtime.kafka.seals import read_seal_keys
from runtime.kafka.topics import FIRST_GENERATION
from runtime.kafka.wanted_topics import TopicMismatchError, check_topics
from runtime.logs import log_line
from runtime.memory import give_large_blocks_back, keep_freed_blocks
from runtime.metrics_server import serve_metrics
from runtime.settings import Settings, variable
from schemas.definition.package import Role
from schemas.served.live import CLIENT_MESSAGE_BYTES_MAX

logger = logging.getLogger("rekap.run")

SERVER_TROUBLE = frozenset({"08", "25", "28", "3D", "53", "57", "58"})
"""Classes of SQLSTATE that are about the server and not about a statement: connection, read only, login, no such database, no
resources, stopped by an operator, its system."""

SERVING = "serving"
"""What an API logs once it has its port and takes requests. An answer at the port alone could be another process's."""
GRACEFUL_SECONDS = 8
API_ROLES: dict[str, frozenset[ApiRole]] = {"api": ALL_ROLES, **{str(role): frozenset({role}) for role in ApiRole}}
"""Roles of a process of the API, by argument of `rekap run`."""
FRONT = "front"
ROLES = (FRONT, *API_ROLES, "tabulator", "rollup", "recorder", "notary", "exporter")
GENERATION_ROLES = ("tabulator", "rollup", "recorder", "exporter")
"""Roles that work on the derived data of one generation (runtime/kafka/generations.py). The API changes to another generation
without an end of its process."""

Worker = Callable[[Settings, Definition, asyncio.Event], Awaitable[None]]


def run_role(role: str, settings: Settings, definition: Definition) -> None:
    """Check what the worker needs, in this order, then run it until a signal:

        1. the package is the one that the ledger's genesis names; a changed package would acknowledge what cannot count
        2. the workers' keys can be read
        3. the generation to work on is known, and its topics are as they must be

    Raises OpeningError, KeyFileError, TopicMismatchError, UnusableError, KafkaError, TimeoutError, OSError. Ends the process
    with ExitCode.STOPPED where the worker stops by itself, and with that of the error where a part of the system is away."""
    asyncio.run(check_opened(settings, definition))  # 1
    if role != "notary":
        read_seal_keys(settings.workers_key)  # 2
    if role in GENERATION_ROLES and not settings.generation:
        settings = in_the_current_generation(settings, definition)  # 3
    _check_topics(settings, definition)
    if role in API_ROLES:
        _serve(settings, definition, API_ROLES[role])
    serve_metrics(role, settings.host, settings.metrics_port)
    if role != "exporter":  # which needs much for a moment, once in a quarter of an hour
        keep_freed_blocks()
    if role == "rollup":
        # Before Faust is imported, which takes the policy it finds.
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        from streams.rollup import run_worker

        run_worker(settings, definition, lambda error: _ended_by(role, error))
    elif role == "tabulator":
        from consumers.tabulator import worker as tabulator

        _work(role, tabulator.run, settings, definition)
    elif role == "notary":
        from consumers import notary

        _work(role, notary.run, settings, definition)
    elif role == "exporter":
        from consumers.exporter import worker as exporter

        _work(role, exporter.run, settings, definition)
    else:
        from consumers.recorder import worker as recorder

        _work(role, recorder.run, settings, definition)


def run_front(settings: Settings) -> None:
    """Hand connections to the processes of the API until a signal. The front needs no package, no Kafka and no PostgreSQL.
    Raises UnusableError, SettingsError, OSError."""
    from api.front.serving import serve

    if not settings.front:
        raise UnusableError(
            f"{variable('front')} names no UNIX socket, at which processes of the API would join the front"
        )
    serve_metrics(FRONT, settings.host, settings.metrics_port)
    address = f"{settings.host}:{settings.port}"

    async def until_signal() -> None:
        await serve(settings, _stop_at_signal(), lambda: logger.info(log_line(SERVING, address=address)))

    uvloop.run(until_signal())
    logger.info(log_line("stopped", role=FRONT))


def in_the_current_generation(settings: Settings, definition: Definition) -> Settings:
    """The settings with the generation that is served. Once another generation is served, this process ends in order, and
    the supervisor starts it again on the new one. Raises KafkaError."""
    current = asyncio.run(current_generation(settings, definition.election, definition.hash))

    def follow() -> None:
        another = asyncio.run(later_generation(settings, definition.election, definition.hash, current))
        logger.info(log_line("generation-changed", before=current, now=another))
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, name="generation", daemon=True).start()
    return replace(settings, generation=current)


def check_gateway_key(settings: Settings, definition: Definition) -> None:
    """Raises UnusableError where the package registers gateways and this one's key is not among them, because then no outbox
    believes its receipts; and KeyFileError."""
    registered = [key.key_id for key in definition.keys.values() if key.role is Role.GATEWAY]
    own = key_id(load_or_make_key_file(settings.gateway_key).public_key().public_bytes_raw())
    if registered and own not in registered:
        raise UnusableError(
            f"the package registers the gateway keys {', '.join(registered)}, but the key in {settings.gateway_key} is "
            f"{own}: outboxes would not believe this gateway's receipts"
        )


def _check_topics(settings: Settings, definition: Definition) -> None:
    """Check the topics of the generation that this process works on. The API finds and watches its generation itself. Raises
    TopicMismatchError, KafkaError."""
    try:
        asyncio.run(check_topics(settings, definition.election, settings.generation or FIRST_GENERATION))
    except TopicMismatchError as error:
        raise TopicMismatchError(f"{error}; `rekap open` makes the topics of an election") from None


def _work(role: str, worker: Worker, settings: Settings, definition: Definition) -> None:
    async def until_signal() -> None:
        await worker(settings, definition, _stop_at_signal())

    try:
        uvloop.run(until_signal())
    except Exception as error:
        raise SystemExit(_ended_by(role, error)) from None
    logger.info(log_line("stopped", role=role))


def _ended_by(role: str, error: Exception) -> ExitCode:
    """Log the error that ends a worker. Returns the exit code."""
    outcome = None if _is_of_a_statement(error) else outcome_of(error)
    if outcome is not None:  # Kafka, PostgreSQL or a disk, and not a bug, so no traceback
        logger.error(log_line("stopped", role=role, error=outcome.lines[0]))
        return outcome.code
    logger.critical(log_line("stopped", role=role, error=f"{type(error).__name__}: {error}"), exc_info=error)
    return ExitCode.STOPPED


def _is_of_a_statement(error: Exception) -> bool:
    """Whether PostgreSQL refused a statement itself, which is a bug, and not that it is away, full or being stopped."""
    code: str | None = getattr(error, "sqlstate", None)
    return code is not None and code[:2] not in SERVER_TROUBLE


def _stop_at_signal() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    return stop


def _serve(settings: Settings, definition: Definition, roles: frozenset[ApiRole]) -> NoReturn:
    from api.app import create_app
    from api.dispatcher import Dispatcher
    from api.front.link import FrontLink
    from api.http.connections import Connections, raise_descriptor_limit
    from api.limits.limits import Limits
    from api.server import bounded_server

    if ApiRole.GATEWAY in roles:
        check_gateway_key(settings, definition)
    give_large_blocks_back()
    ProcessCollector(registry=metrics.API)
    limits = Limits(settings)
    app = create_app(settings, definition, limits, roles)
    dispatcher = Dispatcher(app, limits, roles)

    def end_clients() -> None:
        logger.info(log_line("stopping", roles=",".join(sorted(map(str, roles)))))
        if app.state.live is not None:
            app.state.live.end_clients()

    server = bounded_server(
        dispatcher,
        connections=Connections(
            raise_descriptor_limit(settings.connections), settings.connections_of_address, limits.refusals
        ),
        proxies=limits.proxies,
        in_memory=app.state.in_memory if ApiRole.READ in roles else None,
        graceful_seconds=GRACEFUL_SECONDS,
        host=settings.host,
        port=settings.port,
        web_socket_bytes_max=CLIENT_MESSAGE_BYTES_MAX,
        at_once=dispatcher.submit_at_once if ApiRole.GATEWAY in roles else None,
        # A process with all roles is its own front.
        front=FrontLink(Path(settings.front), next(iter(roles))) if settings.front and len(roles) == 1 else None,
        after_startup=lambda: logger.info(log_line(SERVING, address=f"{settings.host}:{settings.port}")),
        before_shutdown=end_clients,
    )
    server.run()
    raise SystemExit(ExitCode.DONE if server.started else ExitCode.STOPPED)
