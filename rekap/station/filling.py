"""Filling of the outbox: events of files are checked, signed with the key's next numbers, and kept, all of them or none."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from projections.definition.compiled import Definition
from proofs.notes import NoteError
from proofs.signatures import key_id
from rekap.client.belief import ElectionName, gateway_key
from rekap.station.errors import OutboxError
from rekap.station.event_files import EventFileError, Given, objects
from rekap.station.finance_csv import finance_bodies
from rekap.station.form_check import FormCheck
from rekap.station.outbox import Outbox
from rekap.terminal import complain, print_lines
from runtime.files.key_files import load_key_file
from runtime.http_client import AddressError, AwayError, ask, client_for
from schemas.codes import SHA256_PATTERN, exactly
from schemas.definition.package import Role
from schemas.ledger.events import SEQ_MAX

KEY_SECONDS_MAX = 15.0
KEY_BYTES_MAX = 64 * 1024
MISTAKES_SHOWN = 20
CORRECTED = "TYPING"
"""Reason of a correction that gives none."""


class Signing(NamedTuple):
    """Key, election and checks for events that are not signed yet."""

    key: Ed25519PrivateKey
    definition: Definition
    check: FormCheck
    correct: bool


def signing_with(key_file: Path | None, definition: Definition | None, correct: bool) -> Signing | None:
    if key_file is None:
        return None
    key = load_key_file(key_file)
    if definition is None:
        raise OutboxError("--key signs events of an election: name it with --package")
    return Signing(key, definition, FormCheck(definition, key), correct)


def pin(outbox: Outbox, definition: Definition | None, texts: tuple[str, ...]) -> None:
    """Pin the keys of gateways that the package registers, and those that --gateway-key gives. Raises OutboxError."""
    if definition is not None:
        election = ElectionName(definition.election.mode.value, definition.election.id)
        for key in definition.keys.values():
            if key.role is Role.GATEWAY:
                outbox.pinned_keys.pin(election, key.public_key, "registered in the package")
    for text in texts:
        try:
            election, public_key = gateway_key(text)
        except NoteError as error:
            raise OutboxError(f"--gateway-key: {error}") from None
        if outbox.pinned_keys.pin(election, public_key, "by --gateway-key"):
            print_lines(f"the gateway's key is believed from now on for {election.id} ({election.mode})")


def begin(outbox: Outbox, signing: Signing, url: str) -> None:
    """Set the key's next number if this outbox has not signed with the key yet. Another outbox may have, which was lost, so the
    number follows the newest one in the ledger. If no server answers, the numbers begin at the present time in milliseconds,
    which is far above any number that was used."""
    if outbox.signed_events.numbers(signing.key, signing.definition):
        return
    signer = key_id(signing.key.public_key().public_bytes_raw())
    try:
        seq, prev = asyncio.run(_next_number(url, signer))
    except (AwayError, AddressError) as error:
        seq, prev = time.time_ns() // 1_000_000, None
        complain(
            f"note: the server does not answer whether key {signer} has signed elsewhere ({error}); its numbers begin at "
            f"{seq} here"
        )
    outbox.signed_events.begin(signing.key, signing.definition, seq, prev)


async def _next_number(url: str, signer: str) -> tuple[int, str | None]:
    """The next number of a key, and its event with the number before. Raises AwayError, AddressError."""
    async with client_for(url, seconds_max=KEY_SECONDS_MAX) as client:
        reply = await ask(
            client, "GET", f"{url}/v1/keys/{signer}", bytes_max=KEY_BYTES_MAX, seconds_max=KEY_SECONDS_MAX
        )
    try:
        body = orjson.loads(reply.body) if reply.status == httpx.codes.OK else None
    except ValueError:
        body = None
    match body:
        case {"key": key, "seq": None, "event": None} if key == signer:
            return 0, None
        case {"key": key, "seq": int(seq), "event": str(event)} if (
            key == signer and 0 <= seq < SEQ_MAX and _EVENT.match(event)
        ):
            return seq + 1, event
    raise AwayError(f"{url} does not answer with the newest number of this key")


_EVENT = re.compile(exactly(SHA256_PATTERN))


def fill(
    outbox: Outbox, files: tuple[Path, ...], signing: Signing | None, anyway: bool, *, advanced: Callable[[int], None]
) -> None:
    """Put all objects of all files into the outbox, or none. `advanced` is called with the number of objects so far. Raises
    OutboxError, EventFileError."""
    kept = known = 0
    mistakes = _Mistakes(anyway)
    with outbox.all_or_nothing():
        for file in files:
            for given in _events_of(file, signing):
                try:
                    new = _put(outbox, given, signing, mistakes)
                except OutboxError as error:
                    raise EventFileError(given.file, given.line, str(error)) from None
                kept += new
                known += not new
                advanced(kept + known)
        mistakes.raise_if_any()
    print_lines(f"{kept:,} put into the outbox, {known:,} were there already")


def _events_of(file: Path, signing: Signing | None) -> Iterator[Given]:
    """The events of a file. Raises EventFileError."""
    if file.suffix.lower() != ".csv":
        return objects(file)
    if signing is None:
        raise EventFileError(file, None, "holds finance reports, which are not signed; --key and --package sign them")
    return finance_bodies(file, signing.definition)


def _put(outbox: Outbox, given: Given, signing: Signing | None, mistakes: _Mistakes) -> bool:
    """Put one object into the outbox. Returns False if the outbox has it already. Raises OutboxError."""
    if "signatures" in given.value or "payload" in given.value:
        return outbox.keep(given.value, origin=given.position)
    if "type" not in given.value:
        raise OutboxError("neither a signed envelope nor an event: it has no field `type`")
    if signing is None:
        raise OutboxError("this event is not signed; --key and --package sign it")
    if outbox.signed_events.contains(given.value, signing.key, signing.definition):
        return False
    correction: Mapping[str, Any] = {}
    if before := outbox.signed_events.highest_version(given.value, signing.definition):
        event_before, version_before = before
        version = given.value.get("version")
        if signing.correct:
            correction = {
                "version": version_before + 1,
                "supersedes": event_before,
                "reason": given.value.get("reason") or CORRECTED,
            }
        elif type(version) is int and version <= version_before:
            raise OutboxError(
                f"{_named(given)}version {version_before} was signed here before and is "
                f"different (event {event_before[:16]}); if this one is the correction, --correct makes it version "
                f"{version_before + 1}"
            )
    event = outbox.sign(given.value, signing.key, signing.definition, correction=correction, origin=given.position)
    for mistake in signing.check.mistakes(event):
        mistakes.add(given, mistake.rule, mistake.sentence, mistake.is_refused)
    return True


def _named(given: Given) -> str:
    """What an event is about, for the beginning of a sentence."""
    value = given.value
    if "station" in value:
        return f"station {value['station']}: "
    account = [f"{name} {value[name]}" for name in ("party", "contest", "choice", "area", "report") if value.get(name)]
    return f"{', '.join(account)}: " if account else ""


class _Mistakes:
    """Mistakes in all files that the count would find, shown before the transaction commits."""

    def __init__(self, anyway: bool) -> None:
        self._anyway = anyway
        self._found = self._refused = 0

    def add(self, given: Given, rule: str, sentence: str, is_refused: bool) -> None:
        self._found += 1
        self._refused += is_refused
        if self._found <= MISTAKES_SHOWN:
            complain(f"{given.position}: {_named(given)}{rule}: {sentence}")

    def raise_if_any(self) -> None:
        """Raises OutboxError, unless they are to be signed anyway."""
        if self._found > MISTAKES_SHOWN:
            complain(f"… and {self._found - MISTAKES_SHOWN:,} more")
        if self._refused:
            raise OutboxError("nothing was signed: no gateway would take these events; correct them first")
        if self._found and not self._anyway:
            raise OutboxError(
                "nothing was signed: correct the typing errors; --anyway signs what is as on the paper form"
            )
