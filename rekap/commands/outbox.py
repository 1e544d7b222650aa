"""`rekap outbox`: list what waits, was delivered or refused, and decide about it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click
import orjson

from proofs.notes import NoteError
from rekap.client.belief import gateway_key, short
from rekap.station.delivery import reason
from rekap.station.errors import OutboxError
from rekap.station.outbox import (
    DELIVERED,
    DROPPED,
    REFUSED,
    STATES,
    WAITING,
    Kept,
    opened_outbox,
    payload_of,
)
from rekap.terminal import complain, print_lines

_OUTBOX = click.option(
    "--outbox", "path", type=click.Path(path_type=Path), default=Path("outbox.sqlite"), show_default=True,
    help="file of the outbox",
)  # fmt: skip


@click.group("outbox")
def outbox() -> None:
    """List what `rekap submit` keeps (forms that wait, receipts, refusals, believed gateways), and decide about it."""


@outbox.command("list")
@_OUTBOX
@click.option("--state", type=click.Choice(STATES), help="only forms in this state")
def list_forms(path: Path, state: str | None) -> None:
    """Print a line for each form: event id, state, what it is, and why it waits or was refused.

    \b
    Examples:
      rekap outbox list
      rekap outbox list --state refused --outbox /media/usb/outbox.sqlite
    """
    counts: Counter[str] = Counter()
    with opened_outbox(path, must_exist=True) as opened:
        for form in opened.all(state):
            counts[form.state] += 1
            print_lines(line(form))
    complain(", ".join(f"{counts[each]:,} {each}" for each in STATES if counts[each]) or "nothing is in the outbox")


@outbox.command("show")
@_OUTBOX
@click.argument("event")
def show(path: Path, event: str) -> None:
    """Print all of one form: what was signed, and the receipt, the refusal, or why it waits. EVENT is an event id, or the
    beginning of one.

    \b
    Example:
      rekap outbox show 3f1c0a9b
    """
    with opened_outbox(path, must_exist=True) as opened:
        form = opened.find(event)
        print_lines(line(form), f"election {form.election.id} ({form.election.mode}), sent {form.attempts} times")
        shown = {"event": orjson.loads(payload_of(form.envelope))}
        if form.answer is not None:
            shown["answer"] = form.answer
        print_lines(*orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode().split("\n"))


@outbox.command("drop")
@_OUTBOX
@click.argument("events", nargs=-1, required=True)
def drop(path: Path, events: tuple[str, ...]) -> None:
    """Do not deliver forms that wait. A form that was never sent, and is the newest of its key, is deleted as if it had
    never been signed. A form that was sent may be in the ledger all the same. The file keeps it, and `retry` lets it wait
    again.

    \b
    Example:
      rekap outbox drop 3f1c0a9b
    """
    with opened_outbox(path, must_exist=True) as opened:
        for form in [opened.find(event) for event in events]:
            print_lines(f"{form.event[:16]} {form.title} is dropped: {opened.drop(form)}")


@outbox.command("retry")
@_OUTBOX
@click.argument("events", nargs=-1)
@click.option("--all-refused", is_flag=True, help="every form that was refused")
def retry(path: Path, events: tuple[str, ...], all_refused: bool) -> None:
    """Let forms that were refused or dropped wait again, so that the next `rekap submit` delivers them.

    \b
    Examples:
      rekap outbox retry 3f1c0a9b
      rekap outbox retry --all-refused
    """
    if not events and not all_refused:
        raise click.UsageError("name the events, or give --all-refused")
    with opened_outbox(path, must_exist=True) as opened:
        forms = [opened.find(event) for event in events] + (list(opened.all(REFUSED)) if all_refused else [])
        for form in forms:
            opened.retry(form)
        print_lines(f"{len(forms):,} wait again")


@outbox.command("gateways")
@_OUTBOX
@click.option(
    "--forget", metavar="KEY", help="no longer believe this key, given as it is shown or as a gateway shows it"
)
def gateways(path: Path, forget: str | None) -> None:
    """List the keys of gateways that are believed, since when, and why.

    \b
    Examples:
      rekap outbox gateways
      rekap outbox gateways --forget KEY
    """
    with opened_outbox(path, must_exist=True) as opened:
        if forget is not None:
            wanted = _short(forget)
            found = next((each for each in opened.pinned_keys.all() if short(each.public_key) == wanted), None)
            if found is None:
                raise OutboxError("no such key is believed; `rekap outbox gateways` shows those that are")
            opened.pinned_keys.unpin(found.public_key)
            print_lines(f"{wanted} is no longer believed")
            return
        believed = opened.pinned_keys.all()
        if not believed:
            complain("no gateway's key is believed yet: the first `rekap submit` that reaches a gateway keeps its key")
        for each in believed:
            print_lines(
                f"{short(each.public_key)} {each.election.mode} {each.election.id} since {each.pinned_at} {each.how}"
            )


def _short(text: str) -> str:
    try:
        return short(gateway_key(text)[1])
    except NoteError:
        return text.strip()


def line(form: Kept) -> str:
    """A form as one line."""
    begins = f"{form.event} {form.state} {form.title}"
    match form.state, form.answer:
        case (state, answer) if state == DELIVERED and answer is not None:
            return f"{begins} partition={answer['partition']} offset={answer['offset']}"
        case (state, answer) if state == REFUSED and answer is not None:
            return f"{begins} ({answer['status']}) {reason(answer)}"
        case (state, _) if state in (WAITING, DROPPED) and form.last:
            return f"{begins} ({form.last})"
    return begins
