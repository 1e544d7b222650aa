"""The configuration file of a portal: what it names, and a sentence for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from rekap.portal.configuration import ElectionEntry, PortalConfigurationError, read_configuration

HEAD = 'title = "Pemilu"\nstate = "state"\n'
ARCHIVED = '[[election]]\nid = "e-2019"\narchive = "2019"\n'
LIVE = '[[election]]\nid = "e-2029"\nurl = "https://count.example/base/"\n'


def _file(directory: Path, text: str) -> Path:
    (directory / "portal.toml").write_text(text)
    return directory / "portal.toml"


def test_paths_are_relative_to_the_file_and_an_address_has_no_slash_at_its_end(tmp_path: Path) -> None:
    found = read_configuration(_file(tmp_path, HEAD + ARCHIVED + LIVE))
    assert (found.title, found.state) == ("Pemilu", tmp_path / "state")
    assert found.elections == (
        ElectionEntry("e-2019", tmp_path / "2019", None),
        ElectionEntry("e-2029", None, "https://count.example/base"),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("title = ", "is not valid TOML"),
        (ARCHIVED, "state is missing"),
        ('state = ""\n' + ARCHIVED, "state: expected text, got ''"),
        (HEAD + "port = 80\n" + ARCHIVED, "'port' is not known; expected election, state, title"),
        (HEAD, "expected 1 to 1,000"),
        (HEAD + "election = 3", "expected tables that begin with"),
        (HEAD + ARCHIVED + ARCHIVED, "election 2: id: 'e-2019' is there twice"),
        (HEAD + '[[election]]\narchive = "a"', "election 1: id is missing"),
        (HEAD + '[[election]]\nid = 2019\narchive = "a"', "id: expected text, got 2019"),
        (HEAD + '[[election]]\nid = "A/B"\narchive = "a"', "id: expected small letters, digits and hyphens"),
        (HEAD + '[[election]]\nid = "a"', "election 1: expected either archive or url"),
        (HEAD + '[[election]]\nid = "a"\narchive = "a"\nurl = "https://a.example"', "expected either archive or url"),
        (HEAD + '[[election]]\nid = "a"\nurl = "ftp://a.example"', "election 1: url: "),
        (HEAD + '[[election]]\nid = "a"\npath = "a"', "election 1: 'path' is not known"),
        (HEAD + "x" * 2_000_000, "has more than 1,048,576 bytes"),
    ],
)
def test_each_mistake_is_named_with_its_entry(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(PortalConfigurationError) as refused:
        read_configuration(_file(tmp_path, text))
    assert sentence in str(refused.value)
    assert str(tmp_path / "portal.toml") in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PortalConfigurationError, match="cannot be read: No such file"):
        read_configuration(tmp_path / "none.toml")


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "portal.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(PortalConfigurationError, match="is not valid TOML"):
        read_configuration(tmp_path / "portal.toml")
