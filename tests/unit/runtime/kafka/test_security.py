"""How clients show themselves to Kafka, and what is refused before one is made."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.kafka.security import client_options
from runtime.settings import Settings, SettingsError

SECRET = "correct-horse"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "password"
    path.touch(0o600)
    path.write_text(f"{SECRET}\n")
    return Settings(kafka="kafka.example:9092", kafka_user="tabulator", kafka_password=path)


def test_nobody_is_shown_where_kafka_asks_for_nobody() -> None:
    assert client_options(Settings()) == {"bootstrap_servers": "127.0.0.1:9092"}


def test_a_user_is_shown_by_scram(settings: Settings) -> None:
    assert client_options(settings) == {
        "bootstrap_servers": "kafka.example:9092",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "tabulator",
        "sasl_plain_password": SECRET,
    }


def test_with_certificates_connections_are_encrypted_and_names_are_checked(settings: Settings) -> None:
    options = client_options(replace(settings, kafka_ca="system", kafka_mechanism="PLAIN"))
    assert (options["security_protocol"], options["sasl_mechanism"]) == ("SASL_SSL", "PLAIN")
    context = options["ssl_context"]
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert client_options(replace(settings, kafka_ca="system", kafka_user=""))["security_protocol"] == "SSL"


@pytest.mark.parametrize("server", ["127.0.0.1:1", "localhost:1", "[::1]:1", "127.0.0.1:1,127.0.0.2:2"])
def test_plain_without_tls_is_for_this_machine(settings: Settings, server: str) -> None:
    assert client_options(replace(settings, kafka=server, kafka_mechanism="PLAIN"))["sasl_mechanism"] == "PLAIN"


@pytest.mark.parametrize("server", ["10.0.0.1:1", "kafka:1", "127.0.0.1:1,kafka:2", "localhost.example:1", "0.0.0.0:1"])
def test_plain_without_tls_to_another_machine_is_refused(settings: Settings, server: str) -> None:
    with pytest.raises(SettingsError, match="PLAIN sends the password as it is"):
        client_options(replace(settings, kafka=server, kafka_mechanism="PLAIN"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_password_that_others_may_read_is_refused(settings: Settings, mode: int) -> None:
    settings.kafka_password.chmod(mode)
    with pytest.raises(SettingsError, match="chmod 600") as refused:
        client_options(settings)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"one\ntwo\n", b"x" * 2000, "sécret".encode()])
def test_what_is_no_password_is_refused_without_being_shown(settings: Settings, content: bytes) -> None:
    settings.kafka_password.write_bytes(content)
    with pytest.raises(SettingsError, match="expected one line of ASCII") as refused:
        client_options(settings)
    assert "two" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kafka_mechanism": "GSSAPI"}, "REKAP_KAFKA_MECHANISM: expected SCRAM-SHA-512 or PLAIN, got 'GSSAPI'"),
        ({"kafka_password": Path("/nowhere")}, "REKAP_KAFKA_PASSWORD: /nowhere, .*: No such file or directory"),
        ({"kafka_ca": "/nowhere"}, "REKAP_KAFKA_CA: .*: No such file or directory"),
        ({"kafka_ca": __file__}, "REKAP_KAFKA_CA: expected a file of certificates in PEM form"),
    ],
)
def test_a_wrong_setting_is_named(settings: Settings, change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        client_options(replace(settings, **change))


def test_settings_show_no_password(settings: Settings) -> None:
    assert SECRET not in repr(settings)
