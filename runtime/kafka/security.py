"""Authentication of clients to Kafka by SASL, and of Kafka to clients by TLS, from the settings and equal for all clients.

A password is in a file of its own, read when a client is made, and is in no setting, log line or error.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from pathlib import Path
from typing import Any

from runtime.files.own_files import is_secret
from runtime.settings import Settings, SettingsError, variable

SCRAM, PLAIN = "SCRAM-SHA-512", "PLAIN"
OF_THIS_MACHINE = "system"
PASSWORD_BYTES_MAX = 1024


def client_options(settings: Settings) -> dict[str, Any]:
    """Options of every aiokafka client. Raises SettingsError."""
    options: dict[str, Any] = {"bootstrap_servers": settings.kafka}
    tls = tls_context(settings)
    if tls is not None:
        options |= {"security_protocol": "SSL", "ssl_context": tls}
    if settings.kafka_user:
        options |= {
            "security_protocol": "SASL_PLAINTEXT" if tls is None else "SASL_SSL",
            "sasl_mechanism": _mechanism(settings, tls is not None),
            "sasl_plain_username": settings.kafka_user,
            "sasl_plain_password": read_password(settings.kafka_password),
        }
    return options


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """None where connections are not encrypted. Raises SettingsError."""
    if not settings.kafka_ca:
        return None
    try:
        # The context checks certificate and host name.
        return ssl.create_default_context(cafile=None if settings.kafka_ca == OF_THIS_MACHINE else settings.kafka_ca)
    except OSError as error:  # SSLError too
        raise SettingsError(
            f"{variable('kafka_ca')}: expected a file of certificates in PEM form or {OF_THIS_MACHINE!r}, and "
            f"{settings.kafka_ca} cannot be used: {error.strerror or type(error).__name__}"
        ) from None


def read_password(path: Path) -> str:
    """The first line of a file that only its owner may read. Raises SettingsError."""
    name = variable("kafka_password")
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(PASSWORD_BYTES_MAX + 1)
    except OSError as error:
        raise SettingsError(f"{name}: {path}, the password for Kafka, cannot be read: {error.strerror}") from None
    if not is_secret(status):
        raise SettingsError(f"{name}: others on this machine may read or write {path}: chmod 600 {path}")
    try:
        password = content.decode("ascii").strip()
    except UnicodeDecodeError:
        password = ""
    if not password or len(content) > PASSWORD_BYTES_MAX or "\n" in password:
        raise SettingsError(f"{name}: expected one line of ASCII in {path}")
    return password


def _mechanism(settings: Settings, is_encrypted: bool) -> str:
    if settings.kafka_mechanism not in (SCRAM, PLAIN):
        raise SettingsError(
            f"{variable('kafka_mechanism')}: expected {SCRAM} or {PLAIN}, got {settings.kafka_mechanism!r}"
        )
    if settings.kafka_mechanism == PLAIN and not is_encrypted and not all(map(_is_here, settings.kafka.split(","))):
        raise SettingsError(
            f"{variable('kafka_mechanism')}: PLAIN sends the password as it is, so it needs TLS ({variable('kafka_ca')}) or a "
            f"Kafka on this machine; use {SCRAM}"
        )
    return settings.kafka_mechanism


def _is_here(server: str) -> bool:
    host = server.strip().rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
