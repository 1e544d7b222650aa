"""Election packages on disk: read with every mistake placed in file and line, and written (DESIGN 4).

A package is a directory, or a zip of one, with `election.json` and a CSV file for each table (UTF-8, commas, the column
names in the first line; an empty cell is no value). `read_package` finds all problems at once, in three passes:

    1. bytes    each file is there, is text, is CSV or JSON
    2. rows     each row has the shape its table asks for (schemas/definition/package.py)
    3. tables   what needs two rows: the caller's `check`, which is `projections.definition.checks.problems`

The third pass runs on what the first two could save: a bad cell gets a stand-in, so that one typing error does not hide
the other mistakes, and a second problem in the same cell is left out.

    PackageError                 the package is wrong; `problems` says all that is
    └── UnreadablePackageError   there is no package to look at: no such path, not a directory or zip, no access
"""

from __future__ import annotations

import csv
import difflib
import errno
import hashlib
import io
import json
import os
import re
import stat
import struct
import zipfile
import zlib
import zoneinfo
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NoReturn, Protocol

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from runtime.files.json_lines import json_lines
from runtime.files.package_descriptor import EXAMPLE_LANGUAGE, PRIMARY_KEYS, column_names, columns, descriptor
from runtime.files.shape_sentences import did_you_mean, sentence
from schemas.definition.package import (
    LANGUAGE_PATTERN,
    TABLES,
    Election,
    ElectionPackage,
    Level,
    LocalText,
    Row,
    RuleSetting,
    text_fields,
)
from schemas.definition.problems import ELECTION_TABLE, PROBLEMS_MAX, PackageProblem, Problem, more_sentence
from schemas.texts import HIDDEN

ELECTION_FILE = "election.json"
DESCRIPTOR_FILE = "datapackage.json"
OPTIONAL_TABLES = frozenset({"districts", "parties"})
"""Tables an election may have no use for: their file may be missing."""
UNREAD_FILES = frozenset({DESCRIPTOR_FILE, "finance.csv"})
UNREAD_FOLDERS = frozenset({"maps"})
"""Parts of a package that say nothing about the count: served, not read here (DESIGN 4)."""

PACKAGE_BYTES_MAX = 256 * 1024 * 1024
"""All files together, unpacked. Indonesia with 823,000 stations and all its candidates is about 130 MB; at half a larger
nation would not fit, at double reading one takes 5 GB."""
ZIP_BYTES_MAX = 64 * 1024 * 1024
"""Limit for a zip. Indonesia's has 8 MB."""
RATIO_MAX = 64
"""Bytes unpacked for one in the zip. Tables of names give 5 to 20, and deflate can give 1,030."""
RATIO_FREE_BYTES = 1024 * 1024
"""A file up to this size may be packed as well as it can: a short table may say one thing again and again."""
FILES_MAX = 1_000
"""Limit for a package: a dozen are read, and maps may stand beside them."""
ZIP_DIRECTORY_BYTES_MAX = 256 * 1024
"""A zip's list of its files. Python makes half a kilobyte of objects of each 46 bytes before anybody can look at one."""
JSON_BYTES_MAX = 256 * 1024
"""Limit for `election.json` and `datapackage.json`: 30 rules for each of 20 offices are 60 kB."""
JSON_DEPTH_MAX = 32
ROWS_MAX: Mapping[str, int] = {
    "areas": 500_000,
    "stations": 1_500_000,
    "offices": 1_000,
    "contests": 100_000,
    "districts": 500_000,
    "parties": 10_000,
    "choices": 3_000_000,
    "keys": 1_500_000,
}
"""India, the largest election there is, has 1,050,000 stations. A row takes up to a kilobyte of memory."""
LINE_CHARACTERS_MAX = 65_536
"""Limit for a line: a dozen cells of the longest allowed text are 4,000."""
COLUMNS_MAX = 64
"""Columns named in a first line. No table has more than a dozen; each unknown one is compared with those that are missing."""
ERRORS_MAX = 10 * PROBLEMS_MAX
"""Problems after which the rest of a table is not read: each takes a sentence, and nobody reads the thousandth."""
ROWS_AT_ONCE = 5_000
"""Rows shaped in one call: enough to spare the overhead, few enough that 5,000 bad rows are all that pydantic reports
in one error."""
CELL_CHARACTERS_MAX = 10_000
"""Longest cell. The longest allowed text has 300 characters; a longer cell is a quote that was never closed."""

