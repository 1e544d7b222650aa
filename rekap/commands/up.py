"""`rekap up`: embedded Kafka and PostgreSQL and all workers, in one terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from rekap.embedded.supervisor import stop_signal
from rekap.operate.configuration import note_mistyped_settings
from rekap.operate.opening import CONFIRM_HELP
from rekap.operate.stack import EXPORTER, LOG_FILE, WITNESSES_MAX, WORKERS, WORKERS_APART, running_stack
from rekap.terminal import print_lines
from runtime.files.key_files import load_key_file
from runtime.settings import read_settings


@click.command("up")
@click.argument("package", type=click.Path(path_type=Path), default=Path("election"))
@click.option("--key", "key_file", type=click.Path(path_type=Path), required=True, help="private key of the authority")
@click.option(
    "--data", type=click.Path(path_type=Path), default=Path("rekap-data"), show_default=True,
    help="directory of ledger, database and keys",
)  # fmt: skip
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="port of the API")
@click.option(
    "--apart/--together", default=True, show_default=True,
    help="the API as a process for each of its roles behind one address, or as one process, which needs 200 MB less",
)  # fmt: skip
@click.option(
    "--witnesses", type=click.IntRange(0, WITNESSES_MAX), default=0, show_default=True,
    help="witnesses of the logs to start here too (others should run them, see docs/witness.md)",
)  # fmt: skip
@click.option(
    "--metrics-port", type=click.IntRange(0, 65534 - len(WORKERS_APART)), default=0, show_default=True,
    help="first of the workers' ports for Prometheus: recorder, then tabulator, rollup, notary, front, gateway, feed, read, "
    "exporter; 0 for none",
)  # fmt: skip
@click.option(
    "--import-ledger", "ledger", type=click.Path(path_type=Path, file_okay=False),
    help="begin with the files that `rekap ledger export` wrote there; the ledger must be empty",
)  # fmt: skip
@click.option("--confirm", metavar="ELECTION", help=CONFIRM_HELP)
def up(
    package: Path,
    key_file: Path,
    data: Path,
    port: int,
    apart: bool,
    witnesses: int,
    metrics_port: int,
    ledger: Path | None,
    confirm: str | None,
) -> None:
    """Start everything for the election in PACKAGE, and run until Ctrl-C. A second start continues with the same data.

    \b
    Example:
      rekap up my-election --key my-election-keys/authority-N.pem
    """

    note_mistyped_settings()
    workers = WORKERS_APART if apart else WORKERS
    if read_settings().files_every_s:
        workers = (*workers, EXPORTER)

    async def go() -> None:
        stop = stop_signal()
        key = load_key_file(key_file)
        async with running_stack(
            package, data, key,
            port=port, workers=workers, witnesses=witnesses, metrics_port=metrics_port,
            ledger=ledger, confirmed=confirm,
        ) as stack:  # fmt: skip
            for line in (*stack.where, f"log: {data / LOG_FILE}"):
                stack.supervisor.write_line("rekap", line)
            stack.supervisor.write_line(
                "rekap", f"ready: {stack.url}/v1/election   API: {stack.url}/docs   stop: Ctrl-C"
            )
            await stop
            stack.supervisor.write_line("rekap", "stopping")

    asyncio.run(go())
    print_lines(f"stopped; the same command continues with what is kept in {data}")
