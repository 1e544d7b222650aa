"""Files of public data that are imported: whatever is in them, a sentence names file and line."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from rekap.elections.importers import kpu_2024_candidates, source_rows
from rekap.elections.importers.source_rows import SourceFileError
from schemas.definition.package import Party

PARTIES, DISTRICTS, CANDIDATES = "parties_2024.csv", "dapil_diy_2024.csv", "candidates_diy_2024.csv"
FILES = {
    PARTIES: "nomor_urut,nama\n1,Partai A\n",
    DISTRICTS: "kode_dapil,nama_dapil,kode_wilayah,is_pecah\n3401,DIY 1,3402,False\n",
    CANDIDATES: "level,kode_dapil_or_prov,nomor_urut,nama,jk,partai_no\ndpr,3401,1,Budi,L,1\n",
}


def _rows(path: Path, content: bytes | str) -> list[source_rows.SourceRow]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(source_rows.source_rows(path))


def test_rows_are_read_packed_and_unpacked(tmp_path: Path) -> None:
    for name, content in (("a.csv", b"\xef\xbb\xbfx,y\n 1 ,2\n"), ("a.csv.gz", gzip.compress(b"x,y\n1,2\n", mtime=0))):
        (row,) = _rows(tmp_path / name, content)
        assert (row.file, row.line, row.text("x"), row.text("y")) == (name, 2, "1", "2")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", "x,y\n1\n", "a.csv:2: a cell too many or too few"),
        ("a.csv", "x\n" + "1" * 200_000, "cannot be read: field larger than field limit"),
        ("a.csv", b"x\n\xff\n", "cannot be read: 'utf-8' codec"),
        ("a.csv", "x\n" + "1," * 200_000, "has a line of more than"),
        ("a.csv.gz", b"x\n1\n", "cannot be read: Not a gzipped file"),
        ("a.csv.gz", gzip.compress(b"x\n1\n" * 100, mtime=0)[:-9], "cannot be read: Compressed file ended"),
        ("a.csv.gz", gzip.compress(b"x\n" + b"1\n" * 200_000, mtime=0), "has more than 100,000 characters"),
    ],
)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | str, sentence: str
) -> None:
    if "100,000" in sentence:
        monkeypatch.setattr(source_rows, "CHARACTERS_MAX", 100_000)
    with pytest.raises(SourceFileError) as caught:
        _rows(tmp_path / name, content)
    assert sentence in str(caught.value)


def test_a_file_that_is_missing_and_a_pipe_are_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(SourceFileError, match="there is no such file"):
        list(source_rows.source_rows(tmp_path / "none.csv"))
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(SourceFileError, match="is not a regular file"):
        list(source_rows.source_rows(tmp_path / "pipe.csv"))


def test_a_value_that_no_package_has_is_named_with_its_line(tmp_path: Path) -> None:
    (row,) = _rows(tmp_path / "a.csv", "name\n\x1b[2J\n")
    with pytest.raises(SourceFileError, match=r"a\.csv:2: name: "):
        row.made(Party, id="1", name=row.text("name"), number=1)


@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        (PARTIES, "Partai A", "\x1b[2JPartai", f"{PARTIES}:2: name: "),
        (PARTIES, "Partai A", "", f"{PARTIES}:2: name: is empty"),
        (DISTRICTS, "DIY 1", "x" * 5_000, f"{DISTRICTS}:2: name: has 5,000 characters"),
        (DISTRICTS, "3401,", "../../etc,", f"{DISTRICTS}:2: district: "),
        (CANDIDATES, "Budi", "Bu\u202edi", f"{CANDIDATES}:2: name: "),
        (CANDIDATES, "3401,1,", "3401,0,", f"{CANDIDATES}:2: seats: is 0, must be at least 1"),
        (CANDIDATES, "dpr,3401,1,Budi,L,1\n", "dpr,3401,1,Budi,L,1\ndpr,3401,1,Budi,L,1\n", "the choice 1-1 of dpr-3401 is"),
    ],
)  # fmt: skip
def test_a_list_of_candidates_that_no_package_can_hold_is_refused_by_file_and_line(
    tmp_path: Path, name: str, old: str, new: str, sentence: str
) -> None:
    for file, content in FILES.items():
        (tmp_path / file).write_text(content.replace(old, new) if file == name else content)
    with pytest.raises(SourceFileError) as caught:
        kpu_2024_candidates.read(tmp_path)
    assert sentence in str(caught.value)


def test_the_same_list_without_a_mistake_is_read(tmp_path: Path) -> None:
    for file, content in FILES.items():
        (tmp_path / file).write_text(content)
    assert [each.id for each in kpu_2024_candidates.read(tmp_path).package.choices] == ["1", "1-1"]
