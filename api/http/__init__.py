"""uvicorn's HTTP and WebSocket, with a bound in bytes and in time on all that a client can send or leave unread.

The protocols here extend those of uvicorn 0.54.0 (HttpToolsProtocol, WebSocketsSansIOProtocol) and of websockets 17.4
(ServerProtocol), which are not declared public. tests/unit/api/http/test_libraries.py fails with another version, or where a
method that is overridden here is gone, so that each is compared with the new source.
"""