_ELECTION_STAND_INS: Mapping[str, Any] = {
    "id": "stand-in",
    "title": {"id": "-", "en": "-"},
    "date": "2000-01-01",
    "time_zone": "UTC",
    "mode": "rehearsal",
    "partitions": 1,
    "rules": [],
    "licence": "-",
    "source": None,
}
"""What takes the place of a value of `election.json` that has no shape, for the third pass. Without levels there is
nothing to compare the areas with, so they have none."""
_CONTROL = re.compile(HIDDEN.pattern.replace(r"\x00-\x1f", r"\x00-\x08\x0b\x0c\x0e-\x1f"))
"""Control and direction characters (schemas/texts.py); tab and line ends may stand between the cells."""

Check = Callable[[ElectionPackage], Sequence[Problem]]


class PackageError(ValueError):
    """The package cannot be used. `problems` has everything that is wrong with it, in the order of files and lines."""

    def __init__(self, problems: Sequence[PackageProblem], sentence: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__(sentence or "\n".join(str(problem) for problem in problems))


class UnreadablePackageError(PackageError):
    """There is nothing to look at; the message is one sentence, and `problems` is empty."""

    def __init__(self, sentence: str) -> None:
        super().__init__((), sentence)


@dataclass(frozen=True, slots=True)
class PackageReading:
    """What a package holds, or all that is wrong with it. The package is None exactly where there are problems."""

    package: ElectionPackage | None
    problems: tuple[PackageProblem, ...]
    warnings: tuple[PackageProblem, ...]
    """What was passed over: files that are no part of a package, a byte order mark."""


def load_package(path: Path, check: Check) -> ElectionPackage:
    """The election package in a directory or zip. Raises PackageError with all problems at once."""
    reading = read_package(path, check)
    if reading.package is None:
        raise PackageError(reading.problems)
    return reading.package


def read_package(path: Path, check: Check) -> PackageReading:
    """Like load_package, but gives problems and warnings back. Raises UnreadablePackageError."""
    return _Reader(_open(path)).read(check)


# ── pass 1: bytes ────────────────────────────────────────────────────────────────────────────────────────────────────


class _Source(Protocol):
    """Where the files are: a directory or a zip. Raises UnreadablePackageError where the system refuses."""

    def names(self) -> Sequence[str]:
        """All files, as paths below the package."""

    def size(self, name: str) -> int:
        """Bytes, unpacked, as stated."""

    def read(self, name: str, bytes_max: int) -> bytes:
        """At most `bytes_max` bytes of the file."""


def content_digest(path: Path) -> bytes:
    """SHA-256 over the files that say what the election is. Raises UnreadablePackageError."""
    source = _open(path)
    digest = hashlib.sha256()
    names = set(source.names())
    for name in [ELECTION_FILE, *map(_file_of, TABLES)]:
        content = source.read(name, PACKAGE_BYTES_MAX + 1) if name in names else None
        digest.update(f"{name} {-1 if content is None else len(content)}\n".encode() + (content or b""))
    return digest.digest()


def _open(path: Path) -> _Source:
    try:
        if path.is_dir():
            return _Directory(path)
        if path.is_file():
            return _Zip(path)
    except OSError as error:
        raise UnreadablePackageError(f"{path} cannot be read: {error.strerror}") from None
    raise UnreadablePackageError(f"{path}: there is no such directory or zip file")


class _Directory:
    """Regular files with one name each. A link would let a package show, and its server serve, what lies elsewhere: a
    private key, another user's file, a device without an end."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def names(self) -> Sequence[str]:
        names = []
        try:
            with os.scandir(self._directory) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_symlink():
                        raise UnreadablePackageError(_link_sentence(self._directory / entry.name))
                    is_folder = entry.is_dir(follow_symlinks=False)
                    if is_folder and entry.name.endswith((".csv", ".json")):
                        raise UnreadablePackageError(f"{self._directory / entry.name} is not a regular file")
                    names.append(f"{entry.name}/" if is_folder else entry.name)
                    if len(names) > FILES_MAX:
                        raise UnreadablePackageError(f"{self._directory} holds more than {FILES_MAX:,} files")
        except OSError as error:
            raise UnreadablePackageError(f"{self._directory} cannot be read: {error.strerror}") from None
        return sorted(names)

    def size(self, name: str) -> int:
        with self._opened(name) as file:
            return os.fstat(file.fileno()).st_size

    def read(self, name: str, bytes_max: int) -> bytes:
        try:
            with self._opened(name) as file:
                return file.read(bytes_max)
        except OSError as error:
            raise UnreadablePackageError(f"{self._directory / name} cannot be read: {error.strerror}") from None

    def _opened(self, name: str) -> BinaryIO:
        path = self._directory / name
        try:
            # NONBLOCK: a pipe would wait for whoever writes into it. What was opened is looked at, not what has its name.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise UnreadablePackageError(_link_sentence(path)) from None
            raise UnreadablePackageError(f"{path} cannot be read: {error.strerror}") from None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            os.close(descriptor)
            if stat.S_ISREG(status.st_mode):
                raise UnreadablePackageError(
                    f"{path} is the same file as another (a hard link); a package holds copies"
                )
            raise UnreadablePackageError(f"{path} is not a regular file")
        return os.fdopen(descriptor, "rb")


def _link_sentence(path: Path) -> str:
    return f"{path} is a link; a package holds files, so that it shows nothing that lies elsewhere"


class _Zip:
    """A zip whose files stand at its root or in one folder. Nothing is ever unpacked to disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        size = path.stat().st_size
        if size > ZIP_BYTES_MAX:
            raise UnreadablePackageError(f"{path} has {size:,} bytes, more than {ZIP_BYTES_MAX:,}")
        with path.open("rb") as file:
            file.seek(max(0, size - _ZIP_END_BYTES_MAX))
            self._look_at_the_end(file.read())
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error):
            raise UnreadablePackageError(f"{path} is neither a directory nor a zip file") from None
        entries = [entry for entry in self._zip.infolist() if not entry.is_dir()]
        self._look_at(entries)
        names = [entry.filename for entry in entries]
        folder = next((name[: -len(ELECTION_FILE)] for name in names if name.endswith(f"/{ELECTION_FILE}")), "")
        if ELECTION_FILE in names or folder.count("/") > 1:
            folder = ""
        self._entries = {
            entry.filename.removeprefix(folder): entry
            for entry in entries
            if entry.filename.startswith(folder) and not PurePosixPath(entry.filename).name.startswith(".")
        }

    def _look_at_the_end(self, end: bytes) -> None:
        """How many files a zip says it has, before Python reads them all: its last record (APPNOTE 4.3.16)."""
        at = end.rfind(b"PK\5\6")
        if at < 0 or len(end) < at + 22:
            raise UnreadablePackageError(f"{self._path} is neither a directory nor a zip file")
        files, directory_bytes = struct.unpack_from("<HL", end, at + 10)
        if files > FILES_MAX:
            raise UnreadablePackageError(f"{self._path} holds {files:,} files, more than {FILES_MAX:,}")
        if directory_bytes > ZIP_DIRECTORY_BYTES_MAX:
            raise UnreadablePackageError(
                f"{self._path} lists its files in {directory_bytes:,} bytes, more than {ZIP_DIRECTORY_BYTES_MAX:,}"
            )

    def _look_at(self, entries: Sequence[zipfile.ZipInfo]) -> None:
        """Raises UnreadablePackageError where one is no plain file, leads elsewhere, or unpacks to too much."""
        if len(entries) > FILES_MAX:
            raise UnreadablePackageError(f"{self._path} holds {len(entries):,} files, more than {FILES_MAX:,}")
        seen: set[str] = set()
        for entry in entries:
            name = entry.filename
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if entry.create_system == _UNIX and kind not in (0, stat.S_IFREG):
                raise UnreadablePackageError(f"{self._path} holds {name!r}, which is a link or a device and not a file")
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise UnreadablePackageError(f"{self._path} packs {name!r} in a way other than deflate")
            if entry.flag_bits & 1:
                raise UnreadablePackageError(f"{self._path} holds {name!r} encrypted; Rekap asks for no password")
            if name.startswith("/") or "\\" in name or ":" in name or ".." in PurePosixPath(name).parts:
                raise UnreadablePackageError(
                    f"{self._path} holds a file named {name!r}, which leads out of the package"
                )
            if name in seen:
                raise UnreadablePackageError(f"{self._path} holds {name!r} twice")
            seen.add(name)
            if entry.file_size > max(RATIO_FREE_BYTES, RATIO_MAX * entry.compress_size):
                raise UnreadablePackageError(
                    f"{self._path}: {name!r} unpacks from {entry.compress_size:,} to {entry.file_size:,} bytes, more than "
                    f"{RATIO_MAX} for each; no table does"
                )

    def names(self) -> Sequence[str]:
        inside = {f"{name.split('/')[0]}/" if "/" in name else name for name in self._entries}
        return sorted(name for name in inside if name != "__MACOSX/")

    def size(self, name: str) -> int:
        return self._entries[name].file_size

    def read(self, name: str, bytes_max: int) -> bytes:
        try:
            with self._zip.open(self._entries[name]) as file:
                return file.read(bytes_max)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
            raise UnreadablePackageError(f"{name} in {self._path} cannot be unpacked: the zip is damaged") from None


