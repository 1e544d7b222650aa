"""`rekap portal`: one catalogue, one search and one read API over many elections."""

from __future__ import annotations

import logging
import signal
from pathlib import Path

import click

from api.http.connections import Connections, raise_descriptor_limit
from api.limits.limits import Limits
from api.server import bounded_server
from rekap.exit_codes import ExitCode
from rekap.portal.app import create_portal
from rekap.portal.configuration import read_configuration
from rekap.portal.rate_limited import RateLimitedPortal
from runtime.files.own_files import make_own_directory
from runtime.logs import log_line, start_logs
from runtime.memory import give_large_blocks_back
from runtime.settings import read_settings

logger = logging.getLogger("rekap.portal")

GRACEFUL_SECONDS = 8


@click.command("portal")
@click.argument("configuration", type=click.Path(path_type=Path, dir_okay=False))
def portal(configuration: Path) -> None:
    """Serve a catalogue over the elections that CONFIGURATION names, a TOML file: live ones by the address of their API, and
    archived ones straight from their directories, without Kafka and PostgreSQL.

    GET /v1/elections lists them, /v1/search finds areas, candidates and parties of all of them, and /elections/ID/v1/… is the
    read API of each. An election that cannot be served is listed as away, and stops no other. Address, port and limits are
    those of the API (REKAP_HOST, REKAP_PORT, REKAP_REQUESTS_PER_S and others). Exit codes: 0 stopped; 2 the configuration or a
    setting cannot be used; 3 the port cannot be used.

    \b
    Examples:
      rekap portal portal.toml
      REKAP_PORT=8080 rekap portal portal.toml
    """
    start_logs()
    settings = read_settings()
    wanted = read_configuration(configuration)
    make_own_directory(wanted.state)
    give_large_blocks_back()
    limits = Limits(settings)
    server = bounded_server(
        RateLimitedPortal(create_portal(wanted, settings.public_url), limits),
        connections=Connections(
            raise_descriptor_limit(settings.connections), settings.connections_of_address, limits.refusals
        ),
        proxies=limits.proxies,
        graceful_seconds=GRACEFUL_SECONDS,
        host=settings.host,
        port=settings.port,
        after_startup=lambda: logger.info(log_line("serving", address=f"{settings.host}:{settings.port}")),
    )
    for each in (signal.SIGTERM, signal.SIGINT):
        # uvicorn ends in order at the first signal, and then raises it again for the handler that was there before.
        signal.signal(each, lambda *_: None)
    server.run()
    raise SystemExit(ExitCode.DONE if server.started else ExitCode.NOT_REACHED)
