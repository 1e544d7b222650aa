"""Receipts and refusals: what a submission is answered with, and how this gateway signs it."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec
import orjson
from msgspec import structs

from api.problems import MEDIA_TYPE, Problem
from proofs.libsodium import SigningKey
from proofs.merkle import leaf_hash
from proofs.notes import ED25519, Note, Signature, VerifierKey
from runtime import metrics
from runtime.files.key_files import load_or_make_key_file
from runtime.logs import log_line
from runtime.settings import Settings
from schemas.definition.package import Election
from schemas.findings import Finding
from schemas.served.logs import FINAL_STATUSES, gateway_name, receipt_text, refusal_text

logger = logging.getLogger("rekap.gateway")

RETRY_AFTER_S = 2

_FIELD_OF_RULE = {"Q1": "seq", "Q2": "prev", "V5": "version", "V6": "supersedes"}

_RECEIPT_LINES = b"content-type: application/json\r\n"


class ReceiptWarning(msgspec.Struct, gc=False, frozen=True):
    """`Warned` of schemas/ledger/envelope.py."""

    rule: str
    field: str
    detail: str
    detail_id: str


class SignedReceipt(msgspec.Struct, gc=False, frozen=True):
    """`Receipt` of schemas/ledger/envelope.py, which describes it. This one is made and written in a sixth of the time, and
    takes half as much memory while it is remembered."""

    submission: str
    partition: int
    offset: int
    leaf_hash: str
    received_at: str
    gateway: str
    duplicate: bool
    signed: str
    warnings: tuple[ReceiptWarning, ...] | msgspec.UnsetType = msgspec.UNSET

    def to_json(self) -> bytes:
        return _JSON.encode(self)


_JSON = msgspec.json.Encoder()

Answer = SignedReceipt | Problem


class AnswerSigner:
    def __init__(self, settings: Settings, election: Election) -> None:
        self._election = election.id
        self._name = gateway_name(election, settings.gateway)
        key = load_or_make_key_file(settings.gateway_key)
        self._key = SigningKey(key.private_bytes_raw())
        self.verifier_key = VerifierKey(self._name, ED25519, key.public_key().public_bytes_raw())
        """The key of this gateway's receipts."""
        self._key_hash = self.verifier_key.key_hash

    def receipt(
        self, submission: str, partition: int, offset: int, record: bytes, received_at: str, gateway: str
    ) -> SignedReceipt:
        """The receipt of a record in the ledger. `gateway` names the gateway that appended it."""
        leaf = leaf_hash(record).hex()
        text = receipt_text(self._election, submission, partition, offset, leaf, received_at)
        return SignedReceipt(
            submission=submission,
            partition=partition,
            offset=offset,
            leaf_hash=leaf,
            received_at=received_at,
            gateway=gateway,
            duplicate=False,
            signed=self._signed_note(text),
        )

    def with_signature(self, body: bytes, answer: Answer) -> Answer:
        """Sign a refusal that is final, so that an outbox can tell it from a refusal that a proxy on the way made up."""
        if isinstance(answer, SignedReceipt) or answer.status not in FINAL_STATUSES:
            return answer
        return answer.with_members(signed=self._signed_note(refusal_text(self._election, body, answer.body)))

    def _signed_note(self, text: str) -> str:
        signature = Signature(self._name, self._key_hash, self._key.sign(text.encode()))
        return Note(text, (signature,)).to_text()


def as_duplicate(receipt: SignedReceipt) -> SignedReceipt:
    return structs.replace(receipt, duplicate=True)


def with_warnings(receipt: SignedReceipt, findings: Iterable[Finding]) -> SignedReceipt:
    """The receipt with what the count will find (api/submit/forewarning.py)."""
    warnings = tuple(
        ReceiptWarning(finding.rule, _FIELD_OF_RULE[finding.rule], finding.sentence_en, finding.sentence_id)
        for finding in findings
    )
    return structs.replace(receipt, warnings=warnings) if warnings else receipt


def too_large(got: int, limit: int) -> Problem:
    return Problem(413, "Too large", f"The body has {got} bytes; the limit is {limit}.", field="")


def busy(detail: str) -> Problem:
    """The refusal of a submission that may succeed in a moment."""
    return Problem(503, "Try again", detail, retry_after_s=RETRY_AFTER_S)


def too_much_at_once(detail: str) -> Problem:
    """The refusal of an address that already has as much here as one address may."""
    return Problem(429, "Too much at once", detail, retry_after_s=RETRY_AFTER_S)


def status_of(answer: Answer) -> int:
    if isinstance(answer, Problem):
        return answer.status
    return 200 if answer.duplicate else 201


def http_answer(answer: Answer) -> tuple[int, bytes, bytes]:
    """Status, header lines and body."""
    if isinstance(answer, SignedReceipt):
        return status_of(answer), _RECEIPT_LINES, answer.to_json()
    lines = [b"content-type: %b\r\n" % MEDIA_TYPE.encode()]
    lines += [b"%b: %b\r\n" % (name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    return answer.status, b"".join(lines), orjson.dumps(answer.body)


def log_failed_submission(error: Exception) -> None:
    """Log a bug, with its traceback. The submission is answered with BUG."""
    logger.error(log_line("submission-failed", error=f"{type(error).__name__}: {error}"), exc_info=error)


def count_answer(answer: Answer) -> None:
    """Count an answer in the metrics, by status and by the rule of a refusal."""
    metrics.GATEWAY_ANSWERS.labels(status_of(answer)).inc()
    rule = answer.body.get("rule") if isinstance(answer, Problem) else None
    if rule is not None:
        metrics.GATEWAY_REFUSED.labels(rule).inc()
