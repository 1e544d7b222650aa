"""`rekap witness`: cosigns what continues all that it has cosigned before (C2SP tlog-witness, tlog-cosignature)."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from proofs.notes import ED25519, NoteError, VerifierKey, is_key_name, parse_key
from rekap.witness.server import Witness, serve
from rekap.witness.start import open_state, pinned_logs
from runtime.logs import start_logs


@click.command("witness")
@click.option("--name", required=True, help="name of the witness in its signatures, such as witness.example/w1")
@click.option(
    "--key", "key_file", type=click.Path(path_type=Path, dir_okay=False), required=True,
    help="private key that cosigns; made at the first start",
)  # fmt: skip
@click.option(
    "--state", "state_file", type=click.Path(path_type=Path, dir_okay=False), required=True,
    help="what was cosigned; made at the first start, and never to be lost while the key is used",
)  # fmt: skip
@click.option("--log", "log_keys", multiple=True, metavar="VKEY", help="verifier key of a log, its origin as the name")
@click.option("--server", metavar="URL", help="a Rekap server: its logs and their keys, as they are at the first start")
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--port", type=click.IntRange(1, 65535), default=8100, show_default=True, help="port to listen on")
def witness(
    name: str, key_file: Path, state_file: Path, log_keys: tuple[str, ...], server: str | None, host: str, port: int
) -> None:
    """Witness public logs: cosign each checkpoint that continues what was cosigned before, and keep the others.

    Exit codes: 0 stopped; 2 an option, the key or the state cannot be used; 3 the server or the port cannot be had.

    \b
    Example:
      rekap witness --name witness.example/w1 --key w1.pem --state w1.sqlite --server https://count.example
    """
    start_logs()
    if not is_key_name(name):
        raise click.BadParameter("a name has no spaces and no '+', and is not empty", param_hint="--name")
    if not log_keys and server is None:
        raise click.UsageError("name the logs: --log VKEY, or --server URL")
    given = [_log_key(text) for text in log_keys]
    state, key = open_state(name, key_file, state_file)
    with contextlib.closing(state):
        logs: dict[str, list[VerifierKey]] = {}
        for each in dict.fromkeys([*given, *(pinned_logs(state, server.rstrip("/")) if server else ())]):
            logs.setdefault(each.name, []).append(each)
        serve(Witness(name, key, state, logs), host, port)


def _log_key(text: str) -> VerifierKey:
    try:
        key = parse_key(text)
    except NoteError as error:
        raise click.BadParameter(str(error), param_hint="--log") from None
    if key.kind != ED25519:
        raise click.BadParameter(f"{key.name!r} is the key of a witness, not of a log", param_hint="--log")
    return key
