"""`rekap kafka-roles`: make a user of Kafka for each role, and allow it what the role needs (runtime/kafka/roles.py)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from rekap.operate.configuration import load
from rekap.operate.kafka_users import make_roles, role_password
from rekap.terminal import print_lines
from runtime.kafka.roles import ROLES


@click.command("kafka-roles")
@click.option(
    "--passwords",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="directory with a file ROLE/kafka-password.txt for each role; made where there is none",
)
def kafka_roles(passwords: Path) -> None:
    """Make a user of Kafka for each role, with the password in its file, and allow it what the role needs.

    Runs as a user that may make others (REKAP_KAFKA_USER), against a Kafka that denies what is not allowed. Safe to repeat.
    A role whose password file was removed gets a new password.

    \b
    Example:
      rekap kafka-roles --passwords kafka-passwords
    """
    settings, definition = load()
    secret = {role: role_password(passwords / role / "kafka-password.txt") for role in ROLES}
    asyncio.run(make_roles(settings, definition.election, secret))
    print_lines(f"users of Kafka for election {definition.election.id}: {', '.join(ROLES)}")
