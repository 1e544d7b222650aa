"""What a proof file proves, decided from the file and the keys that its reader trusts. Pure: no network, no file."""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from projections.definition.compiled import Definition
from projections.fold.authority import check_election, check_key, check_scope
from proofs.merkle import ProofError, check_inclusion, leaf_hash
from proofs.notes import NoteError, VerifierKey, open_checkpoint
from proofs.signatures import UnfitKeyError, load_public_key, verify_by_openssl
from rekap.client.errors import NotProvedError, ProofFileError
from runtime.package.shape_sentences import first_sentence
from schemas.codes import KeyId
from schemas.ledger.envelope import MalformedRecordError, Opened, open_record
from schemas.ledger.events import LEDGER_EVENT
from schemas.served.proof_file import ProofFile, ProvedRecord
from schemas.texts import shown


class Author(NamedTuple):
    """Who signed an event, according to the election package."""

    key: str
    role: str
    scope: str


class Proved(NamedTuple):
    """What was proved about one record."""

    log: str
    offset: int
    size: int
    """Number of records under the checkpoint."""
    witnesses: dict[str, int]
    """Name of each trusted witness that has cosigned the checkpoint → time, in seconds since 1970."""
    event: str | None
    """Event id; None where the record holds no event."""
    body: dict[str, Any]
    """The signed event; empty where the record holds none."""
    author: Author | None
    """Holder of a key of the package who has signed the event; None where no package was given, or nobody has."""
    fault: str
    """Why the event cannot count, whichever other keys sign; empty where it can, or where no package was given."""


def check(
    file: ProofFile,
    log_keys: Sequence[VerifierKey],
    witnesses: Sequence[VerifierKey] = (),
    *,
    witnesses_min: int = 0,
    definition: Definition | None = None,
) -> list[Proved]:
    """What the file proves, if the reader trusts these keys of logs and witnesses and this package. For each record:

    1. its bytes are the leaf of this offset under the checkpoint's root
    2. a trusted key of the log has signed the checkpoint, and enough of the witnesses have cosigned it
    3. the event in it is the one that the file names
    4. with a package: a key that the package registers has signed the event, and may report it

    What 4 finds, and an event that names another definition, is a `fault` and not an error, because the log also has events
    that do not count. Raises NotProvedError, and ProofFileError where no key of the log was given or the package is another
    one."""
    if definition is not None and definition.hash != file.package.definition:
        raise ProofFileError(
            f"the package is another one: its definition hash is {definition.hash}, and the proof is of "
            f"{file.package.definition}"
        )
    by_log = {key.name: key for key in log_keys}
    return [
        _checked(record, file.package.definition, by_log, witnesses, witnesses_min, definition)
        for record in file.records
    ]


def _checked(
    record: ProvedRecord,
    definition_hash: str,
    by_log: Mapping[str, VerifierKey],
    witnesses: Sequence[VerifierKey],
    witnesses_min: int,
    definition: Definition | None,
) -> Proved:
    name = f"record {record.offset} of log {shown(record.log)}"
    key = by_log.get(record.log)
    if key is None:
        given = ", ".join(shown(each) for each in by_log) or "none"
        raise ProofFileError(f"no key of the log {shown(record.log)} was given (given: {given})")
    try:
        entry = binascii.a2b_base64(record.entry, strict_mode=True)
        path = [binascii.a2b_base64(each, strict_mode=True) for each in record.proof]
    except ValueError:
        raise NotProvedError(f"{name}: its bytes or its proof are not valid base64") from None
    try:
        opened = open_checkpoint(record.checkpoint.encode(), key, witnesses)
        check_inclusion(leaf_hash(entry), record.offset, opened.checkpoint.size, path, opened.checkpoint.root)  # 1
    except (NoteError, ProofError) as error:
        raise NotProvedError(f"{name}: {shown(error)}") from None
    if len(opened.witnesses) < witnesses_min:  # 2
        raise NotProvedError(
            f"{name}: {len(opened.witnesses)} of the given witnesses have cosigned its checkpoint, {witnesses_min} are needed"
        )
    of_event = _event(name, record, entry, definition_hash, definition)
    return Proved(record.log, record.offset, opened.checkpoint.size, opened.witnesses, *of_event)


def _event(
    name: str, record: ProvedRecord, entry: bytes, definition_hash: str, definition: Definition | None
) -> tuple[str | None, dict[str, Any], Author | None, str]:
    """Id, body, author and fault of the event in a record."""
    try:
        opened = open_record(entry)
    except MalformedRecordError as error:
        if record.event is not None:
            raise NotProvedError(f"{name} holds no event, but the file names one ({shown(error)})") from None
        return None, {}, None, f"the record cannot be read ({shown(error)})"
    event = opened.event_id.hex()
    if event != record.event:  # 3
        raise NotProvedError(f"{name} holds the event {event}, not the one that the file names")
    body = _object(opened.payload)
    if body.get("definition") != definition_hash:
        return event, body, None, "it names another definition than that of the package"
    author, fault = (None, "") if definition is None else _author(opened, definition)  # 4
    return event, body, author, fault


def _author(opened: Opened, definition: Definition) -> tuple[Author | None, str]:
    ((key_id, signature),) = opened.signatures
    key = definition.keys.get(KeyId(key_id))
    if key is None:
        return None, f"the package does not register its key {shown(key_id)}"
    try:
        is_valid = verify_by_openssl(load_public_key(key.public_key), signature, opened.payload)
    except UnfitKeyError:
        is_valid = False
    if not is_valid:
        return None, f"the signature of key {key_id} is not valid"
    author = Author(key_id, key.role.value, key.scope)
    try:
        event = LEDGER_EVENT.validate_json(opened.payload)
    except ValidationError as error:
        return author, first_sentence(error)
    refusal = (
        check_election(event, definition)
        or check_key(event, key, key_id, definition)
        or check_scope(event, key, definition)
    )
    return author, "" if refusal is None else f"{refusal.rule}: {refusal.sentence_en}"


def _object(payload: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(payload)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
