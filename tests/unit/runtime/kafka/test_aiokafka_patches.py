"""Each patch of aiokafka still meets the version that it was written for."""

from __future__ import annotations

from typing import Any

import aiokafka
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

import runtime.kafka.clients  # noqa: F401  # applies the patches
from runtime.foreign_libraries import LibraryChangedError, attribute_of
from runtime.kafka import aiokafka_patches


def test_the_patches_were_checked_against_this_version() -> None:
    assert aiokafka.__version__ == aiokafka_patches.VERSION, (
        f"aiokafka is {aiokafka.__version__}: check each reason in runtime/kafka/aiokafka_patches.py against its source, "
        "remove the patches that are needed no more, then change VERSION"
    )


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (AIOKafkaConnection, "send"),
        (AIOKafkaAdminClient, "_send_request"),
        (AIOKafkaAdminClient, "_send_to_controller"),
    ],
)
def test_what_is_patched_or_used_exists(owner: type, name: str) -> None:
    attribute_of(owner, name)


def test_a_missing_attribute_is_named() -> None:
    with pytest.raises(LibraryChangedError, match=r"aiokafka\.conn\.AIOKafkaConnection has no transmit"):
        attribute_of(AIOKafkaConnection, "transmit")
    with pytest.raises(LibraryChangedError, match="has no parameter create"):
        attribute_of(MetadataRequest, "__init__", parameter="create")


def test_a_connection_that_uvloop_calls_cut_is_closed_and_raises_what_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[Any] = []

    class Cut:
        host, port = "kafka", 9092

        def close(self, *, reason: Any) -> None:
            closed.append(reason)

    def raise_cut(*_: Any, **__: Any) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    monkeypatch.setattr(AIOKafkaConnection, "send", raise_cut)
    aiokafka_patches.reconnect_after_a_cut_under_uvloop()
    with pytest.raises(KafkaConnectionError, match="the handler is closed"):
        AIOKafkaConnection.send(Cut(), None)
    assert len(closed) == 1


def test_no_request_for_metadata_creates_a_topic() -> None:
    assert MetadataRequest(["any"])._allow_auto_topic_creation is False
    assert MetadataRequest()._allow_auto_topic_creation is False
