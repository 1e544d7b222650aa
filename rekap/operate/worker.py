"""One worker in this process: what is checked before it begins, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NoReturn

import uvloop
from aiokafka.errors import KafkaError

from projections.definition.compiled import Definition
from proofs.signatures import key_id
from rekap.operate.opening import OpeningError, check_opened
from rekap.terminal import complain
from runtime.files.key_files import KeyFileError, load_or_make_key_file
from runtime.kafka.generations import current_generation, later_generation
from runtime.kafka.seals import read_seal_keys
from runtime.kafka.topics import FIRST_GENERATION
from runtime.kafka.wanted_topics import TopicMismatchError, check_topics
from runtime.logs import log_line
from runtime.metrics_server import serve_metrics
from runtime.settings import Settings
from schemas.definition.package import Role
from schemas.served.live import CLIENT_MESSAGE_BYTES_MAX

logger = logging.getLogger("rekap.run")

EXIT_CONFIGURATION = 2
EXIT_STOPPED = 70
"""A worker stopped because going on would have been wrong; the supervisor starts it again."""
SERVING = "serving"
"""What an API logs once it has its port and takes requests: an answer at that port could be another process's."""
GRACEFUL_SECONDS = 8
ROLES = ("api", "tabulator", "rollup", "recorder", "notary")
GENERATION_ROLES = ("tabulator", "rollup", "recorder")
"""Those that write what is derived (runtime/kafka/generations.py). The API reads it, and changes without an end."""

Worker = Callable[[Settings, Definition, asyncio.Event], Awaitable[None]]


def run_role(role: str, settings: Settings, definition: Definition) -> None:
    """Until a signal. Ends the process with a sentence where it cannot begin or go on."""
    see_that_it_is_open(settings, definition)
    if role != "notary":
        _check_workers_key(settings)
    if role in GENERATION_ROLES and not settings.generation:
        settings = in_the_current_generation(settings, definition)
    _check_topics(settings, definition)
    if role != "api":
        serve_metrics(role, settings.host, settings.metrics_port)
    if role == "api":
        _serve(settings, definition)
    elif role == "rollup":
        # Before Faust is imported, which takes the policy it finds.
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        from streams.rollup import run_worker

        run_worker(settings, definition)
    elif role == "tabulator":
        from consumers.tabulator import worker as tabulator

        _work(role, tabulator.run, settings, definition)
    elif role == "notary":
        from consumers import notary

        _work(role, notary.run, settings, definition)
    else:
        from consumers.recorder import worker as recorder

        _work(role, recorder.run, settings, definition)


def see_that_it_is_open(settings: Settings, definition: Definition) -> None:
    """Compare the package with the ledger's genesis before anything is taken, counted or served by it: what a changed
    package acknowledges could never count. Ends the process with a sentence where they differ."""
    try:
        asyncio.run(check_opened(settings, definition))
    except (OpeningError, TopicMismatchError) as error:
        logger.critical(log_line("not-started", reason=error))
        raise SystemExit(EXIT_CONFIGURATION) from None
    except (KafkaError, TimeoutError, OSError) as error:
        logger.critical(log_line("not-started", reason=f"Kafka at {settings.kafka}: {type(error).__name__}"))
        raise SystemExit(EXIT_STOPPED) from None


def in_the_current_generation(settings: Settings, definition: Definition) -> Settings:
    """The settings with the generation that is served. Once it is another, this process ends in order: the supervisor
    starts it again, on that one."""
    try:
        current = asyncio.run(current_generation(settings, definition.election, definition.hash))
    except KafkaError as error:
        logger.critical(log_line("stopped", error=f"Kafka at {settings.kafka}: {type(error).__name__}"))
        raise SystemExit(EXIT_STOPPED) from None

    def follow() -> None:
        another = asyncio.run(later_generation(settings, definition.election, definition.hash, current))
        logger.info(log_line("generation-changed", before=current, now=another))
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, name="generation", daemon=True).start()
    return replace(settings, generation=current)


def unregistered_gateway(settings: Settings, definition: Definition) -> str | None:
    """Why no outbox would believe this gateway: the package registers gateways, and its key is none of theirs."""
    registered = [key.key_id for key in definition.keys.values() if key.role is Role.GATEWAY]
    try:
        own = key_id(load_or_make_key_file(settings.gateway_key).public_key().public_bytes_raw())
    except KeyFileError as error:
        return str(error)
    if not registered or own in registered:
        return None
    return (
        f"the package registers the gateway keys {', '.join(registered)}, but that in {settings.gateway_key} is {own}: "
        "outboxes would not believe this gateway's receipts"
    )


def _check_workers_key(settings: Settings) -> None:
    """Before anything else is begun. Ends the process with a sentence."""
    try:
        read_seal_keys(settings.workers_key)
    except KeyFileError as error:
        complain(*f"Error: {error}".split("\n"))
        raise SystemExit(EXIT_CONFIGURATION) from None


def _check_topics(settings: Settings, definition: Definition) -> None:
    """Those of the generation that this process works on; the API's is looked up by itself, and watched. Ends the process."""
    try:
        asyncio.run(check_topics(settings, definition.election, settings.generation or FIRST_GENERATION))
    except TopicMismatchError as error:
        complain(f"Error: {error}; `rekap open` makes the topics of an election")
        raise SystemExit(EXIT_CONFIGURATION) from None
    except (KafkaError, OSError) as error:
        logger.critical(log_line("stopped", error=f"Kafka at {settings.kafka}: {type(error).__name__}"))
        raise SystemExit(EXIT_STOPPED) from None


def _work(role: str, worker: Worker, settings: Settings, definition: Definition) -> None:
    async def until_signal() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, stop.set)
        await worker(settings, definition, stop)

    try:
        uvloop.run(until_signal())
    except Exception as error:
        logger.critical(log_line("stopped", role=role, error=f"{type(error).__name__}: {error}"), exc_info=True)
        raise SystemExit(EXIT_STOPPED) from None
    logger.info(log_line("stopped", role=role))


def _serve(settings: Settings, definition: Definition) -> NoReturn:
    from api.app import create_app
    from api.door import Door
    from api.http.connections import Connections, raise_descriptor_limit
    from api.http.server import bounded_server
    from api.limits.limits import Limits

    if unregistered := unregistered_gateway(settings, definition):
        complain(f"Error: {unregistered}")
        raise SystemExit(EXIT_CONFIGURATION)
    limits = Limits(settings)
    app = create_app(settings, definition, limits)
    server = bounded_server(
        Door(app, limits),
        connections=Connections(
            raise_descriptor_limit(settings.connections), settings.connections_of_address, limits.refusals
        ),
        proxies=limits.proxies,
        graceful_seconds=GRACEFUL_SECONDS,
        host=settings.host,
        port=settings.port,
        web_socket_bytes_max=CLIENT_MESSAGE_BYTES_MAX,
        after_startup=lambda: logger.info(log_line(SERVING, address=f"{settings.host}:{settings.port}")),
        before_shutdown=lambda: app.state.live.end_clients(),
    )
    server.run()
    raise SystemExit(0 if server.started else EXIT_STOPPED)
