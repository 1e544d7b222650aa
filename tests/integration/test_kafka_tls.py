"""Kafka over TLS: all parts, Faust's too, come in where they know its certificate, and nobody else's is believed."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiokafka.errors import KafkaError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from rekap.embedded.kafka import EmbeddedKafka
from rekap.embedded.ports import free_port
from runtime.kafka.clients import admin_client
from runtime.settings import read_settings
from tests.conftest import Parts
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, small_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")


class EncryptedKafka(EmbeddedKafka):
    """The embedded broker with one more listener, over TLS."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.tls_port = free_port()
        self.certificate = _certificate(directory / "server.pem", with_key=True)

    def _write_configuration(self, node: Any) -> None:
        super()._write_configuration(node)
        path = self.directory / "server.properties"
        properties = dict(line.split("=", 1) for line in path.read_text().splitlines())
        properties["listeners"] += f",TLS://127.0.0.1:{self.tls_port}"
        properties["advertised.listeners"] += f",TLS://127.0.0.1:{self.tls_port}"
        properties["listener.security.protocol.map"] += ",TLS:SASL_SSL"
        properties["listener.name.tls.plain.sasl.jaas.config"] = properties[
            "listener.name.broker.plain.sasl.jaas.config"
        ]
        properties["listener.name.tls.ssl.keystore.type"] = "PEM"
        properties["listener.name.tls.ssl.keystore.location"] = str(self.directory.parent / "server.pem")
        path.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))

    def over_tls(self) -> dict[str, str]:
        address = {"REKAP_KAFKA": f"127.0.0.1:{self.tls_port}", "REKAP_KAFKA_CA": str(self.certificate)}
        return {**self.settings, **address}


def _certificate(path: Path, *, with_key: bool) -> Path:
    """A certificate of this machine that is signed by itself; beside it, `.crt` for clients."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rekap-test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(Encoding.PEM)
    path.parent.mkdir(parents=True, exist_ok=True)
    if with_key:
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + public)
    path.with_suffix(".crt").write_bytes(public)
    return path.with_suffix(".crt")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EncryptedKafka]:
    kafka = EncryptedKafka(tmp_path_factory.mktemp("tls"))
    await kafka.start()
    try:
        yield kafka
    finally:
        await kafka.stop()


async def test_a_form_is_counted_where_every_connection_is_encrypted(
    broker: EncryptedKafka, parts: Parts, tmp_path: Path
) -> None:
    async with (
        small_stack(tmp_path, "encrypted", {**parts, **broker.over_tls()}) as stack,
        httpx.AsyncClient(base_url=stack.url, timeout=30) as client,
    ):
        answer = await client.post("/v1/submissions", content=Voices(stack).sign(reported("1.1.1-1")))
        assert answer.status_code == 201

        async def is_counted() -> bool:
            [contest] = (await client.get("/v1/offices/president")).json()["contests"]
            return bool(contest["counted"]["votes"] == {"01": 10, "02": 20, "03": 30})

        await eventually(is_counted)


async def test_a_kafka_with_another_certificate_or_none_is_not_believed(broker: EncryptedKafka, tmp_path: Path) -> None:
    ours = read_settings(broker.over_tls())
    another = _certificate(tmp_path / "another.pem", with_key=False)
    for settings in (
        replace(ours, kafka_ca=str(another)),
        replace(ours, kafka_ca="system"),
        replace(ours, kafka=read_settings(broker.settings).kafka),
    ):
        admin = admin_client(settings)
        with pytest.raises(KafkaError):
            await admin.start()
        await admin.close()
    admin = admin_client(ours)
    await admin.start()
    await admin.close()
