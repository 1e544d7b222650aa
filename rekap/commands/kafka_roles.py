"""`rekap kafka-roles`: make the users of Kafka, a role each, and allow each what it needs (runtime/kafka/roles.py)."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path

import click
from aiokafka.errors import KafkaError

from rekap.commands.run import load
from rekap.terminal import complain, say
from runtime.kafka.admin import allow, make_user
from runtime.kafka.clients import admin_client
from runtime.kafka.roles import ROLES, grants
from runtime.kafka.security import read_password
from runtime.settings import Settings, SettingsError
from schemas.definition.package import Election

EXIT_NOT_REACHED = 3


@click.command("kafka-roles")
@click.option(
    "--passwords",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="directory with a file ROLE/kafka-password.txt for each role; made where there is none",
)
def kafka_roles(passwords: Path) -> None:
    """Make a user of Kafka for each role, with the password in its file, and allow each what it needs.

    Runs as a user who may make others (REKAP_KAFKA_USER), against a Kafka that denies what is not allowed. Safe to repeat;
    with an empty file's place, that role has a new password.
    """
    settings, definition = load()
    try:
        secret = {role: _password(passwords / role / "kafka-password.txt") for role in ROLES}
        asyncio.run(make_roles(settings, definition.election, secret))
    except (SettingsError, OSError) as error:
        raise click.ClickException(str(error)) from None
    except KafkaError as error:
        complain(f"Error: Kafka at {settings.kafka} (REKAP_KAFKA): {type(error).__name__}: {error}")
        raise SystemExit(EXIT_NOT_REACHED) from None
    say(f"users of Kafka for election {definition.election.id}: {', '.join(ROLES)}")


async def make_roles(settings: Settings, election: Election, passwords: dict[str, str]) -> None:
    """Raises KafkaError."""
    admin = admin_client(settings)
    await admin.start()
    try:
        for role, password in passwords.items():
            await make_user(admin, role, password)
            for grant in grants(election, role):
                for operation in grant.operations:
                    await allow(admin, role, grant.resource, grant.name, operation, is_prefix=grant.is_prefix)
    finally:
        await admin.close()


def _password(path: Path) -> str:
    """Raises SettingsError, OSError."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32) + "\n")
    return read_password(path)
