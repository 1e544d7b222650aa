"""The roles that a process of the API can have, and which of them serves a request.

    gateway   takes submissions and appends them to the ledger
    feed      follows `results` and `subtotals`, and sends each change to the clients of the live feed
    read      answers from the read model, the files of the public log and the package

In processes of their own, no role takes the time of another: thousands of clients of the feed do not delay a receipt.
`rekap run api` has all roles in one process, for small elections. A proxy in front of several processes gives each request
to a process of the role that `role_of` names: api/front on one machine, proxy/nginx.conf for the public.
"""

from __future__ import annotations

import enum
from urllib.parse import unquote


class ApiRole(enum.StrEnum):
    GATEWAY = "gateway"
    FEED = "feed"
    READ = "read"


ALL_ROLES = frozenset(ApiRole)
GATEWAY_PATH = "/v1/gateway"
CKAN_PATH = "/api/"
"""Actions of CKAN, which its clients ask with POST too."""
LIVE_PATH = "/v1/live"
FEED_PATHS = frozenset({LIVE_PATH, "/v1/changes", "/v1/schemas/live"})
PATHS_OF_EACH = frozenset({"/livez", "/readyz", "/metrics", "/v1/health"})
"""What each process answers about itself."""


_FIRST_LETTER, _LAST_LETTER = ord("A"), ord("z")


def role_of(method: str, path: str) -> ApiRole:
    """The role that serves a request. All that is not of the gateway or the feed is of the read role, also what does not
    exist."""
    if (method == "POST" and not path.startswith(CKAN_PATH)) or path == GATEWAY_PATH:
        return ApiRole.GATEWAY
    return ApiRole.FEED if path in FEED_PATHS else ApiRole.READ


def request_line(data: bytes) -> bytes | None:
    """The request line with which the bytes of a request begin; None where its end has not come. Empty lines before a request
    are ignored (RFC 9112, 2.2). Bytes that cannot begin a method, such as those of TLS, are given as they are: their sender
    waits for an answer, and no line end may ever come."""
    line, end, _ = data.lstrip(b"\r\n").partition(b"\n")
    return line if end or (line and not _FIRST_LETTER <= line[0] <= _LAST_LETTER) else None


def role_of_line(line: bytes) -> ApiRole:
    """The role that serves the request with this request line. What is not one goes to the read role, which answers 400."""
    method = line.partition(b" ")[0]
    if method == b"POST" and CKAN_PATH.encode() not in line:  # nearly all on a busy night
        return ApiRole.GATEWAY
    return role_of(method.decode("latin-1"), path_of(line))


def path_of(line: bytes) -> str:
    """The path in a request line, read as uvicorn reads it."""
    words = line.split(None, 2)
    target = words[1] if len(words) > 1 else b""
    if not target.startswith(b"/"):  # with scheme and host, as proxies are asked
        target = b"/" + target.partition(b"://")[2].partition(b"/")[2]
    path = target.partition(b"#")[0].partition(b"?")[0].decode("latin-1")
    return unquote(path) if "%" in path else path
