"""The root of the errors that end a worker. The tree is drawn in consumers/__init__.py."""

from __future__ import annotations


class WorkerError(Exception):
    """The worker must stop, because to continue would be wrong. The message names what does not fit."""