_ZIP_END_BYTES_MAX = 22 + 65_535
"""A zip's last record, with the longest comment it may have."""
_UNIX = 3
"""In `create_system`: the upper half of `external_attr` is then a file's mode."""


# ── the three passes ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Table:
    """A table as read: row n of `rows` stands at `lines[n]`."""

    rows: list[Any]
    lines: array[int]


class _Reader:
    """One reading of one package: its files, and the problems found so far."""

    def __init__(self, source: _Source) -> None:
        self._source = source
        self._problems: list[PackageProblem] = []
        self._dropped = 0
        self._warnings: list[PackageProblem] = []
        self._bytes_left = PACKAGE_BYTES_MAX
        self._paths: dict[str, int] = {}
        """Line of each value of `election.json`, by its path."""

    def read(self, check: Check) -> PackageReading:
        names = self._source.names()
        self._look_at_names(names)
        sizes = {name: self._source.size(name) for name in [ELECTION_FILE, *map(_file_of, TABLES)] if name in names}
        total = sum(sizes.values())
        if total > PACKAGE_BYTES_MAX:
            raise UnreadablePackageError(
                f"the files of the package have {total:,} bytes unpacked, more than {PACKAGE_BYTES_MAX:,}"
            )
        if sizes.get(ELECTION_FILE, 0) > JSON_BYTES_MAX:
            raise UnreadablePackageError(
                f"{ELECTION_FILE} has {sizes[ELECTION_FILE]:,} bytes, more than {JSON_BYTES_MAX:,}"
            )
        if DESCRIPTOR_FILE in names and self._source.size(DESCRIPTOR_FILE) > JSON_BYTES_MAX:
            raise UnreadablePackageError(f"{DESCRIPTOR_FILE} has more than {JSON_BYTES_MAX:,} bytes")
        election = self._read_election(names)
        tables = {name: self._read_table(name, names) for name in TABLES}
        package = self._package(election, tables)
        if package is not None:
            self._place(check(package), tables)
        else:
            words = "tables were not compared with each other; they will be once what stands above is corrected"
            self._warnings.append(PackageProblem(ELECTION_FILE, None, None, words))
        if self._problems:
            return PackageReading(None, self._sorted(), tuple(self._warnings))
        assert package is not None, "no problem, and yet no package"
        return PackageReading(package, (), tuple(self._warnings))

    def _look_at_names(self, names: Sequence[str]) -> None:
        ours = [ELECTION_FILE, *map(_file_of, TABLES)]
        for name in names:
            if name in ours or name in UNREAD_FILES or name.removesuffix("/") in UNREAD_FOLDERS:
                continue
            if name.upper().startswith(("README", "LICENSE", "LICENCE", "NOTICE")):
                continue
            missing = [each for each in ours if each not in names]
            near = difflib.get_close_matches(name.lower(), missing, 1)
            words = "is no part of an election package and was passed over" + did_you_mean(near)
            self._warnings.append(PackageProblem(name, None, None, words))

    def _read_text(self, name: str, rows_max: int = JSON_BYTES_MAX) -> str | None:
        """The text of a file; None, with the problem noted, where it is not UTF-8."""
        data = self._source.read(name, self._bytes_left + 1)
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise UnreadablePackageError(f"the package has more than {PACKAGE_BYTES_MAX:,} bytes unpacked")
        lines = data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
        if lines > rows_max + 1:
            raise UnreadablePackageError(
                f"{name} has {lines:,} lines; a table has at most {rows_max:,} rows, one a line"
            )
        if data.startswith(b"\xef\xbb\xbf"):
            data = data[3:]
            self._warnings.append(PackageProblem(name, 1, None, "begins with a byte order mark, which was passed over"))
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self._add(name, line, None, f"byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8")
            return None
        if found := _CONTROL.search(text):
            line = text.count("\n", 0, found.start()) + 1
            self._add(name, line, None, f"holds the control character U+{ord(found.group()):04X}; remove it")
            return None
        return text

    # ── pass 2: election.json ────────────────────────────────────────────────────────────────────────────────────────

    def _read_election(self, names: Sequence[str]) -> Election | None:
        if ELECTION_FILE not in names:
            self._add(ELECTION_FILE, None, None, "the file is missing")
            return None
        text = self._read_text(ELECTION_FILE)
        if text is None:
            return None
        if (depth := _depth(text)) > JSON_DEPTH_MAX:
            self._add(
                ELECTION_FILE, 1, None, f"is nested {depth:,} deep; nothing in it goes deeper than {JSON_DEPTH_MAX}"
            )
            return None
        try:
            value = json.loads(text, parse_constant=_refuse_constant, parse_int=_whole)
            control = _control_in(value)
        except json.JSONDecodeError as error:
            self._add(ELECTION_FILE, error.lineno, None, f"is not JSON: {error.msg} (column {error.colno})")
            return None
        except ValueError as error:
            self._add(ELECTION_FILE, 1, None, f"is not JSON: {error}")
            return None
        self._paths, twice = json_lines(text)
        for path, line in twice:
            self._add(ELECTION_FILE, line, path, "is given twice")
        if control is not None:
            path = _CONTROL.sub("?", control)
            self._add(ELECTION_FILE, self._line_of(control), path, "holds a control character; remove it")
            return None
        if not isinstance(value, dict):
            self._add(ELECTION_FILE, 1, None, "expected an object with the fields " + ", ".join(Election.model_fields))
            return None
        return self._shape_election(value)

    def _shape_election(self, value: dict[str, Any]) -> Election | None:
        self._check_time_zone(value.get("time_zone"))
        try:
            return Election.model_validate(value)
        except ValidationError as error:
            told: set[str] = set()
            for each in error.errors(include_url=False):
                place = each["loc"]
                if len(place) > 4 and place[2] == "parameters":
                    path, words = _dotted(place[:4]), "expected a whole number, a text or a list of texts"
                else:
                    path, words = _dotted(place), sentence(each, _fields_at(place))
                if path not in told:
                    told.add(path)
                    self._add(ELECTION_FILE, self._line_of(path), path, words)
            return _mended_election(value, error)

    def _check_time_zone(self, name: Any) -> None:
        known = zoneinfo.available_timezones()
        if isinstance(name, str) and name and name not in known:
            near = difflib.get_close_matches(name, sorted(known), 1)
            words = f"{name!r} is not a time zone of the IANA list, such as 'Asia/Jakarta'{did_you_mean(near)}"
            self._add(ELECTION_FILE, self._line_of("time_zone"), "time_zone", words)

    def _line_of(self, path: str) -> int:
        """Line of the value, or of the nearest one around it."""
        while path and path not in self._paths:
            path = path.rpartition(".")[0]
        return self._paths.get(path, 1)

    # ── pass 2: the tables ───────────────────────────────────────────────────────────────────────────────────────────

    def _read_table(self, table: str, names: Sequence[str]) -> _Table | None:
        """The rows that have a shape, mended where a cell has none; None where the file cannot be read as a table."""
        file = _file_of(table)
        if file not in names:
            if table in OPTIONAL_TABLES:
                return _Table([], array("L"))
            self._add(file, None, None, "the file is missing")
            return None
        text = self._read_text(file, ROWS_MAX[table])
        if text is None:
            return None
        csv.field_size_limit(CELL_CHARACTERS_MAX)
        reader = csv.reader(_bounded_lines(text), strict=True)
        del text
        try:
            header = next(reader, [])
        except csv.Error as error:
            self._add(file, 1, None, _csv_sentence(error))
            return None
        if not self._check_header(file, header, TABLES[table]):
            return None
        try:
            return self._read_rows(table, file, header, reader)
        except _BrokenOffError:
            return None

    def _check_header(self, file: str, header: list[str], model: type[Row]) -> bool:
        texts = text_fields(model)
        fields = [f"{name}_{EXAMPLE_LANGUAGE}" if name in texts else name for name in model.model_fields]
        required = [name for name, field in model.model_fields.items() if field.is_required()]
        if not header:
            self._add(file, 1, None, f"the first line must name the columns: {','.join(fields)}")
            return False
        if len(header) == 1 and (separator := next((each for each in ";\t|" if each in header[0]), None)):
            name = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}[separator]
            self._add(file, 1, None, f"columns are separated by {name}; save the file with commas")
            return False
        if len(header) > COLUMNS_MAX:
            words = (
                f"the first line names {len(header):,} columns, more than {COLUMNS_MAX}; this table has {len(fields)}"
            )
            self._add(file, 1, None, words)
            return False
        whole = True
        for column in dict.fromkeys(header):
            field, language = _text_column(column, texts)
            if language is not None:
                if not re.match(LANGUAGE_PATTERN, language):
                    words = f"{language!r} is not a language tag as BCP 47 writes it, such as en, pt-BR or zh-Hant"
                    self._add(file, 1, column, words)
                    whole = False
            elif column in texts:
                words = f"has no language; name one, such as {column}_{EXAMPLE_LANGUAGE}, for each that it is in"
                self._add(file, 1, column, words)
                whole = False
            elif field not in model.model_fields:
                missing = [name for name in fields if name not in header]
                near = difflib.get_close_matches(column.strip().lower(), missing, 1)
                words = f"there is no column {column[:300]!r} in this table{did_you_mean(near)}"
                self._add(file, 1, column[:300] or None, words)
            if header.count(column) > 1:
                self._add(file, 1, column[:300] or None, f"column {column[:300]!r} is given twice")
                whole = False
        there = {_text_column(column, texts)[0] for column in header}
        for name in required:
            if name not in there:
                column = f"{name}_{EXAMPLE_LANGUAGE}" if name in texts else name
                self._add(file, 1, column, f"column {column!r} is missing")
                whole = False
        return whole

    def _read_rows(self, table: str, file: str, header: list[str], reader: _CsvReader) -> _Table:
        shaper = _Shaper(TABLES[table], header)
        result = _Table([], array("L"))
        key_of = attrgetter(*PRIMARY_KEYS[table])
        seen: set[int] = set()
        for cells, lines in self._chunks(file, reader):
            result.lines.extend(lines)
            try:
                result.rows += shaper.shape(cells)
            except (ValidationError, _WrongWidthError):
                for each, line in zip(cells, lines, strict=True):
                    row, errors = shaper.shape_one(each)
                    result.rows.append(row)
                    for column, words in errors:
                        self._add(file, line, column, words)
            seen.update(hash(key_of(row)) for row in result.rows[len(result.rows) - len(cells) :])
            given_again = len(result.rows) - len(seen)
            if given_again > PROBLEMS_MAX or self._dropped > ERRORS_MAX:
                why = "rows that stand further up already" if given_again > PROBLEMS_MAX else "problems"
                self._add(
                    file, lines[-1], None, f"has so many {why} up to here that the rest was not read", always=True
                )
                raise _BrokenOffError
        return result

    def _chunks(self, file: str, reader: _CsvReader) -> Iterator[tuple[list[list[str]], list[int]]]:
        """The rows that are not blank, ROWS_AT_ONCE at a time, each with the line it begins in."""
        cells: list[list[str]] = []
        lines: list[int] = []
        begins = reader.line_num + 1
        try:
            for each in reader:
                if len(each) > COLUMNS_MAX:
                    self._add(
                        file, begins, None, f"has {len(each):,} cells; no table has more than {COLUMNS_MAX} columns"
                    )
                elif each:
                    cells.append(each)
                    lines.append(begins)
                    if len(cells) == ROWS_AT_ONCE:
                        yield cells, lines
                        cells, lines = [], []
                begins = reader.line_num + 1
        except csv.Error as error:
            self._add(file, begins, None, _csv_sentence(error))
            yield cells, lines
            raise _BrokenOffError from None
        if cells:
            yield cells, lines

    # ── pass 3 ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _package(self, election: Election | None, tables: Mapping[str, _Table | None]) -> ElectionPackage | None:
        if election is None:
            return None
        rows = {name: tuple(table.rows) for name, table in tables.items() if table is not None}
        return ElectionPackage(election=election, **rows) if len(rows) == len(TABLES) else None

    def _place(self, problems: Iterable[Problem], tables: Mapping[str, _Table | None]) -> None:
        """Give the problems of rows their file and line, and leave out what the same cell has been blamed for."""
        blamed = {(problem.file, problem.line, problem.column) for problem in self._problems}
        for table, row, column, words in problems:
            if table == ELECTION_TABLE:
                file, line = ELECTION_FILE, self._line_of(column or "")
            else:
                read = tables[table]
                assert read is not None, "only a package with all its tables is checked"
                file, line = _file_of(table), 1 if row is None else read.lines[row]
            if blamed.isdisjoint({(file, line, column), (file, line, None)}):
                self._add(file, line, column, words)

    def _add(self, file: str, line: int | None, column: str | None, words: str, *, always: bool = False) -> None:
        if len(self._problems) < PROBLEMS_MAX or always:
            self._problems.append(PackageProblem(file, line, column, words))
        else:
            self._dropped += 1

    def _sorted(self) -> tuple[PackageProblem, ...]:
        order = {name: place for place, name in enumerate([ELECTION_FILE, *map(_file_of, TABLES)])}
        problems = sorted(self._problems, key=lambda each: (order[each.file], each.line or 0))
        if self._dropped:
            problems.append(PackageProblem(ELECTION_FILE, None, None, more_sentence(self._dropped)))
        return tuple(problems)


