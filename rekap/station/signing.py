"""Signing of events as envelopes, as a station's own software would do it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs.signatures import key_id, sign_envelope
from schemas.canonical import canonical_bytes, sha256_hex
from schemas.codes import EventId


class Signed(NamedTuple):
    event_id: EventId
    envelope: bytes


class Signer:
    """A key that signs events of one election, numbers them (`seq`) and chains them (`prev`)."""

    def __init__(
        self,
        private_key: Ed25519PrivateKey,
        *,
        election: str,
        mode: str,
        definition: str,
        next_seq: int = 0,
        prev: str | None = None,
    ) -> None:
        self.key_id = key_id(private_key.public_key().public_bytes_raw())
        self._private_key = private_key
        self._frame = {"election": election, "mode": mode, "definition": definition}
        self.next_seq = next_seq
        self.prev = prev

    def sign(self, body: Mapping[str, Any]) -> Signed:
        """Sign an event. `body` has no election, mode, definition, seq and prev, which the signer adds."""
        payload = canonical_bytes({**body, **self._frame, "seq": self.next_seq, "prev": self.prev})
        event_id = EventId(sha256_hex(payload))
        self.continue_from(self.next_seq + 1, event_id)
        return Signed(event_id, sign_envelope(self._private_key, payload))

    def continue_from(self, next_seq: int, prev: str | None) -> None:
        """Give the next event the number `next_seq`, and name `prev` as the event before it."""
        self.next_seq, self.prev = next_seq, prev
