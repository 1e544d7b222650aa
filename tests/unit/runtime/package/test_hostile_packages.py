"""Packages made to cost: each is refused with a sentence by the server's reader and by the auditor's, for a few megabytes and
within a second or two, whatever it would unpack to."""

from __future__ import annotations

import json
import os
import resource
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from audit.sources.package import read_package as audit_package
from audit.sources.package_files import PackageError as AuditPackageError
from projections.checks.package_checks import problems
from rekap.operate.definition_cache import compiled
from runtime.package.errors import PackageError, UnreadablePackageError
from runtime.package.reading import load_package
from runtime.package.writing import pack, write_package
from tests.support.small_election import small_package

CPU_SECONDS_MAX = 10
MEMORY_BYTES_MAX = 1_000_000_000
"""Address space; Python with its libraries has 300 MB of it."""


def small(path: Path) -> Path:
    write_package(small_package(), path)
    return path


def zipped(directory: Path, more: dict[str, bytes] | None = None) -> Path:
    path = directory.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(directory.iterdir()):
            archive.writestr(file.name, (more or {}).get(file.name) or file.read_bytes())
        for name in set(more or {}) - {file.name for file in directory.iterdir()}:
            archive.writestr(name, (more or {})[name])
    return path


def with_table(name: str, make: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    """A zip of the small election with one file changed."""
    return lambda directory: zipped(
        small(directory / "package"), {name: make((directory / "package" / name).read_bytes())}
    )


def _zeros(directory: Path) -> Path:
    return zipped(small(directory / "package"), {"stations.csv": b"0" * 250_000_000})


def _many_files(directory: Path) -> Path:
    return zipped(small(directory / "package"), {f"maps/{number}": b"" for number in range(20_000)})


def _directory_that_lies_about_its_files(directory: Path) -> Path:
    path = _many_files(directory)
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x05\x06")
    data[at + 8 : at + 12] = struct.pack("<HH", 3, 3)
    path.write_bytes(data)
    return path


def _same_bytes_for_every_file(directory: Path) -> Path:
    """As the overlapping bombs do it: each entry of the list points at one packed file."""
    return zipped(small(directory / "package"), {"areas.csv": b"code,name,level,parent\n" + b"a,a,a,a\n" * 10_000_000})


def _deep(text: str) -> Callable[[bytes], bytes]:
    return lambda old: (
        json.dumps({**json.loads(old), "rules": 0}).encode().replace(b'"rules": 0', b'"rules": ' + text.encode())
    )


HOSTILE: dict[str, Callable[[Path], Path]] = {
    "250 MB of zeros": _zeros,
    "20,000 files": _many_files,
    "20,000 files, and a directory of 3": _directory_that_lies_about_its_files,
    "a table of one row, again and again": _same_bytes_for_every_file,
    "empty lines": with_table("stations.csv", lambda old: old + b"\n" * 60_000_000),
    "one line of commas": with_table("stations.csv", lambda old: old + b"," * 900_000),
    "20,000 columns": with_table(
        "stations.csv", lambda old: b",".join(b"c%d" % n for n in range(20_000)) + b"\n" + old
    ),
    "one column again and again": with_table("stations.csv", lambda old: b"code," * 100_000 + b"\n" + old),
    "a quote that is never closed": with_table("areas.csv", lambda old: old + b'"' + b"x" * 900_000),
    "deep lists": with_table("election.json", _deep("[" * 100_000 + "]" * 100_000)),
    "deep objects": with_table("election.json", _deep('{"a":' * 30_000 + "1" + "}" * 30_000)),
    "a long number": with_table("election.json", _deep("9" * 5_000)),
    "a megabyte of settings": with_table("election.json", lambda old: old[:1] + b" " * 1_000_000 + old[1:]),
    "half a character": with_table("election.json", _deep('"\\ud800"')),
    "half a character in a name": with_table("election.json", lambda old: old.replace(b"{", b'{"\\ud800": 1,', 1)),
    "a list for an object": with_table("election.json", lambda old: b"[1]"),
    "texts for objects": with_table(
        "election.json", lambda old: json.dumps({**json.loads(old), "title": "x", "levels": "abc"}).encode()
    ),
    "a date that is a number": with_table(
        "election.json", lambda old: json.dumps({**json.loads(old), "levels": 7}).encode()
    ),
    "another encoding": with_table("areas.csv", lambda old: old.decode().encode("utf-16")),
    "nothing at all": lambda directory: _written(directory / "package.zip", b""),
    "the end of a zip": lambda directory: _written(directory / "package.zip", b"PK\x05\x06" + bytes(18)),
    "half the end of a zip": lambda directory: _written(directory / "package.zip", b"PK\x05\x06"),
    "noise": lambda directory: _written(directory / "package.zip", os.urandom(100_000)),
    "the device of zeros": lambda directory: Path("/dev/zero"),
}


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("reader", ["server", "auditor"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_package_costs_little_and_is_a_sentence(tmp_path: Path, name: str, reader: str) -> None:
    path = HOSTILE[name](tmp_path)
    program = (
        "import sys; from pathlib import Path\n"
        + (
            "from audit.sources.package import read_package as read; from audit.sources.package_files import PackageError\n"
            if reader == "auditor"
            else "from projections.checks.package_checks import problems\n"
            "from runtime.package.errors import PackageError; from runtime.package.reading import load_package\n"
            "read = lambda path: load_package(path, problems)\n"
        )
        + "try: read(Path(sys.argv[1]))\n"
        "except PackageError as error: sys.exit(f'refused: {error}')\n"
    )

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))

    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, preexec_fn=bounded)
    assert done.stderr.startswith("refused: "), done.stderr[-2_000:]
    assert len(done.stderr) < 500_000


