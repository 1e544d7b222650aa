"""Errors of the client. AwayError (runtime/http_client.py) is the third: no answer came that fits, and later one may."""

from __future__ import annotations

from rekap.errors import BadOutcomeError, UnusableError


class RefusedError(UnusableError):
    """The server has refused a request; the message is the server's reason."""

    def __init__(self, status: int, sentence: str, *, field: str | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.field = field


class ProofFileError(UnusableError):
    """A proof file cannot be read, or the keys that were given do not fit it."""


class NotProvedError(BadOutcomeError):
    """A proof does not prove what it should; the message names the record and the reason."""
