"""Settings are read once, and a wrong one is named."""

from __future__ import annotations

import pytest

from runtime.settings import Settings, SettingsError, read_settings


def test_settings_that_are_not_there_have_their_defaults() -> None:
    assert read_settings({}) == Settings()
    assert read_settings({"REKAP_PORT": "", "REKAP_HOST": "::1"}).host == "::1"


@pytest.mark.parametrize("port", ["-1", "1.5", "٣", "many"])
def test_a_number_that_is_not_one_is_named(port: str) -> None:
    with pytest.raises(SettingsError, match="REKAP_PORT: expected a whole number"):
        read_settings({"REKAP_PORT": port})


@pytest.mark.parametrize("url", ["https://results.example", "http://127.0.0.1:8000", "https://a.example/count/"])
def test_the_public_address_is_a_web_address(url: str) -> None:
    assert read_settings({"REKAP_PUBLIC_URL": url}).public_url == url


@pytest.mark.parametrize(
    "url",
    [
        "results.example", "javascript:alert(1)", "https://a.example/?x", "https://a.example#x", "https://user@a.example",
        'https://a.example/"><script>', "https://a.example/\n", "https://a.example/ x", "ftp://a.example", "https://",
    ],
)  # fmt: skip
def test_what_is_not_one_is_refused_before_it_is_written_into_catalogues(url: str) -> None:
    with pytest.raises(SettingsError, match="REKAP_PUBLIC_URL: expected a web address"):
        read_settings({"REKAP_PUBLIC_URL": url})