class _CsvReader(Protocol):
    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...


def _bounded_lines(text: str) -> Iterator[str]:
    """Raises csv.Error, as the reader does, at a line that is longer than any table's."""
    for line in io.StringIO(text, newline=""):
        if len(line) > LINE_CHARACTERS_MAX:
            raise csv.Error(f"line too long: {len(line):,}")
        yield line


class _BrokenOffError(Exception):
    """A table could not be read to its end, so that what other tables say of its rows cannot be judged."""


class _WrongWidthError(ValueError):
    """A row of a chunk has more or fewer cells than the first line names."""


class _Shaper:
    """Turns the cells of one table into its rows."""

    def __init__(self, model: type[Row], header: list[str]) -> None:
        self._model = model
        self._rows: TypeAdapter[list[Any]] = TypeAdapter(list[model])  # type: ignore[valid-type]  # a class held in a variable
        self._text_fields = text_fields(model)
        places = [(column, *_text_column(column, self._text_fields)) for column in header]
        self._columns = [(field, language) if field in model.model_fields else None for _, field, language in places]
        """For each cell its field, and its language where the field is a text in several."""
        self._first_column = {field: column for column, field, _ in reversed(places)}
        kinds = columns(model)
        self._numbers = frozenset(column for column, facts in kinds.items() if facts["type"] == "integer")
        self._stand_ins = {
            column: 0 if column in self._numbers else facts["enum"][0] if "enum" in facts else ""
            for column, facts in kinds.items()
        }
        self._fields_set = set(model.model_fields)
        self._texts: dict[str, str] = {}
        """One string for all equal cells: most columns hold the same few codes and names again and again."""

    def shape(self, cells: list[list[str]]) -> list[Any]:
        """Raises ValidationError where a row has no shape, and _WrongWidthError where it has other columns."""
        if any(len(each) != len(self._columns) for each in cells):
            raise _WrongWidthError
        rows = self._rows.validate_python([self._values(each) for each in cells])
        for row in rows:
            # pydantic gives each instance a set of its own with the names that were given: 730 bytes a row, 600 MB for
            # 823,000 stations in every process. Rows are frozen and nothing asks which cells were empty: one set does.
            object.__setattr__(row, "__pydantic_fields_set__", self._fields_set)
        return rows

    def shape_one(self, cells: list[str]) -> tuple[Any, list[tuple[str | None, str]]]:
        """The row, and its errors as (column, sentence). A bad cell is mended: see `_mended`."""
        errors: list[tuple[str | None, str]] = []
        width = len(self._columns)
        if len(cells) != width:
            errors.append((None, f"has {len(cells)} cells, but the first line names {width} columns"))
            cells = [*cells, *[""] * width][:width]
        values = self._values(cells)
        try:
            return self._model.model_validate(values), errors
        except ValidationError as error:
            wrong = error.errors(include_url=False)
        if not errors:
            errors += [(self._column_of(*each["loc"]), _cell_sentence(each)) for each in wrong]
        return self._mended(values, {str(each["loc"][0]) for each in wrong}), errors

    def _values(self, cells: list[str]) -> dict[str, Any]:
        """Column → value; an empty cell is no value.

        What should be a number and is none is given as a list of the cell: pydantic would take `1_000` for a number.
        """
        values: dict[str, Any] = {}
        texts = self._texts
        numbers = self._numbers
        for place, cell in zip(self._columns, cells, strict=True):
            if not cell or place is None:
                continue
            field, language = place
            if language is not None:
                values.setdefault(field, {})[language] = texts.setdefault(cell, cell)
            elif field in numbers:
                values[field] = int(cell) if cell.isdecimal() and cell.isascii() and len(cell) < 20 else [cell]
            else:
                values[field] = texts.setdefault(cell, cell) if values else cell
        return values

    def _column_of(self, field: int | str, *language: int | str) -> str:
        """The column that an error is about: of a text that is missing in every language, its first."""
        name = str(field)
        return f"{name}_{language[0]}" if language else self._first_column.get(name, name)

    def _mended(self, values: dict[str, Any], wrong: set[str]) -> Any:
        """A row for the third pass, in which only the cells named have no shape. A code keeps its text, so that what
        refers to it is not reported as well."""
        for column in self._text_fields & (values.keys() | wrong):
            values[column] = LocalText({EXAMPLE_LANGUAGE: "-"} if column in wrong else values[column])
        for column in wrong - self._text_fields:
            if not self._model.model_fields[column].is_required():
                values.pop(column, None)
            elif self._stand_ins[column] != "" or column not in values:
                values[column] = self._stand_ins[column]
        for column, field in self._model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, StrEnum) and column in values:
                values[column] = field.annotation(values[column])
        return self._model.model_construct(**values)


