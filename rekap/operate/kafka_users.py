"""Kafka's users, one for each role, with the permissions of the role (runtime/kafka/roles.py)."""

from __future__ import annotations

import secrets
from pathlib import Path

from runtime.files.atomic_write import create_file
from runtime.kafka.admin import allow, make_user
from runtime.kafka.clients import admin_client
from runtime.kafka.roles import grants
from runtime.kafka.security import read_password
from runtime.settings import Settings
from schemas.definition.package import Election


async def make_roles(settings: Settings, election: Election, passwords: dict[str, str]) -> None:
    """Make a user of each role with its password and permissions. Raises KafkaError."""
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


def role_password(path: Path) -> str:
    """The password in a file, which is made with a new password if it does not exist. Raises SettingsError, OSError."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        create_file(path, f"{secrets.token_hex(32)}\n".encode(), mode=0o600)
    return read_password(path)
