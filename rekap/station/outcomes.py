"""What became of delivered forms: asked of a server's list of events, and as lines for the person who submitted them.

The answers are not signed, because the receipt is the proof. They show the person which forms need attention now.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from rekap.client.server import Server
from rekap.station.outbox import Kept, named
from runtime.http_client import AwayError
from schemas.texts import shown

PAGE_EVENTS = 500
"""Events asked for at once, the most that a server lists."""
SENTENCES_ASKED_MAX = 20
"""Forms whose rules are asked for in words. The others have the rules' ids."""
LINES_MAX = 50
"""Lines about single forms, so that the summary stays on the screen. `GET /v1/events` lists all."""
ALL_SHOWN_MAX = 10
"""Number of forms up to which those that simply count have a line too."""
_POLL_SECONDS = 1.0
_COUNTED = "counted"
_WITH_REASONS = ("held", "flagged", "refused")


class Became(NamedTuple):
    """State of one form, and the rules that it breaks."""

    state: str
    rules: tuple[str, ...]
    """Ids, each with its sentence where it was asked for."""


async def ask_outcomes(server: Server, forms: Sequence[Kept], *, seconds_max: float) -> dict[str, Became]:
    """Event id → what became of the form, as far as the count has the forms within the time. Raises AwayError,
    RefusedError."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds_max
    missing = {form.event: _author(form) for form in forms}
    lines: dict[str, Mapping[str, Any]] = {}
    while True:
        for author in sorted(set(missing.values())):
            wanted = {event for event, by in missing.items() if by == author}
            lines |= await _newest_lines(server, author, wanted)
        missing = {event: author for event, author in missing.items() if event not in lines}
        if not missing or loop.time() + _POLL_SECONDS > ends:
            break
        await asyncio.sleep(_POLL_SECONDS)
    became: dict[str, Became] = {}
    asked = 0
    for event, line in lines.items():
        became[event] = _of_line(line)
        if line["state"] in _WITH_REASONS and asked < SENTENCES_ASKED_MAX:
            asked += 1
            became[event] = await _with_sentences(server, line)
    return became


async def _newest_lines(server: Server, author: str, wanted: set[str]) -> dict[str, Mapping[str, Any]]:
    """The list's lines of these events of a key, newest first. A key that signs at several stations at once has other events
    between them, so twice as many are listed as are wanted, and a page more."""
    found: dict[str, Mapping[str, Any]] = {}
    cursor: str | None = None
    for _ in range(2 * len(wanted) // PAGE_EVENTS + 2):
        page = await server.answer("events", {"author": author, "limit": PAGE_EVENTS, "cursor": cursor})
        try:
            for line in page["events"]:
                # A record that repeats an event is listed too, and the first one has the state that counts.
                if line["event"] in wanted and line["state"] != "duplicate":
                    found[line["event"]] = line
            cursor = page["next"]
        except (KeyError, TypeError):
            raise AwayError(f"{server.url} lists events in another way than this version", was_odd=True) from None
        if cursor is None or len(found) == len(wanted):
            break
    return found


async def _with_sentences(server: Server, line: Mapping[str, Any]) -> Became:
    whole = await server.answer(f"events/{line['partition']}/{line['offset']}")
    try:
        rules = tuple(f"{each['rule']}: {each['sentence_en']}" for each in whole["findings"])
    except (KeyError, TypeError):
        return _of_line(line)
    return Became(line["state"], rules)


def _of_line(line: Mapping[str, Any]) -> Became:
    return Became(str(line["state"]), tuple(str(each) for each in line.get("rules") or ()))


def _author(form: Kept) -> str:
    return str(orjson.loads(form.envelope)["signatures"][0]["keyid"])


def outcome_lines(forms: Sequence[Kept], became: Mapping[str, Became]) -> Iterator[str]:
    """A line for each form that does not simply count, of a few forms a line for each, and a summary."""
    counts = Counter(became[form.event].state for form in forms if form.event in became)
    shown_lines = [
        f"{named(form)}: {_state(became[form.event])}"
        for form in forms
        if form.event in became and (len(forms) <= ALL_SHOWN_MAX or became[form.event].state != _COUNTED)
    ]
    yield from shown_lines[:LINES_MAX]
    if len(shown_lines) > LINES_MAX:
        yield f"… and {len(shown_lines) - LINES_MAX:,} more"
    late = len(forms) - sum(counts.values())
    parts = [f"{count:,} {state}" for state, count in counts.most_common()]
    yield ", ".join([*parts, *([f"{late:,} not yet in the count"] if late else [])])


def _state(became: Became) -> str:
    return shown(f"{became.state}: {'; '.join(became.rules)}" if became.rules else became.state)
