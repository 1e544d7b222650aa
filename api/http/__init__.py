"""uvicorn's HTTP and WebSocket, with a bound in bytes and in time on all that a client can send or leave unread."""
