"""Pass 1 of reading a package: bytes to text, within the limits of a package."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

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

LINE_BYTES_MAX = 256 * 1024
"""Limit for a line of a file that is read in pieces: what a table's line may have (tables.py), each character in four bytes."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
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
        self._take(len(data))
        check_lines(name, line_ends(data), lines_max)
        if data.startswith(BYTE_ORDER_MARK):
            data = data[len(BYTE_ORDER_MARK) :]
            self._problems.warn(name, 1, "begins with a byte order mark, which was ignored")
        return self._text(name, data, 0)

    def pieces(self, name: str, lines_max: int) -> Iterator[str]:
        """The text of a file in pieces of whole lines, so that memory does not grow with the file. Where the file is not UTF-8,
        holds a control character or has a line that is too long, adds the problem and ends."""
        lines = 0
        rest = b""
        begins = BYTE_ORDER_MARK
        """What the next piece of text is without where it begins so."""
        for piece in self._source.pieces(name):
            self._take(len(piece))
            rest += piece
            # CR at the end may be the first half of CR LF, and neither half is cut from the other.
            end = len(rest) - (2 if rest.endswith(b"\r\n") else 1)
            cut = max(rest.rfind(b"\n", 0, end), rest.rfind(b"\r", 0, end)) + 1
            if cut == 0 and len(rest) > LINE_BYTES_MAX:
                self._problems.add(name, lines + 1, None, f"the line has more than {LINE_BYTES_MAX:,} bytes")
                return
            if cut == 0:
                continue
            text = self._text(name, rest[:cut].removeprefix(begins), lines)
            if text is None:
                return
            yield text
            lines += line_ends(rest[:cut])
            check_lines(name, lines, lines_max)
            rest, begins = rest[cut:], b""
        text = self._text(name, rest.removeprefix(begins), lines)
        if text:
            yield text

    def _take(self, length: int) -> None:
        self._bytes_left -= length
        if self._bytes_left < 0:
            raise UnreadablePackageError(f"the package has more than {PACKAGE_BYTES_MAX:,} bytes unpacked")

    def _text(self, name: str, data: bytes, lines: int) -> str | None:
        """The text of what follows so many lines; None, and the problem added, where it is not a text."""
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = lines + line_ends(data[: error.start]) + 1
            words = f"byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8"
            self._problems.add(name, line, None, words)
            return None
        if found := CONTROL.search(text):
            line = lines + line_ends(text[: found.start()].encode()) + 1
            words = f"holds the control character U+{ord(found.group()):04X}; remove it"
            self._problems.add(name, line, None, words)
            return None
        return text


def line_ends(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def check_lines(name: str, lines: int, lines_max: int) -> None:
    """Raises UnreadablePackageError."""
    if lines > lines_max + 1:
        raise UnreadablePackageError(f"{name} has {lines:,} lines; a table has at most {lines_max:,} rows, one a line")