def _text_column(column: str, texts: Collection[str]) -> tuple[str, str | None]:
    """The field of a column, and its language where that is a text in several: `name_pt-BR` is `name` in `pt-BR`."""
    field, _, language = column.partition("_")
    return (field, language) if language and field in texts else (column, None)


def _cell_sentence(error: ErrorDetails) -> str:
    """The sentence for a cell: an empty one was left out, and one that is no number came as a list."""
    if error["type"] == "missing":
        return "is empty"
    if error["type"] == "int_type":
        return f"expected a whole number in digits, got {error['input'][0]!r}"
    return sentence(error)


def _csv_sentence(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"a cell has more than {CELL_CHARACTERS_MAX:,} characters; is a quote not closed?"
    if "line too long" in str(error):
        length = str(error).rpartition(" ")[2]
        return f"the line has {length} characters, more than {LINE_CHARACTERS_MAX:,}; is a line end missing?"
    if "unexpected end" in str(error):
        return "a quote is opened here and never closed"
    return 'a quote stands inside a cell; put quotes around the whole cell and write each inside as ""'


def _mended_election(value: Mapping[str, Any], error: ValidationError) -> Election | None:
    """The election with stand-ins for what has no shape; None where levels are wrong."""
    mended = {name: each for name, each in value.items() if name in Election.model_fields}
    for name in {str(each["loc"][0]) for each in error.errors(include_url=False)}:
        if name in _ELECTION_STAND_INS:
            mended[name] = _ELECTION_STAND_INS[name]
    try:
        return Election.model_validate(mended)
    except ValidationError:
        return None


def _fields_at(place: tuple[int | str, ...]) -> Sequence[str]:
    """The fields that may stand beside the one at this place of `election.json`."""
    models: dict[str, type[Row]] = {"levels": Level, "rules": RuleSetting}
    model = Election if len(place) == 1 else models.get(str(place[0]))
    return tuple(model.model_fields) if model else ()


def _dotted(place: tuple[int | str, ...]) -> str:
    """As a path of json_lines: pydantic adds `[key]` where a key is wrong and not its value."""
    return ".".join(str(part) for part in place if part != "[key]")


def _control_in(value: Any, path: str = "") -> str | None:
    """Path of the first text or key with a control character, which JSON can write as `\\u0000`."""
    if isinstance(value, str):
        return path if _CONTROL.search(value) else None
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        at = f"{path}.{name}" if path else str(name)
        found = at if _CONTROL.search(str(name)) else _control_in(each, at)
        if found is not None:
            return found
    return None


def _depth(text: str) -> int:
    """How deep lists and objects are nested, counted without going there."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(text):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(bracket, 0)
        deepest = max(deepest, depth)
    return deepest


_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\]]', re.DOTALL)
"""A string, whose brackets are none, or a bracket."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _whole(digits: str) -> int:
    if len(digits) > 20:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def _file_of(table: str) -> str:
    return f"{table}.csv"


def pack(path: Path) -> bytes:
    """The files of a package as a zip; same files, same bytes. Raises UnreadablePackageError."""
    source = _open(path)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted({ELECTION_FILE, DESCRIPTOR_FILE, *map(_file_of, TABLES)} & set(source.names())):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, source.read(name, JSON_BYTES_MAX if name.endswith(".json") else PACKAGE_BYTES_MAX))
    return packed.getvalue()


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_package(package: ElectionPackage, directory: Path) -> None:
    """Write all files of the package, making the directory where it is missing. Same package, same bytes."""
    directory.mkdir(parents=True, exist_ok=True)
    _write_json(directory / ELECTION_FILE, package.election.model_dump(mode="json", exclude_defaults=True))
    _write_json(directory / DESCRIPTOR_FILE, descriptor(package))
    for name, rows in package.tables().items():
        names = column_names(TABLES[name], rows)
        with (directory / _file_of(name)).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(names)
            # A missing value is written as an empty cell, and an enumeration as its text.
            writer.writerows([_cell(row, *place) for place in names.values()] for row in rows)


def _cell(row: Row, field: str, language: str | None) -> Any:
    value = getattr(row, field)
    return value if language is None or value is None else value.root.get(language)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
