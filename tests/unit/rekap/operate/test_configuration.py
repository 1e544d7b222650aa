"""Settings whose names are mistyped are noted by the first process that reads them."""

from __future__ import annotations

import os

import pytest

from rekap.operate.configuration import mistyped_settings, note_mistyped_settings


def test_a_name_that_is_nearly_a_setting_is_noted_and_others_are_not() -> None:
    names = ["REKAP_KAFKA", "REKAP_KAFAK", "REKAP_DATABASE_HOST", "KAFKA"]
    assert list(mistyped_settings(names)) == [
        ("REKAP_KAFAK", "REKAP_KAFAK is not a setting and was ignored; did you mean REKAP_KAFKA?")
    ]


def test_a_process_that_this_one_starts_prints_no_note_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REKAP_KAFAK", "127.0.0.1:9092")
    note_mistyped_settings()
    assert "note: REKAP_KAFAK is not a setting" in capsys.readouterr().err
    assert "REKAP_KAFAK" not in os.environ
    note_mistyped_settings()
    assert capsys.readouterr().err == ""