def test_rows_of_one_contest_again_and_again_are_not_compared_each_with_each(tmp_path: Path) -> None:
    package = small_package()
    contest = package.contests[0]
    choices = tuple(package.choices[0].model_copy(update={"contest": f"c{number}"}) for number in range(20_000))
    many = tuple(contest.model_copy(update={"id": f"c{number}"}) for number in range(20_000))
    write_package(replace(package, contests=(*package.contests, *many), choices=choices), tmp_path / "package")
    with pytest.raises(PackageError, match="lies in the electorates of"):
        load_package(tmp_path / "package", problems)


# ── links ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _symbolic(target: Path, path: Path) -> None:
    path.symlink_to(target)


def _hard(target: Path, path: Path) -> None:
    path.hardlink_to(target)


def _dangling(target: Path, path: Path) -> None:
    path.symlink_to("/nowhere")


def _device(target: Path, path: Path) -> None:
    path.symlink_to("/dev/zero")


def _directory(target: Path, path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("link", [_symbolic, _hard, _dangling, _device, _directory])
@pytest.mark.parametrize("name", ["datapackage.json", "stations.csv", "election.json", "districts.csv"])
def test_a_package_with_a_link_is_neither_read_nor_served(
    tmp_path: Path, name: str, link: Callable[[Path, Path], None]
) -> None:
    directory = small(tmp_path / "package")
    secret = tmp_path / "private-key.pem"
    (directory / name).rename(secret)
    link(secret, directory / name)
    for read in (lambda: load_package(directory, problems), lambda: compiled(directory, tmp_path)):
        with pytest.raises(PackageError, match=name):
            read()
    with pytest.raises(PackageError, match=name):
        pack(directory)


def test_links_beside_the_tables_are_refused_too(tmp_path: Path) -> None:
    directory = small(tmp_path / "package")
    (directory / "maps").symlink_to("/etc")
    with pytest.raises(UnreadablePackageError, match="maps is a link"):
        load_package(directory, problems)


@pytest.mark.parametrize("mode", [0o120777, 0o060644, 0o010644])
def test_a_zip_with_a_link_or_a_device_is_refused_by_both(tmp_path: Path, mode: int) -> None:
    path = zipped(small(tmp_path / "package"))
    entry = zipfile.ZipInfo("districts.csv")
    entry.external_attr = mode << 16
    (tmp_path / "package" / "districts.csv").unlink()
    path = zipped(tmp_path / "package")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(PackageError, match="is a link or a device"):
        load_package(path, problems)
    with pytest.raises(AuditPackageError, match="is a link"):
        audit_package(path)


def test_the_auditor_follows_no_link(tmp_path: Path) -> None:
    directory = small(tmp_path / "package")
    (directory / "keys.csv").rename(tmp_path / "elsewhere")
    (directory / "keys.csv").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AuditPackageError, match=r"keys\.csv: is a link"):
        audit_package(directory)


@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        ("areas.csv", "1.1.1,Village 1.1.1,village,1.1", "1.1.1,Village 1.1.1,village,2"),
        ("areas.csv", "1.1.1,Village 1.1.1,village,1.1", "1.1.1,Village 1.1.1,hamlet,1.1"),
        ("stations.csv", "TPS 1,1.1.1,", "TPS 1,9,"),
        ("contests.csv", "president,president,N", "president,mayor,N"),
        ("choices.csv", "president,01,", "elsewhere,01,"),
        ("keys.csv", ",N,", ",X,"),
        ("election.json", '"partitions": 3', '"partitions": 0'),
        ("election.json", '"partitions": 3', '"partitions": 100000000000'),
        ("election.json", '"shard_level": "district"', '"shard_level": "galaxy"'),
        ("election.json", '"mode": "rehearsal"', '"mode": ["live"]'),
    ],
)
def test_what_is_not_there_is_a_sentence_of_the_auditor(tmp_path: Path, table: str, old: str, new: str) -> None:
    path = small(tmp_path / "package") / table
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(AuditPackageError, match=table):
        audit_package(tmp_path / "package")
