"""Each patch of Faust still meets the version that it was written for."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import faust
import pytest
from faust.transport.drivers.aiokafka import Consumer

from runtime.foreign_libraries import LibraryChangedError, attribute_of
from streams import faust_patches


class FakeConsumer:
    def __init__(self) -> None:
        self.asked: list[float] = []

    async def getmany(self, timeout: float) -> None:  # noqa: ASYNC109  # as Faust's
        self.asked.append(timeout)


class FakeApp:
    def __init__(self, consumer: Any) -> None:
        self.consumer = consumer


def test_the_patches_were_checked_against_this_version() -> None:
    assert version("faust-streaming") == faust_patches.VERSION, (
        "check each reason in streams/faust_patches.py against the new source of Faust, then change VERSION"
    )


def test_what_is_patched_exists() -> None:
    attribute_of(faust.App, "consumer")
    attribute_of(Consumer, "getmany", parameter="timeout")


async def test_faust_asks_for_records_with_a_short_deadline() -> None:
    app = FakeApp(FakeConsumer())
    faust_patches.poll_often(app)
    await app.consumer.getmany(timeout=1.0)
    await app.consumer.getmany(timeout=0.01)
    assert app.consumer.asked == [faust_patches.POLL_SECONDS, 0.01]


def test_a_faust_without_the_attribute_is_named() -> None:
    with pytest.raises(LibraryChangedError, match="object has no getmany"):
        faust_patches.poll_often(FakeApp(object()))
