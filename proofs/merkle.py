"""Hashes of a transparency log's tree (RFC 6962, section 2.1)."""

from __future__ import annotations

import hashlib

LEAF_PREFIX = b"\x00"
NODE_PREFIX = b"\x01"


def leaf_hash(record: bytes) -> bytes:
    """Hash of a leaf: the zero byte keeps a leaf from passing as an inner node (RFC 6962, 2.1)."""
    return hashlib.sha256(LEAF_PREFIX + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE_PREFIX + left + right).digest()
