"""Chance that is the same on any machine: what is invented for a made-up election follows from its seed alone."""

from __future__ import annotations

import hashlib


def chance(*of: object, below: int) -> int:
    """A number from 0 to below - 1, always the same for the same arguments."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, of)).encode()).digest()[:8]) % below
