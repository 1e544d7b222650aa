"""The base of all errors that `runtime` raises. The whole tree is drawn in runtime/__init__.py."""

from __future__ import annotations


class OutsideError(Exception):
    """Something outside this program is not as the program needs it: a setting, a file, a topic, a server. The message is a
    sentence that states what is wrong, where, and if possible what to do."""
