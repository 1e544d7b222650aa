"""What this process does with memory that it needed for a moment: give it back, or keep it for the next time."""

from __future__ import annotations

import ctypes

LARGE_BYTES = 256 * 1024
"""Blocks of at least this size are mapped by themselves, and given back as soon as they are free. At half, each body of a
large form costs two system calls; at double, nothing changes."""
KEPT_BLOCK_BYTES = 32 * 1024 * 1024
"""A smaller block is kept when it is free. It is the most that glibc takes; Kafka answers with up to 16 MB at once."""
KEPT_BYTES = 64 * 1024 * 1024
"""More than this is given back, where nothing behind it is in use. At half, the answers of Kafka and the messages that are made
of them are mapped anew for each batch of a recount; at double, nothing is gained."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def give_large_blocks_back() -> bool:
    """Have the C library map large blocks by themselves, always. For a process that takes bodies from anybody. Returns False
    where it cannot, as with musl.

    By default glibc maps blocks of 128 kB and more, but raises that bound, up to 32 MB, to the size of each such block that
    is freed. After the first batch of 16 MB, others are cut from the heap, which is given back only where nothing behind
    them is in use."""
    return _set(_M_MMAP_THRESHOLD, LARGE_BYTES)


def keep_freed_blocks() -> bool:
    """Have the C library keep what was freed, up to KEPT_BYTES. For a worker, which makes messages of some hundred kB all the
    time. Returns False where it cannot, as with musl.

    By default glibc gives a block of 128 kB back to the kernel when it is freed, until a larger one was freed, and the kernel
    clears each page when it is next written to. In a process that only folds, that was two page faults for each result and a
    quarter of its time; in a tabulator, which frees larger answers of Kafka, a third of a page fault."""
    return _set(_M_MMAP_THRESHOLD, KEPT_BLOCK_BYTES) and _set(_M_TRIM_THRESHOLD, KEPT_BYTES)


def _set(parameter: int, value: int) -> bool:
    try:
        return bool(ctypes.CDLL(None).mallopt(parameter, value))
    except (AttributeError, OSError):
        return False
