"""Pass 1 of reading a package: bytes to text, within the limits of a package."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from runtime.package.errors import UnreadablePackageError
from runtime.package.file_names import (
    DESCRIPTOR_FILE,
    ELECTION_FILE,
    READ_FILES,
    UNREAD_FILES,
    UNREAD_FOLDERS,
)
from runtime.package.problem_list import FileProblems
from runtime.package.shape_sentences import did_you_mean
from runtime.package.sources import Source
from schemas.texts import HIDDEN

PACKAGE_BYTES_MAX = 256 * 1024 * 1024
"""Limit for all files together, unpacked. Indonesia with 823,000 stations and all its candidates is about 130 MB; at half a
larger nation would not fit, at double reading one takes 5 GB of memory."""
JSON_BYTES_MAX = 256 * 1024
"""Limit for `election.json` and `datapackage.json`. 30 rules for each of 20 offices are 60 kB."""

CONTROL = re.compile(HIDDEN.pattern.replace(r"\x00-\x1f", r"\x00-\x08\x0b\x0c\x0e-\x1f"))
"""Control and direction characters (schemas/texts.py), but for tab and line ends, which may separate cells."""


class PackageTexts:
    """The texts of a package's files."""

    def __init__(self, source: Source, problems: FileProblems) -> None:
        """Checks names and stated sizes. Raises UnreadablePackageError where a file, or all together, are too large."""
        self._source = source
        self._problems = problems
        self.names = frozenset(source.names())
        self._bytes_left = PACKAGE_BYTES_MAX
        self._warn_of_unknown_names(source.names())
        self._check_sizes()

    def _check_sizes(self) -> None:
        sizes = {name: self._source.size(name) for name in READ_FILES if name in self.names}
        total = sum(sizes.values())
        if total > PACKAGE_BYTES_MAX:
            raise UnreadablePackageError(
                f"the files of the package have {total:,} bytes unpacked, more than {PACKAGE_BYTES_MAX:,}"
            )
        if sizes.get(ELECTION_FILE, 0) > JSON_BYTES_MAX:
            raise UnreadablePackageError(
                f"{ELECTION_FILE} has {sizes[ELECTION_FILE]:,} bytes, more than {JSON_BYTES_MAX:,}"
            )
        if DESCRIPTOR_FILE in self.names and self._source.size(DESCRIPTOR_FILE) > JSON_BYTES_MAX:
            raise UnreadablePackageError(f"{DESCRIPTOR_FILE} has more than {JSON_BYTES_MAX:,} bytes")

    def _warn_of_unknown_names(self, names: Sequence[str]) -> None:
        for name in names:
            if name in READ_FILES or name in UNREAD_FILES or name.removesuffix("/") in UNREAD_FOLDERS:
                continue
            if name.upper().startswith(("README", "LICENSE", "LICENCE", "NOTICE")):
                continue
            if name.lower().endswith((".pem", ".key")):
                words = "may be a private key; move it out of the package, which is copied to every machine"
                self._problems.warn(name, None, words)
                continue
            missing = [each for each in READ_FILES if each not in names]
            near = difflib.get_close_matches(name.lower(), missing, 1)
            words = "does not belong to an election package and was ignored" + did_you_mean(near)
            self._problems.warn(name, None, words)

    def read(self, name: str, lines_max: int = JSON_BYTES_MAX) -> str | None:
        """The text of a file. Where it is not UTF-8, or holds a control character, adds the problem and returns None."""
        data = self._source.read(name, self._bytes_left + 1)
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise UnreadablePackageError(f"the package has more than {PACKAGE_BYTES_MAX:,} bytes unpacked")
        lines = data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
        if lines > lines_max + 1:
            raise UnreadablePackageError(
                f"{name} has {lines:,} lines; a table has at most {lines_max:,} rows, one a line"
            )
        if data.startswith(b"\xef\xbb\xbf"):
            data = data[3:]
            self._problems.warn(name, 1, "begins with a byte order mark, which was ignored")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            words = f"byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8"
            self._problems.add(name, line, None, words)
            return None
        if found := CONTROL.search(text):
            line = text.count("\n", 0, found.start()) + 1
            words = f"holds the control character U+{ord(found.group()):04X}; remove it"
            self._problems.add(name, line, None, words)
            return None
        return text
