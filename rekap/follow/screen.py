"""The screen of `rekap watch` and of the demo: totals, progress by area, what is held, and the connection, for any size.

`screen_lines` makes exactly the lines that fit, the state of the connection and the mode of the election always first. Each
line is cut to the width, so that nothing wraps and moves what is below.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from projections.form.across_contests import CROSS_RULES
from projections.form.always_on import ALWAYS_ON
from projections.form.rules import RULES
from rekap.follow.followed import Followed, Tally, together, turnout_of
from rekap.follow.shares import bar, per_cent
from schemas.texts import shown

SILENT_AFTER_SECONDS = 30.0
"""Time without a message after which a connection that looks open is shown as silent: twice the time between two heartbeats."""
AREAS_WITHOUT_HEIGHT, HELD_WITHOUT_HEIGHT = 60, 20
"""Rows where the output is not a terminal and has no height."""
PAGE_SECONDS = 5.0
"""How long each page of the areas is shown where they do not all fit."""
_WIDE = 120
"""Width from which on names have 44 columns and an area's leader has its name."""
_REHEARSAL = "REHEARSAL · LATIHAN · these are not results of an election"
_FIXED_LINES = 8
"""Lines that are always there: mode, election, connection, two of progress, and three headings."""


class Screen:
    """A renderable of rich, drawn anew at each refresh. `lines` are the newest lines of the demo's own output."""

    def __init__(self, followed: Followed, lines: Sequence[str] = ()) -> None:
        self._followed = followed
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or options.size.height
        below = (
            [Text(shown(line), style="dim") for line in list(self._lines)[-max(1, height // 8) :]]
            if self._lines
            else []
        )
        yield from fitted(
            [*screen_lines(self._followed, options.max_width, height - len(below), now=time.monotonic()), *below],
            options.max_width,
        )


def fitted(lines: Sequence[Text], width: int) -> list[Text]:
    """The lines, none of them longer than the width."""
    for line in lines:
        line.no_wrap = True
        line.truncate(width, overflow="ellipsis")
    return list(lines)


def screen_lines(followed: Followed, width: int, height: int | None, *, now: float) -> list[Text]:
    """The screen as lines; without a height everything up to a limit."""
    total = followed.total
    choices, areas, held = _rows(followed, height)
    lines = [*_head(followed, width, now), *_progress(total, width)]
    lines += [Text("votes", style="bold"), *_choices(followed, total, width, choices)]
    lines += _areas(followed, width, areas, now)
    lines += [_held_heading(followed), *_held(followed, held)]
    return lines if height is None else lines[:height]


def _rows(followed: Followed, height: int | None) -> tuple[int, int, int]:
    """How many choices, areas and held forms fit: at most half of the height for the choices, a quarter for what is held."""
    names, children, held = len(followed.names.lines), len(followed.children()), len(followed.rules_of_held())
    if height is None:
        return names, AREAS_WITHOUT_HEIGHT, HELD_WITHOUT_HEIGHT
    free = max(height - _FIXED_LINES, 3)
    for_held = min(held, free // 4)
    for_choices = min(names, max(1, (free - for_held) // 2, free - for_held - children))
    return for_choices, max(1, free - for_held - for_choices), for_held


# ── the head ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _head(followed: Followed, width: int, now: float) -> list[Text]:
    names = followed.names
    mode = _REHEARSAL if names.is_rehearsal else "LIVE"
    style = "bold black on yellow" if names.is_rehearsal else "bold white on blue"
    where = names.area_names.get(names.area, names.area)
    title = f"{names.office_name} · {where} · {names.title}"
    return [
        Text(_one_line(mode).center(width), style=style),
        Text(_one_line(title), style="bold"),
        _connection(followed, width, now),
    ]


def _connection(followed: Followed, width: int, now: float) -> Text:
    records = f"as of {followed.records:,} ledger records"
    age = "no numbers yet" if followed.changed_at is None else f"changed {_seconds(now - followed.changed_at)} ago"
    silence = now - followed.received_at
    match followed.connection:
        case "connecting":
            return Text(f"○ connecting for {_seconds(silence)}".ljust(width), style="black on yellow")
        case "lost":
            wait = max(0.0, followed.retry_at - now)
            sentence = f"✕ connection lost, trying again in {_seconds(wait)} · {records}, {age}"
            return Text(sentence.ljust(width), style="bold white on red")
        case "live" if silence > SILENT_AFTER_SECONDS:
            return Text(f"? silent for {_seconds(silence)} · {records}, {age}".ljust(width), style="black on yellow")
    return Text(f"● live · {records}, {age}", style="green")


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _progress(total: Tally | None, width: int) -> list[Text]:
    if total is None:
        return [Text("no form is counted yet"), Text("")]
    stations = total["stations"]
    counted, expected = stations["counted"], stations["expected"]
    label = f"stations {counted:,} of {expected:,} counted, {per_cent(counted, expected)} "
    parts = [f"{stations[state]:,} {state}" for state in ("held", "flagged", "annulled", "waiting")]
    turnout = turnout_of(total)
    if turnout is not None:
        parts.append(f"turnout {per_cent(turnout.voters, turnout.registered)}")
    parts.append(f"invalid {per_cent(total['counted'].get('invalid') or 0, total['counted'].get('total') or 0)}")
    return [
        Text(label) + Text(bar(counted, expected, max(0, min(60, width - cell_len(label)))), style="cyan"),
        Text(" · ".join(parts)),
    ]


# ── the tables ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _choices(followed: Followed, total: Tally | None, width: int, rows: int) -> list[Text]:
    votes = {} if total is None else total["counted"]["votes"]
    leaders = set() if total is None else set(total["leaders"])
    whole = sum(votes.values())
    ranked = list(followed.names.lines)
    left_out = len(ranked) - rows
    if left_out > 0:
        rows = max(1, rows - 1)
        ranked = sorted(ranked, key=lambda line: -votes.get(line.id, 0))[:rows]
        left_out = len(followed.names.lines) - rows
    lines = []
    for line in ranked:
        count = votes.get(line.id, 0)
        mark = "▶" if line.id in leaders and count else " "
        text = f"{mark} {_cell(f'{line.id} {line.name}', _name_width(width))} {count:>13,} {per_cent(count, whole):>9} "
        style = "bold" if mark == "▶" else ""
        space = max(0, min(60, width - cell_len(text)))
        lines.append(Text(text, style=style) + Text(bar(count, whole, space), style="green" if mark == "▶" else "blue"))
    if left_out > 0:
        rest = whole - sum(votes.get(line.id, 0) for line in ranked)
        lines.append(Text(f"  … {left_out:,} more with {rest:,} votes", style="dim"))
    return lines


def _areas(followed: Followed, width: int, rows: int, now: float) -> list[Text]:
    """A heading, and the areas; where they do not fit, one page of them after the other."""
    children = followed.children()
    pages = -(-len(children) // rows)
    first = int(now // PAGE_SECONDS) % pages * rows if pages > 1 else 0
    last = min(first + rows, len(children))
    lines = [
        Text("by area" + (f" ({first + 1:,} to {last:,} of {len(children):,})" if pages > 1 else ""), style="bold")
    ]
    names = {line.id: line.name for line in followed.names.lines} if width >= _WIDE else {}
    for area, tallies in children[first:last]:
        stations = together(tallies)
        counted, expected = stations["counted"], stations["expected"]
        name = _cell(area.name, _name_width(width) - 6)
        line = Text(f"  {name} {f'{counted:,}/{expected:,}':>13} {per_cent(counted, expected):>9} ")
        line.append(bar(counted, expected, 20 if width >= _WIDE else 6), style="cyan")
        held = stations["held"]
        line.append(f" {f'{held:,} held' if held else '':<9}", style="yellow")
        line.append(_leading(tallies, names))
        lines.append(line)
    return lines


def _leading(tallies: Sequence[Tally], names: dict[str, str]) -> str:
    """Who leads in an area, where it has one contest."""
    if len(tallies) != 1 or not tallies[0]["leaders"]:
        return ""
    votes = tallies[0]["counted"]["votes"]
    whole = sum(votes.values())
    leader = tallies[0]["leaders"][0]
    if not votes.get(leader):
        return ""
    return f"{_one_line(names.get(leader, leader))} {per_cent(votes[leader], whole)}"


def _held_heading(followed: Followed) -> Text:
    held = followed.held()
    if not held:
        return Text("held: none", style="bold")
    newest = ", ".join(_one_line(f"{each.station} ({' '.join(each.rules)})") for each in held[-3:])
    more = "" if followed.held_is_complete else " or more"
    return Text(f"held: {len(held):,}{more}, such as {newest}", style="bold yellow")


def _held(followed: Followed, rows: int) -> list[Text]:
    return [
        Text(f"  {count:>6,} × {rule}: {_one_line(rule_words(rule))}", style="yellow")
        for rule, count in followed.rules_of_held()[:rows]
    ]


def rule_words(rule: str) -> str:
    """What the rule requires, in the words of its documentation."""
    of_forms = {**RULES, **CROSS_RULES}.get(rule)
    if of_forms is not None:
        return (of_forms.__doc__ or "").strip().splitlines()[0]
    return ALWAYS_ON[rule][1] if rule in ALWAYS_ON else "a rule of a later version"


def _name_width(width: int) -> int:
    return 44 if width >= _WIDE else 28


def _cell(text: str, width: int) -> str:
    """The text in exactly `width` columns."""
    plain = _one_line(text)
    return set_cell_size(plain if cell_len(plain) <= width else set_cell_size(plain, width - 1) + "…", width)


def _one_line(text: str) -> str:
    return shown(text)
