"""The AsyncAPI document of the live feed has each message once, under the name of its type."""

from __future__ import annotations

from typing import Any

import pytest

from api.feed.asyncapi import _messages, asyncapi
from schemas.served.close_frames import CLOSE_CODES
from schemas.served.live_examples import LIVE_EXAMPLES


def test_the_document_is_of_the_election_and_has_each_message() -> None:
    document = asyncapi("Pemilu 2029", "CC0-1.0")
    assert document["asyncapi"] == "3.0.0"
    assert (document["info"]["title"], document["info"]["license"]) == ("Pemilu 2029: live feed", {"name": "CC0-1.0"})
    channel = document["channels"]["live"]
    assert channel["address"] == "/v1/live"
    assert all(f"{code} {meaning}" in channel["description"] for code, meaning in CLOSE_CODES.items())
    assert channel["messages"].keys() == document["components"]["messages"].keys() == LIVE_EXAMPLES.keys()
    operations = document["operations"]
    received = [each["$ref"] for each in operations["receive_commands"]["messages"]]
    assert received == [f"#/channels/live/messages/{name}" for name in ("subscribe", "follow", "unsubscribe")]
    assert (operations["receive_commands"]["action"], operations["send_messages"]["action"]) == ("receive", "send")
    gap = document["components"]["messages"]["gap"]
    assert gap["summary"] == "Notice that earlier states were skipped."
    assert gap["payload"] == {"$ref": "#/components/schemas/Gap"}


def test_two_schemas_of_one_name_are_seen() -> None:
    union: dict[str, Any] = {"$defs": {"Gap": {"description": "A gap."}}, "discriminator": {"mapping": {}}}
    with pytest.raises(AssertionError, match="two schemas are called Gap"):
        _messages(union, {"Gap": {"description": "Another gap."}})
