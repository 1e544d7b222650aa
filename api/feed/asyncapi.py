"""The live feed as an AsyncAPI 3 document, made from the models of its messages (schemas/served/live.py)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from schemas.served.close_frames import CLOSE_CODES
from schemas.served.live import CLIENT_MESSAGE_BYTES_MAX, FROM_CLIENT, FROM_SERVER, MESSAGE_TYPES, FromClient
from schemas.served.live_examples import LIVE_EXAMPLES

_SCHEMAS = "#/components/schemas/"
_MESSAGES = "#/components/messages/"
_SOCKET = "live"
_NAMES_OF_CLIENT = [each.model_fields["type"].default for each in get_args(get_args(FromClient)[0])]


def asyncapi(title: str, licence: str) -> dict[str, Any]:
    """The document, under the title and licence of the election."""
    schemas: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for adapter in (FROM_CLIENT, FROM_SERVER):
        messages |= _messages(adapter.json_schema(ref_template=_SCHEMAS + "{model}"), schemas)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"{title}: live feed",
            "version": "1",
            "description": "Each number as soon as it is counted. docs/live-feed.md explains the order of messages, cursors, "
            "gaps, and how a client comes back. The messages are the same over `GET /v1/live` (server-sent events; `event` is "
            "the type and `id` the cursor) and `GET /v1/changes` (long polling).",
            "license": {"name": licence},
        },
        "defaultContentType": "application/json",
        "servers": {"here": {"host": "localhost:8000", "protocol": "ws", "description": "The server of the election."}},
        "channels": {
            _SOCKET: {
                "address": "/v1/live",
                "title": "Live feed over WebSocket",
                "description": f"Text messages in JSON, of the client at most {CLIENT_MESSAGE_BYTES_MAX:,} bytes each. "
                + _close_sentences(),
                "messages": {name: {"$ref": _MESSAGES + name} for name in messages},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": {
            "receive_commands": _operation("receive", "What a client may send.", _NAMES_OF_CLIENT),
            "send_messages": _operation(
                "send", "What the server sends, in the order of docs/live-feed.md.", MESSAGE_TYPES
            ),
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def _operation(action: str, summary: str, names: Iterable[str]) -> dict[str, Any]:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": f"#/channels/{_SOCKET}"},
        "messages": [{"$ref": f"#/channels/{_SOCKET}/messages/{name}"} for name in names],
    }


def _messages(union: Mapping[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """A message for each member of the union, by its type. Their schemas are added to `schemas`."""
    for name, schema in union["$defs"].items():
        assert schemas.setdefault(name, schema) == schema, f"two schemas are called {name}"
    found = {}
    for type_, reference in union["discriminator"]["mapping"].items():
        name = reference.rpartition("/")[2]
        first, _, _ = union["$defs"][name]["description"].partition(". ")
        found[type_] = {
            "name": type_,
            "title": name,
            "summary": " ".join(first.split()).removesuffix(".") + ".",
            "contentType": "application/json",
            "payload": {"$ref": reference},
            "examples": [{"payload": LIVE_EXAMPLES[type_]}],
        }
    return found


def _close_sentences() -> str:
    return "Close codes: " + "; ".join(f"{code} {meaning}" for code, meaning in CLOSE_CODES.items()) + "."
