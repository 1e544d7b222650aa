"""Whether an answer was signed by a gateway whose key is pinned. Pure: no network, no file.

A form is delivered when a pinned key has signed a receipt for this event, and the leaf is that of the record with this
envelope. It is refused when a pinned key has signed the refusal of exactly these bytes. Any other answer is not believed,
because a captive portal, a proxy or another server between can write any status and any JSON.
"""

from __future__ import annotations

import binascii
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from proofs.merkle import leaf_hash
from proofs.notes import ED25519, NoteError, VerifierKey, check_signature, parse_key, parse_note
from rekap.client.sending import Answer
from schemas.ledger.envelope import Receipt, ledger_record
from schemas.served.logs import FINAL_STATUSES, receipt_text, refusal_text
from schemas.texts import shown


class ElectionName(NamedTuple):
    """Mode and id of an election, with which the names of its gateways' keys begin."""

    mode: str
    id: str

    @property
    def prefix(self) -> str:
        return f"rekap/{self.mode}/{self.id}/"


class NotBelievedError(Exception):
    """No pinned key signed the answer; the message states what is missing. `by_another_key`: a key that is not pinned signed
    it."""

    def __init__(self, sentence: str, *, by_another_key: bool = False) -> None:
        super().__init__(sentence)
        self.by_another_key = by_another_key


def believed(
    answer: Answer, envelope: bytes, event: str, election: ElectionName, pinned: Collection[bytes]
) -> dict[str, Any]:
    """The receipt, or the problem, that a pinned key has signed. Raises NotBelievedError."""
    if answer.receipt is not None and answer.status in (200, 201):
        return _receipt(answer.receipt, envelope, event, election, pinned)
    if answer.problem is not None and answer.status in FINAL_STATUSES:
        return _refusal(answer.problem, answer.status, envelope, election, pinned)
    problem = answer.problem or {}
    raise NotBelievedError(f"status {answer.status}: {shown(problem.get('detail', 'without a reason'))[:200]}")


def _receipt(
    given: Mapping[str, Any], envelope: bytes, event: str, election: ElectionName, pinned: Collection[bytes]
) -> dict[str, Any]:
    try:
        receipt = Receipt.model_validate(given)
    except ValidationError:
        raise NotBelievedError("the answer has a receipt without the fields of one") from None
    if receipt.submission != event:
        raise NotBelievedError(f"the receipt is of another event ({shown(receipt.submission)[:64]})")
    text = receipt_text(election.id, event, receipt.partition, receipt.offset, receipt.leaf_hash, receipt.received_at)
    _check(receipt.signed, text, election, pinned, "the receipt")
    # A duplicate's leaf is that of the first record with this event, whose bytes we do not have.
    own = leaf_hash(ledger_record(envelope, receipt.gateway, receipt.received_at)).hex()
    if receipt.leaf_hash != own and not receipt.duplicate:
        raise NotBelievedError("the receipt's leaf is not that of the record with this envelope")
    return receipt.model_dump(mode="json", exclude_none=True)


def _refusal(
    problem: dict[str, Any], status: int, envelope: bytes, election: ElectionName, pinned: Collection[bytes]
) -> dict[str, Any]:
    detail = problem.get("detail")
    if problem.get("status") != status or not isinstance(detail, str):
        raise NotBelievedError("the answer is a refusal without the fields of one")
    try:
        text = refusal_text(election.id, envelope, problem)
    except (ValueError, TypeError, RecursionError):
        raise NotBelievedError("the answer is a refusal without the fields of one") from None
    _check(problem.get("signed"), text, election, pinned, f"the refusal ({status}, {shown(detail)[:100]!r})")
    return problem


def _check(signed: Any, text: str, election: ElectionName, pinned: Collection[bytes], what: str) -> None:
    if not isinstance(signed, str):
        raise NotBelievedError(f"{what} is not signed")
    try:
        note = parse_note(signed.encode("utf-8", "replace"))
    except NoteError as error:
        raise NotBelievedError(f"{what} has a signature that is not a note: {shown(error)[:200]}") from None
    if note.text != text:
        raise NotBelievedError(f"{what} and the text that is signed are not the same")
    for signature in note.signatures:
        for public in pinned:
            key = VerifierKey(signature.name, ED25519, public)
            if not signature.name.startswith(election.prefix) or signature.key_hash != key.key_hash:
                continue
            try:
                check_signature(text, signature, key)
            except NoteError as error:
                raise NotBelievedError(f"{what}: {shown(error)[:200]}") from None
            return
    names = ", ".join(shown(each.name)[:100] for each in note.signatures[:3])
    raise NotBelievedError(f"{what} is signed by a key that is not pinned ({names})", by_another_key=True)


def gateway_key(text: str) -> tuple[ElectionName, bytes]:
    """Election and public key of `rekap/MODE/ELECTION/GATEWAY+hash+key`. Raises NoteError."""
    key = parse_key(text)
    parts = key.name.split("/")
    if key.kind != ED25519 or len(parts) < 4 or parts[0] != "rekap" or parts[1] not in ("rehearsal", "live"):
        raise NoteError(
            f"{shown(text)[:100]!r} is not the key of a gateway: expected rekap/MODE/ELECTION/NAME+hash+key"
        )
    return ElectionName(parts[1], parts[2]), key.public_key


def short(public_key: bytes) -> str:
    """The key as it is shown, in base64."""
    return binascii.b2a_base64(public_key, newline=False).decode()
