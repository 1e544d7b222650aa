"""Starts a module of this program as another process, and runs one that answers questions on its standard input."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import BinaryIO


def python_module(module: str, *arguments: object) -> list[str]:
    """The command that runs a module with this Python. Without `-P`, Python looks for each import in the working directory
    first, and a file there with the name of one of our packages would run instead of this program's."""
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]


def serve_standard_input(serve: Callable[[BinaryIO, BinaryIO], None]) -> None:
    """Answer what comes on standard input until it ends. A terminal's Ctrl-C reaches all processes of a group; this one ends
    when its input ends, and so whenever the process that started it has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:
        os._exit(0)  # no process reads the answer, nor what Python would still flush
