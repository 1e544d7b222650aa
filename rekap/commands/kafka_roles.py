"""`rekap kafka-roles`: make the users of Kafka, a role each, and allow each what it needs (runtime/kafka/roles.py)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
from aiokafka.errors import KafkaError

from rekap.operate.configuration import load
from rekap.operate.kafka_users import make_roles, role_password
from rekap.terminal import complain, say
from runtime.kafka.roles import ROLES
from runtime.settings import SettingsError

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
        secret = {role: role_password(passwords / role / "kafka-password.txt") for role in ROLES}
        asyncio.run(make_roles(settings, definition.election, secret))
    except (SettingsError, OSError) as error:
        raise click.ClickException(str(error)) from None
    except KafkaError as error:
        complain(f"Error: Kafka at {settings.kafka} (REKAP_KAFKA): {type(error).__name__}: {error}")
        raise SystemExit(EXIT_NOT_REACHED) from None
    say(f"users of Kafka for election {definition.election.id}: {', '.join(ROLES)}")
