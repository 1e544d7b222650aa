"""Requests to Kafka that aiokafka (0.14.0) does not have: topics with ids and replicas, changes of single settings, users, and
access control lists.

Functions raise the KafkaError of aiokafka for the error code in Kafka's answer.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any, NamedTuple
from uuid import UUID

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.admin import CreateAclsRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Array,
    Boolean,
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    String,
    TaggedFields,
)

from runtime.kafka.aiokafka_patches import send_request, send_to_controller

_SET = 0
"""Operation of IncrementalAlterConfigs: give the setting this value."""


class FoundTopic(NamedTuple):
    """A topic as Kafka has it."""

    id: UUID
    """Changes where a topic is deleted and made again under its name."""
    partitions: int
    copies: int
    """Number of replicas of the partition that has the fewest."""
    without_leader: list[int]
    """Partitions that no client can read or write."""
    settings: dict[str, str]


async def found_topics(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, FoundTopic]:
    """Topics of these names that exist; asking creates none. Raises KafkaError."""
    answer = await send_request(admin, _Metadata(list(names)))
    described = {}
    for error, name, topic_id, _, partitions, _, _ in answer.topics:
        if error == UnknownTopicOrPartitionError.errno:
            continue
        if error:
            raise for_code(error)(f"topic {name}")
        leaderless = [number for _, number, leader, *_ in partitions if leader < 0]
        copies = min((len(replicas) for _, _, _, _, replicas, *_ in partitions), default=0)
        described[name] = (topic_id, len(partitions), copies, leaderless)
    settings = await _settings_of(admin, described)
    return {name: FoundTopic(*found, settings[name]) for name, found in described.items() if name in settings}


async def _settings_of(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, dict[str, str]]:
    wanted = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found = {}
    for answer in await admin.describe_configs(wanted) if wanted else []:
        for error, message, _, name, entries in answer.resources:
            if error == UnknownTopicOrPartitionError.errno:
                continue  # deleted just now
            if error:
                raise for_code(error)(f"settings of topic {name}: {message}")
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


async def set_topic(admin: AIOKafkaAdminClient, name: str, settings: Mapping[str, str]) -> None:
    """Change these settings of a topic, and no others. Raises KafkaError."""
    answer = await send_to_controller(admin, _IncrementalAlterConfigs(name, settings))
    [(error, message, _, _)] = answer.responses
    if error:
        raise for_code(error)(message or name)


class _Uuid:
    """Sixteen bytes, as Kafka writes them."""

    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))

    @classmethod
    def repr(cls, value: UUID) -> str:
        return str(value)


class _MetadataResponse_v12(Response):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("in_sync", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataRequest_v12(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = _MetadataResponse_v12
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _Metadata(Request[_MetadataRequest_v12]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class([(UUID(int=0), name, {}) for name in self._names], False, False, {})


class _IncrementalAlterConfigsResponse_v0(Response):  # type: ignore[misc]
    API_KEY = 44
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "responses",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
            ),
        ),
    )


class _IncrementalAlterConfigsRequest_v0(RequestStruct):  # type: ignore[misc]
    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = _IncrementalAlterConfigsResponse_v0
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                (
                    "configs",
                    Array(("name", String("utf-8")), ("operation", Int8), ("value", String("utf-8"))),
                ),
            ),
        ),
        ("validate_only", Boolean),
    )


class _IncrementalAlterConfigs(Request[_IncrementalAlterConfigsRequest_v0]):  # type: ignore[misc]
    API_KEY = 44

    def __init__(self, topic: str, settings: Mapping[str, str]) -> None:
        self._topic = topic
        self._settings = settings

    def build(self, request_struct_class: Any) -> Any:
        changes = [(name, _SET, value) for name, value in self._settings.items()]
        return request_struct_class([(int(ConfigResourceType.TOPIC), self._topic, changes)], False)


# ── Users and access control lists ───────────────────────────────────────────────────────────────────────────────────

SCRAM_SHA_512 = 2
SCRAM_ITERATIONS = 4096
"""The least that Kafka accepts, and its own default. A password of 256 random bits needs no more."""
_LITERAL, _PREFIXED = 3, 4
_ALLOW = 3
EVERY_HOST = "*"


async def make_user(admin: AIOKafkaAdminClient, name: str, password: str) -> None:
    """Make a user with this password, for SCRAM-SHA-512, or set the password of an existing user. Raises KafkaError."""
    answer = await send_to_controller(admin, _AlterUserScramCredentials(name, password))
    [(_, error, message, _)] = answer.results
    if error:
        raise for_code(error)(message or name)


async def allow(
    admin: AIOKafkaAdminClient, user: str, resource: int, name: str, operation: int, *, is_prefix: bool
) -> None:
    """Add an access control list entry that allows a user an operation. Raises KafkaError."""
    pattern = _PREFIXED if is_prefix else _LITERAL
    request = CreateAclsRequest(resource, name, pattern, f"User:{user}", EVERY_HOST, operation, _ALLOW)
    answer = await send_to_controller(admin, request)
    [(error, message)] = answer.creation_responses
    if error:
        raise for_code(error)(message or name)


class _AlterUserScramCredentialsResponse_v0(Response):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterUserScramCredentialsRequest_v0(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = _AlterUserScramCredentialsResponse_v0
    SCHEMA = Schema(
        (
            "deletions",
            CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields)),
        ),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterUserScramCredentials(Request[_AlterUserScramCredentialsRequest_v0]):  # type: ignore[misc]
    API_KEY = 51

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password

    def build(self, request_struct_class: Any) -> Any:
        salt = secrets.token_bytes(32)
        salted = hashlib.pbkdf2_hmac("sha512", self._password.encode(), salt, SCRAM_ITERATIONS)
        upsertion: tuple[Any, ...] = (self._user, SCRAM_SHA_512, SCRAM_ITERATIONS, salt, salted, {})
        return request_struct_class([], [upsertion], {})
