"""Turn what is to be said into a signed envelope, as a station's own software would."""

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
    """One key's voice in one election: numbers its events (`seq`) and chains them (`prev`)."""

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
        """Sign an event given without what the signer knows: election, mode, definition, seq, prev."""
        payload = canonical_bytes({**body, **self._frame, "seq": self.next_seq, "prev": self.prev})
        event_id = EventId(sha256_hex(payload))
        self.go_on(self.next_seq + 1, event_id)
        return Signed(event_id, sign_envelope(self._private_key, payload))

    def go_on(self, next_seq: int, prev: str | None) -> None:
        """Number the next event so, and name this one as the one before."""
        self.next_seq, self.prev = next_seq, prev
