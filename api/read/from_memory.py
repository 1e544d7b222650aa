"""Answers from memory: a kept answer whose cut is the newest, in the form that the client accepts, or the 304 to its condition.

The bytes are those that the route, the middleware of reading and the dispatcher make of the same request, because the same
functions make each header field. All else is left to them: what is not kept, is not fresh, fails a condition, or is over a
limit.
"""

from __future__ import annotations

from collections import OrderedDict

from starlette.datastructures import MutableHeaders

from api.answers import conditions
from api.answers.content_codings import acceptable, chosen
from api.answers.current_answers import CurrentAnswers
from api.answers.kept_answers import Answer, Key
from api.answers.reading import readable_headers, without_content
from api.answers.responses import response_of
from api.http.from_memory import Asked, Fields, MemoryAnswer
from api.limits.rate_limits import RateLimit
from runtime import metrics

ADDRESSES_MAX = 8_192
"""Addresses that are known. One that was not asked for lately is forgotten first, so that a client that spells one question in
thousands of ways does not push out the spelling that people use."""
ADDRESS_BYTES_MAX = 200
"""Longest address that is known. The longest that pages use has 120 bytes. At double, all addresses together may have 4 MB."""
_CONDITIONS = (b"if-none-match", b"if-match", b"if-modified-since", b"if-unmodified-since")


class SnapshotsInMemory:
    """One event loop owns it."""

    def __init__(self, requests: RateLimit, licence: str | None = None) -> None:
        """`licence` is that of the middleware of reading."""
        self._requests = requests
        self._licence = licence
        self._current: CurrentAnswers | None = None
        self._keys: OrderedDict[bytes, Key] = OrderedDict()
        """Question that the application read in each address."""

    def serve(self, current: CurrentAnswers) -> None:
        self._current = current

    def know(self, path: bytes, query: bytes, key: Key) -> None:
        """Note that the application read this question in this address."""
        address = b"%b?%b" % (path, query) if query else path
        if len(address) <= ADDRESS_BYTES_MAX:
            self._keys[address] = key
            self._keys.move_to_end(address)
            if len(self._keys) > ADDRESSES_MAX:
                self._keys.popitem(last=False)

    def __len__(self) -> int:
        return len(self._keys)

    def answer(self, asked: Asked, address: str) -> MemoryAnswer | None:
        key, current = self._keys.get(asked.address), self._current
        if key is None or current is None:
            return None
        current.newest.watch()
        if not current.newest.is_fresh():
            return None
        cut = current.newest.cut
        answer = current.kept.peek(key)
        if answer is None or cut is None or not current.is_current(answer, cut):
            return None
        found = _form_of(answer, asked.fields, self._licence)
        if found is None or (limits := self._limits(address)) is None:
            return None
        self._keys.move_to_end(asked.address)
        current.kept.count_reader(key)
        metrics.ANSWERS_FROM_MEMORY.inc()
        status, head, body = found
        return MemoryAnswer(status, head + limits, b"" if asked.is_head else body)

    def _limits(self, address: str) -> bytes | None:
        """The header fields of the address's rate limit; None where it has used it up."""
        if not self._requests:
            return b""
        if not self._requests.take(address):
            return None
        return b"ratelimit-policy: %b\r\nratelimit: %b\r\n" % (self._requests.policy, self._requests.state(address))


def _form_of(answer: Answer, fields: Fields, licence: str | None) -> MemoryAnswer | None:
    """The answer to a GET in the form that was asked for; None where the form is not made yet, or a condition fails."""
    lines = [value.decode("latin-1") for name, value in fields if name == b"accept-encoding"]
    codings = acceptable(", ".join(lines) if lines else None)
    form = answer.forms.get(chosen(codings, len(answer.body))) if codings else None
    if form is None:
        return None
    heads = answer.heads.get(form.coding)
    if heads is None:
        response = response_of(form)
        headers = readable_headers(response.raw_headers, licence)
        heads = answer.heads[form.coding] = _lines(headers), _lines(without_content(headers))
    asked: dict[str, str] = {}
    for name, value in fields:
        if name in _CONDITIONS:
            asked.setdefault(name.decode(), value.decode("latin-1"))
    status = conditions.outcome(asked, form.etag, None) if asked else conditions.OK
    if status == conditions.NOT_MODIFIED:
        return MemoryAnswer(status, heads[1], b"")
    return MemoryAnswer(status, heads[0], form.body) if status == conditions.OK else None


def _lines(headers: MutableHeaders) -> bytes:
    return b"".join(b"%b: %b\r\n" % (name.lower(), value) for name, value in headers.raw)
