"""The error of an outbox, which its files share. rekap/__init__.py draws the tree of errors."""

from __future__ import annotations

from rekap.errors import UnusableError


class OutboxError(UnusableError):
    """The outbox cannot be used, or cannot keep what was given; the message states why."""
