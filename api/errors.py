"""The root of all errors of the API; api/__init__.py draws the tree."""

from __future__ import annotations


class ApiError(Exception):
    """What a client asked for, or what this process was to serve, cannot be had. A bug raises another error."""


class ListsBusyError(ApiError):
    """Refusal of one more list or table, which would wait for long because as many are being read or made as this process
    bears."""
