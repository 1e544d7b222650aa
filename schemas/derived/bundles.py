"""Several blocks of one office in one message of `subtotals`.

A busy tabulator has records of each of its partitions in each step, so a block of each partition for each office. A message
costs each of its readers more than a small block in it (Kafka's client, the seal, Faust), so blocks of one office are bundled:
one line with the number of bytes of each block, then the blocks, each as it would be alone (blocks.py):

    {"blocks":[812,795]}
    {"kind":"block","office":…

A message with one block is that block. Keyframes are never bundled, because Kafka keeps the newest of each partition's. A
reader takes the blocks of a bundle one after the other, each applied, skipped or a gap by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

BUNDLE_BYTES_MAX = 256 * 1024
"""Limit for the blocks of a bundle: 150 results. At half, a busy step of twelve partitions would be two messages; at double a
reader spends 6 ms on one message. A larger block is a message of its own."""
_HEAD = b'{"blocks":'


def bundled(blocks: Sequence[bytes]) -> bytes:
    """The message with these blocks, of which there is at least one."""
    if len(blocks) == 1:
        return blocks[0]
    return b"%b%b}\n%b" % (_HEAD, orjson.dumps([len(block) for block in blocks]), b"".join(blocks))


def blocks_in(message: bytes) -> list[bytes]:
    """The blocks, or the part of a keyframe, in a message. Raises ValueError where a bundle is not as `bundled` writes it."""
    if not message.startswith(_HEAD):
        return [message]
    head, _, body = message.partition(b"\n")
    sizes = orjson.loads(head)["blocks"]
    if not sizes or not all(type(size) is int and size > 0 for size in sizes) or sum(sizes) != len(body):
        raise ValueError("a bundle whose blocks have other sizes than it states")
    blocks, start = [], 0
    for size in sizes:
        blocks.append(body[start : start + size])
        start += size
    return blocks
