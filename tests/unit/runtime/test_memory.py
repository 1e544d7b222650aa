"""What a process needed for a moment it gives back."""

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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries map each large block by themselves")
def test_large_blocks_are_given_back() -> None:
    result = subprocess.run([sys.executable, "-c", BODIES], capture_output=True, text=True, check=True, timeout=60)
    assert int(result.stdout) < 10 * 1024 * 1024
