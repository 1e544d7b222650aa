"""The start of a witness: its key, its state, and the keys of the logs that it follows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

import httpx
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs.notes import ED25519, VerifierKey, parse_key
from rekap.witness.errors import NotStartedError, StateError
from rekap.witness.server import witness_key
from rekap.witness.state import WitnessState
from runtime.files.key_files import load_key_file, load_or_make_key_file
from runtime.http_client import AwayError, ask, client_for
from runtime.logs import log_line

logger = logging.getLogger("rekap.witness")

LOGS_BYTES_MAX = 1024 * 1024
SERVER_SECONDS_MAX = 10.0


def open_state(name: str, key_file: Path, state_file: Path) -> tuple[WitnessState, Ed25519PrivateKey]:
    """The state and the key, both made at the first start and bound to each other.

    Raises KeyFileError, and StateError, also for a key without its state, because a witness that has lost its state would
    cosign a second history.
    """
    if key_file.exists():
        load_key_file(key_file)  # first, so that a file that is not a key is named as the fault
        if not state_file.exists():
            raise StateError(
                f"{key_file} exists, but not {state_file}, which has what this key has cosigned. Bring the newest state back, "
                "or become another witness with a new --name, --key and --state"
            )
    try:
        state_file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(f"{state_file.parent} cannot be made: {error.strerror}") from None
    state = WitnessState(state_file)
    try:
        # The key is made last, because a crash before leaves an empty state without a key, with which the next start
        # can begin.
        key = load_or_make_key_file(key_file)
        state.belong_to(witness_key(name, key))
    except BaseException:
        state.close()
        raise
    return state, key


def pinned_logs(state: WitnessState, server: str) -> list[VerifierKey]:
    """The keys of a server's logs as they were at the first start. Raises NotStartedError if they have changed, or if they were
    never seen and the server does not answer."""
    pinned = state.pinned(server)
    try:
        current = asyncio.run(_ask_for_logs(server))
    except (AwayError, ValueError) as error:
        why = f"{server}/v1/log: {error}"
        if not pinned:
            raise NotStartedError(f"the logs of {why}. Start again when the server is up, or give --log") from None
        logger.warning(log_line("server-away", why=why, then="its logs as pinned"))
        return sorted(map(parse_key, pinned))
    if not pinned:
        state.pin(server, current)
        logger.info(log_line("pinned", server=server, logs=len(current)))
        return list(current.values())
    if changed := pinned ^ {str(key) for key in current.values()}:
        before = ", ".join(sorted(changed & pinned)) or "none of them"
        after = ", ".join(sorted(changed - pinned)) or "none of them"
        raise NotStartedError(
            f"the logs of {server} are not those of the first start. Before: {before}. Now: {after}. A log does not "
            "change its key; ask its operator in public why, and to follow new logs start a witness with a new state"
        )
    return list(current.values())


async def _ask_for_logs(server: str) -> Mapping[str, VerifierKey]:
    """Origin → key. Raises AwayError, AddressError, and ValueError if the answer does not name them."""
    async with client_for(server, seconds_max=SERVER_SECONDS_MAX) as client:
        reply = await ask(client, "GET", f"{server}/v1/log", bytes_max=LOGS_BYTES_MAX, seconds_max=SERVER_SECONDS_MAX)
    if reply.status != httpx.codes.OK:
        raise ValueError(f"the answer has the status {reply.status}; is that the address of a Rekap server?")
    keys = {}
    try:
        for each in orjson.loads(reply.body)["logs"]:
            key = parse_key(each["keys"][0])
            if key.name != each["origin"] or key.kind != ED25519:
                raise ValueError(f"{each['origin']!r} is not signed by a key of that name")
            keys[key.name] = key
    except (LookupError, TypeError, AttributeError, orjson.JSONDecodeError):
        raise ValueError("the answer does not name the logs and their keys (yet)") from None
    if not keys:
        raise ValueError("the server has no log")
    return keys
