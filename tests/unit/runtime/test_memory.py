"""What a process needed for a moment it gives back, or keeps for the next time."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

BODIES = """
from runtime.memory import give_large_blocks_back

def resident():
    status = open("/proc/self/status").read()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024

assert give_large_blocks_back()
before = resident()
body = bytes(b"x" * 16 * 1024 * 1024)
del body
bodies = [b"x" * (1024 * 1024 + number) for number in range(30)]
kept = [b"z" * (2_000 + number) for number in range(200)]  # behind the bodies, if these are cut from the heap
del bodies
print(resident() - before)
"""

MESSAGES = """
import resource
from runtime.memory import KEPT_BYTES, keep_freed_blocks

def make(times, size=1024 * 1024):
    for _ in range(times):
        bytearray(b"x" * size)

assert keep_freed_blocks()
make(2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
make(100)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
resident = lambda: int(open("/proc/self/status").read().split("VmRSS:")[1].split()[0]) * 1024
before = resident()
blocks = [None] * 200  # of its whole length, because a list that grows has its memory behind the blocks
for number in range(200):
    blocks[number] = b"x" * (1024 * 1024 + number)
del blocks
print(resident() - before, KEPT_BYTES)
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such parameters")


@glibc
def test_what_was_freed_is_used_again_and_only_a_bounded_part_of_it_is_kept() -> None:
    result = subprocess.run([sys.executable, "-c", MESSAGES], capture_output=True, text=True, check=True, timeout=60)
    faults, kept, kept_max = map(int, result.stdout.split())
    assert faults < 256, "100 messages of 256 pages each"
    assert kept < kept_max + 4 * 1024 * 1024


@glibc
def test_large_blocks_are_given_back() -> None:
    result = subprocess.run([sys.executable, "-c", BODIES], capture_output=True, text=True, check=True, timeout=60)
    assert int(result.stdout) < 10 * 1024 * 1024
