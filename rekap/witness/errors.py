"""The errors of a witness."""

from __future__ import annotations

from rekap.errors import NotReachedError, UnusableError


class NotStartedError(NotReachedError):
    """The witness cannot start: its port, or the logs of the server, cannot be had, or the logs have other keys than before."""


class StateError(UnusableError):
    """The state cannot be used, or belongs to another witness."""
