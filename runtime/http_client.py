"""HTTP requests to an address that a person typed, where a Rekap server, a captive portal or an attacker may answer.

Every answer has a bound in bytes and one deadline for the whole answer. No answer is decompressed, so that a small answer
cannot become a large one. No redirect is followed. If the answer does not fit the request, AwayError names what was received
instead.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket
import ssl
import urllib.request
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from runtime.errors import OutsideError
from schemas.texts import shown

ANSWER_HEAD_SHOWN = 100
"""Characters of a page that came instead of an answer, in a sentence."""
RETRY_AFTER_SECONDS_MAX = 60.0
"""A server may ask for longer; the client tries again after this."""
CONNECT_SECONDS_MAX = 10.0
IDENTITY = "identity"
NO_PROXY_HERE: dict[str, None] = {"all://localhost": None, "all://127.0.0.1": None, "all://[::1]": None}
"""httpx's `mounts` for a client of many addresses: requests to this machine do not use the proxy that the environment names."""


_HOST = re.compile(rb"[A-Za-z0-9._\-]+|[0-9A-Fa-f:.]+")


class AddressError(OutsideError, ValueError):
    """An address, or the proxy that the environment names, cannot be used; the message states why."""


class AwayError(OutsideError):
    """A request got no answer that fits; later it may. `was_slow` is true where the deadline passed, `was_odd` where something
    answered that does not fit the request; in both cases a smaller request may succeed. `was_busy` is true where the server
    answered that it has no time now. `address` is that of the server, where the error is of one request."""

    def __init__(
        self,
        sentence: str,
        *,
        retry_after_s: float | None = None,
        was_slow: bool = False,
        was_odd: bool = False,
        was_busy: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.address = ""
        self.retry_after_s = retry_after_s
        self.was_slow = was_slow
        self.was_odd = was_odd
        self.was_busy = was_busy


class Reply(NamedTuple):
    status: int
    media_type: str
    """The media type in lower case, without parameters."""
    body: bytes
    location: str
    """Address to which a redirect leads; it is not followed."""


def base_url(text: str) -> str:
    """The address in the form to which paths are appended: scheme, host, port, path prefix, no slash at the end. Raises
    AddressError."""
    address = text.strip()
    if "://" not in address:
        raise AddressError(f"{shown(address)!r} has no scheme; did you mean http://{shown(address)} or https://…?")
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise AddressError(f"{shown(address)!r} is not a web address: {error}") from None
    if url.scheme not in ("http", "https"):
        raise AddressError(f"{shown(address)!r}: expected http:// or https://, got {url.scheme}://")
    if not url.host or url.port == 0:
        raise AddressError(f"{shown(address)!r} names no host")
    if not _HOST.fullmatch(url.raw_host):
        raise AddressError(f"{shown(address)!r} is not a web address: {shown(url.host)!r} is not the name of a host")
    if url.userinfo:
        raise AddressError(
            "the address holds a user name, which no Rekap server asks for; leave out what is before the @"
        )
    if url.query or url.fragment:
        raise AddressError(f"{shown(address)!r}: nothing may follow the path; leave out what begins with ? or #")
    return str(url).rstrip("/")


def client_for(url: str, *, seconds_max: float) -> httpx.AsyncClient:
    """A client for one address. It uses the proxy that the environment names (https_proxy, http_proxy, all_proxy, no_proxy),
    and no proxy for this machine's own address. Raises AddressError."""
    proxy = proxy_for(url)
    try:
        return httpx.AsyncClient(
            timeout=httpx.Timeout(seconds_max, connect=CONNECT_SECONDS_MAX),
            headers={"Accept-Encoding": IDENTITY},
            follow_redirects=False,
            trust_env=False,
            proxy=proxy,
            # Reading the certificates takes 20 ms, and plain http needs none.
            verify=httpx.create_ssl_context() if url.startswith("https:") or proxy else False,
        )
    except ImportError:
        raise AddressError(
            f"the environment names the proxy {_without_user(proxy)} for {url}, and Rekap knows http proxies only; "
            "name one in https_proxy or http_proxy, or name the host in no_proxy"
        ) from None
    except (ValueError, httpx.InvalidURL) as error:
        raise AddressError(
            f"the environment names the proxy {_without_user(proxy)}, which cannot be used: {error}"
        ) from None
    except (OSError, ssl.SSLError) as error:
        at = ", ".join(name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if name in os.environ)
        raise AddressError(f"the certificates that {at or 'this machine'} names cannot be read: {error}") from None


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for an address; None for this machine's own address."""
    address = httpx.URL(url)
    if is_loopback(address.host) or urllib.request.proxy_bypass(address.host):
        return None
    named = urllib.request.getproxies()
    proxy = named.get(address.scheme) or named.get("all")
    return None if not proxy else proxy if "://" in proxy else f"http://{proxy}"


def is_loopback(host: str) -> bool:
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        number = ipaddress.ip_address(name)
    except ValueError:
        try:
            number = ipaddress.ip_address(socket.inet_aton(name))  # 127.1
        except OSError:
            return False
    mapped = getattr(number, "ipv4_mapped", None)
    return (mapped or number).is_loopback


async def ask(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    bytes_max: int,
    seconds_max: float,
    content: bytes | None = None,
    media_type: str | None = None,
) -> Reply:
    """The answer, with any status but 429 and 503. Raises AwayError."""
    headers = {} if media_type is None else {"Content-Type": media_type}
    try:
        return await _asked(client, method, url, bytes_max, seconds_max, content, headers)
    except AwayError as error:
        parts = urlsplit(url)
        error.address = f"{parts.scheme}://{parts.netloc}"
        raise


async def _asked(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    bytes_max: int,
    seconds_max: float,
    content: bytes | None,
    headers: dict[str, str],
) -> Reply:
    try:
        async with (
            asyncio.timeout(seconds_max),
            client.stream(method, url, content=content, headers=headers) as answer,
        ):
            encoding = answer.headers.get("content-encoding", IDENTITY)
            if encoding.lower() != IDENTITY:
                raise AwayError(
                    f"the answer came packed ({shown(encoding)[:40]}), which was not asked for", was_odd=True
                )
            body = bytearray()
            async for part in answer.aiter_raw():
                body += part
                if len(body) > bytes_max:
                    raise AwayError(f"the answer has more than {bytes_max:,} bytes", was_odd=True)
            kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
            reply = Reply(answer.status_code, kind, bytes(body), answer.headers.get("location", ""))
            if reply.status in (429, 503):
                raise AwayError(
                    f"it asks to come back later ({reply.status})",
                    retry_after_s=_seconds(answer.headers),
                    was_busy=True,
                )
            return reply
    except TimeoutError:
        raise AwayError(f"there was no whole answer within {seconds_max:.0f} s", was_slow=True) from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
        raise AwayError(_why(error, client, url), was_slow=isinstance(error, httpx.TimeoutException)) from None


def what_came(reply: Reply) -> str:
    """A sentence about an answer that does not fit the request."""
    if reply.location and 300 <= reply.status < 400:
        to = shown(reply.location[:ANSWER_HEAD_SHOWN])
        return f"the answer leads to {to} ({reply.status}); is there a login first, or is that the right address?"
    if reply.media_type in ("text/html", "application/xhtml+xml") or reply.body.lstrip()[:1] == b"<":
        return (
            f"a web page came instead of an answer (status {reply.status}{_title(reply.body)}); is there a login first?"
        )
    if reply.status == httpx.codes.NOT_FOUND:
        return "there is no gateway at this address (404); is the path right?"
    head = shown(reply.body[: 4 * ANSWER_HEAD_SHOWN].decode("utf-8", "replace").strip()[:ANSWER_HEAD_SHOWN])
    return f"the answer is not a gateway's (status {reply.status}{': ' if head else ''}{head})"


def _title(page: bytes) -> str:
    _, found, after = page[:65_536].partition(b"<title>")
    title = after.partition(b"<")[0].decode("utf-8", "replace").strip() if found else ""
    return f", titled {shown(title[:ANSWER_HEAD_SHOWN])!r}" if title else ""


def _seconds(headers: httpx.Headers) -> float | None:
    """Seconds in Retry-After, where it is a number. A date is not read, because it depends on two clocks."""
    text = headers.get("retry-after", "")
    return min(float(text), RETRY_AFTER_SECONDS_MAX) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _why(error: Exception, client: httpx.AsyncClient, url: str) -> str:
    through = proxy_for(url)
    where = f"through the proxy {_without_user(through)} that the environment names, " if through else ""
    match error:
        case httpx.ConnectTimeout():
            return f"{where}no server accepted the connection within {CONNECT_SECONDS_MAX:.0f} s"
        case httpx.TimeoutException():
            return f"{where}the answer stopped coming"
        case httpx.ProxyError():
            return f"{where}the way is closed: {shown(error)[:ANSWER_HEAD_SHOWN]}"
        case httpx.ConnectError() if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return f"{where}its TLS certificate is not to be trusted ({_reason(error)})"
        case httpx.ConnectError() if "SSL" in str(error):
            return f"{where}TLS cannot be begun there ({_reason(error)}); is it http:// and not https://?"
        case httpx.ConnectError():
            return f"{where}no server answers there ({_of_the_system(error)})"
        case httpx.RemoteProtocolError():
            return f"{where}what answers there is not HTTP, or broke off"
        case _:
            return f"{where}the connection broke ({type(error).__name__})"


def _of_the_system(error: BaseException) -> str:
    """The operating system's reason below an error of httpx, whose own text is that of three libraries."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, socket.gaierror):
            return "its host name is not known"
        if isinstance(below, OSError) and below.errno is not None:
            return os.strerror(below.errno).lower()
        below = below.__cause__ or below.__context__
    return "the connection failed"


def _reason(error: Exception) -> str:
    """The part `certificate verify failed: self-signed certificate` of `[SSL: …] certificate verify failed: …
    (_ssl.c:1006)`."""
    return shown(error).rpartition("] ")[2].partition(" (_ssl")[0][:ANSWER_HEAD_SHOWN]


def _without_user(proxy: str | None) -> str:
    scheme, _, rest = (proxy or "").partition("://")
    return shown(f"{scheme}://{rest.rpartition('@')[2]}")
