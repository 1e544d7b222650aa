"""The errors of the embedded parts, drawn in rekap/__init__.py."""

from __future__ import annotations

from rekap.errors import NotReachedError


class EmbeddedError(NotReachedError):
    """Something about the embedded parts that the operator can mend; the message says how."""


class DataDirectoryInUseError(EmbeddedError):
    pass


class ToolMissingError(EmbeddedError):
    pass


class StartError(EmbeddedError):
    pass


class NotReadyError(EmbeddedError):
    pass
