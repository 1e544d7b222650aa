"""What a command is given, refused before any work begins: the SOURCE of an audit or a replay, and a file to write."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rekap.errors import UnusableError
from schemas.texts import shown

WEB = ("http://", "https://")
KAFKA = "kafka://"
_HOST_AND_PORT = re.compile(r"[A-Za-z0-9.\-]+:[0-9]{1,5}(/.*)?|[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)+(/.*)?")


def see_that_it_can_be_a_source(source: str) -> None:
    """Raises UnusableError unless it is a web address, an address of Kafka, or a directory."""
    if source.startswith((*WEB, KAFKA)) or Path(source).is_dir():
        return
    meant = f"; did you mean http://{shown(source)}?" if _HOST_AND_PORT.fullmatch(source) else ""
    raise UnusableError(f"{shown(source)!r} is neither an http address, nor kafka://…, nor a directory{meant}")


def see_that_it_can_be_written(file: Path) -> None:
    """Raises UnusableError if there is no directory for the file, or if this user may not write into the directory. What is
    typed, downloaded or counted for minutes would be lost otherwise."""
    directory = file.absolute().parent
    if not directory.is_dir():
        raise UnusableError(f"{shown(file)} cannot be written: there is no directory {shown(directory)}")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise UnusableError(f"{shown(file)} cannot be written: you may not write into {shown(directory)}")
