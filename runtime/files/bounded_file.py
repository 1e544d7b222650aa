"""Reads a small file within its bound, so that a file that is not what it should be costs no more memory than one that is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def read_bounded(path: Path, bytes_max: int, what: str, error_of: Callable[[str], Exception]) -> bytes:
    """The content of a file that should be `what`, such as "a key file". Raises `error_of` a sentence where the file cannot be
    read or has more bytes."""
    try:
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
    except OSError as error:
        raise error_of(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > bytes_max:
        raise error_of(f"{path} has more than {bytes_max:,} bytes, so it is not {what}")
    return content
