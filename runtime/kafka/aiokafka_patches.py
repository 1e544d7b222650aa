"""Changes to aiokafka, and uses of what aiokafka does not declare public.

Written for aiokafka 0.14.0. Each patch states what is wrong in that version. LibraryChangedError is raised where an attribute
that is replaced or used is gone. With another version of aiokafka, tests/unit/runtime/kafka/test_aiokafka_patches.py fails
too, so that each reason below is checked again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partialmethod, wraps
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.admin import DescribeGroupsRequest_v0, DescribeGroupsRequest_v1
from aiokafka.protocol.api import Request
from aiokafka.protocol.metadata import MetadataRequest

from runtime.foreign_libraries import attribute_of

VERSION = "0.14.0"


def apply() -> None:
    """Change aiokafka for all clients of this process. Raises LibraryChangedError."""
    reconnect_after_a_cut_under_uvloop()
    never_create_topics_by_asking()
    log_no_warning_of_plain_passwords()


def reconnect_after_a_cut_under_uvloop() -> None:
    """Have a connection that was just cut raise what aiokafka tries again after.

    aiokafka tries again after an OSError. uvloop raises a RuntimeError where a connection was just cut. In a consumer that
    error ended fetching, in a producer sending, for ever and without a log line.

    Upstream: AIOKafkaConnection.send in aiokafka/conn.py; issue 1038 of aio-libs/aiokafka, open."""
    send: Callable[..., Any] = attribute_of(AIOKafkaConnection, "send")

    @wraps(send)
    def send_or_close(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return send(self, *arguments, **options)
        except RuntimeError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}") from error

    AIOKafkaConnection.send = send_or_close


def never_create_topics_by_asking() -> None:
    """Have no client create a topic by asking for its metadata, as aiokafka's do with each request.

    Where a broker allows such creation, a topic that somebody deletes would come back with the broker's default partitions and
    retention.

    Upstream: MetadataRequest in aiokafka/protocol/metadata.py, which no client of aiokafka makes with another value (Kafka's
    KIP-361 gives its own clients a setting for it)."""
    begin: Callable[..., None] = attribute_of(MetadataRequest, "__init__", parameter="allow_auto_topic_creation")
    MetadataRequest.__init__ = partialmethod(begin, allow_auto_topic_creation=False)


def log_no_warning_of_plain_passwords() -> None:
    """Drop aiokafka's warning, with each connection, that PLAIN sends the password as it is. `client_options`
    (runtime/kafka/security.py) refuses PLAIN where that matters. Upstream: AIOKafkaConnection in aiokafka/conn.py."""
    logging.getLogger("aiokafka.conn").addFilter(lambda record: "in the clear" not in str(record.msg))


async def send_request(admin: AIOKafkaAdminClient, request: Request[Any], node: int | None = None) -> Any:
    """Send a request that the admin client has no method for, to this broker or to any. Gives the response, or raises
    KafkaError."""
    return await attribute_of(admin, "_send_request")(request, node)


async def send_to_controller(admin: AIOKafkaAdminClient, request: Request[Any]) -> Any:
    """Send a request that only the controller answers. Gives the response, or raises KafkaError."""
    return await attribute_of(admin, "_send_to_controller")(request)


async def close_connections(consumer: AIOKafkaConsumer) -> None:
    """Close the connections of a consumer whose `stop` was cancelled half way (`stop_consumer`)."""
    await attribute_of(consumer, "_client").close()


class DescribeGroups(Request[DescribeGroupsRequest_v0 | DescribeGroupsRequest_v1]):  # type: ignore[misc]  # ships no types
    """The request DescribeGroups in versions whose response aiokafka decodes correctly. Upstream: in aiokafka/protocol/admin.py
    DescribeGroupsRequest_v3 names the response of version 2."""

    API_KEY = 15

    def __init__(self, groups: list[str]) -> None:
        self._groups = groups

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(self._groups)
