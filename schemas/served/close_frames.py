"""How the server closes a WebSocket: the code, and a reason with the time after which the client comes back."""

from __future__ import annotations

import re
from collections.abc import Mapping

CLOSE_CODES: Mapping[int, str] = {
    1002: "the client sent what is not a WebSocket message",
    1007: "the client sent what is not UTF-8",
    1008: "the client sent too many commands or mistakes, or does not read the answers to them",
    1009: "the client sent a message that is too long",
    1012: "the server restarts or begins anew; the reason has the time after which the client comes back",
    1013: "there is no room, or too many clients join at this moment; the reason has the time, as with 1012",
}
"""Codes with which the server closes a WebSocket (RFC 6455, 7.4.1, and the IANA registry), and why."""
_REASON_BYTES_MAX = 123
"""Limit for the reason in a close frame (RFC 6455, 5.5.1)."""
_RETRY_REASON = re.compile(r"retry-after=(\d{1,6}(?:\.\d{1,3})?)(?:;|$)")


def retry_reason(after_s: float, sentence: str) -> str:
    """The reason of a close frame after which the client shall come back in `after_s` seconds."""
    return f"retry-after={after_s:.3f}; {sentence}".encode()[:_REASON_BYTES_MAX].decode(errors="ignore")


def retry_after_s(reason: str) -> float | None:
    """The seconds in the reason of a close frame; None where it has none."""
    found = _RETRY_REASON.match(reason)
    return None if found is None else float(found[1])
