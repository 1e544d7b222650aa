"""How this process gives memory back that it needed for a moment."""

from __future__ import annotations

import ctypes

LARGE_BYTES = 256 * 1024
"""Blocks of at least so many bytes are mapped by themselves, and given back as soon as they are free. At half, each body of a
large form costs two system calls; at double, nothing changes."""
_M_MMAP_THRESHOLD = -3


def give_large_blocks_back() -> bool:
    """Have the C library map large blocks by themselves, always. Returns False where it cannot, as with musl.

    By default glibc maps blocks of 128 kB and more, but raises that bound, up to 32 MB, to the size of each such block that
    is freed. After the first batch of 16 MB, others are cut from the heap, which is given back only where nothing behind
    them is in use."""
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES))
    except (AttributeError, OSError):
        return False
