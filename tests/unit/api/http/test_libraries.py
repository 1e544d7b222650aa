"""The protocols that this room extends are those that it was written for: a method that a library calls no more would bound
nothing."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.server import ServerProtocol

import api.http
from api.http.protocol import BoundedProtocol
from api.http.web_socket import BoundedWebSocket, Handshake
from runtime.foreign_libraries import attribute_of

OVERRIDDEN = {
    (BoundedProtocol, HttpToolsProtocol): (
        "__init__", "_start_asgi_task", "connection_lost", "connection_made", "data_received", "on_body", "on_header",
        "on_headers_complete", "on_message_begin", "on_message_complete", "on_response_complete", "on_url", "pause_writing",
        "resume_writing",
    ),
    (BoundedWebSocket, WebSocketsSansIOProtocol): (
        "__init__", "connection_lost", "connection_made", "data_received", "handle_connect", "handle_events",
        "keepalive_timeout", "pause_writing", "receive", "resume_writing", "run_asgi", "send", "send_receive_event_to_app",
        "shutdown",
    ),
    (Handshake, ServerProtocol): ("reject",),
}  # fmt: skip
"""(our class, the library's) → what ours has in place of the library's."""


@pytest.mark.parametrize("library", ["uvicorn", "websockets"])
def test_the_protocols_were_compared_with_this_version(library: str) -> None:
    assert f"{library} {version(library)}" in (api.http.__doc__ or ""), (
        f"compare each class of OVERRIDDEN with the source of {library} {version(library)}, then name that version there"
    )


@pytest.mark.parametrize(("own", "foreign"), OVERRIDDEN)
def test_each_method_that_is_overridden_is_the_librarys(own: type, foreign: type) -> None:
    for name in OVERRIDDEN[own, foreign]:
        attribute_of(foreign, name)
    ours = {name for each in own.__mro__ if each.__module__.startswith("api.") for name in vars(each)}
    named = {name for name in ours if name == "__init__" or not name.startswith("__")}
    assert {name for name in named if hasattr(foreign, name)} == set(OVERRIDDEN[own, foreign])
