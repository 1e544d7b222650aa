"""`rekap verify`: check a proof file without a server, and state what it proves."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from proofs.notes import NoteError, VerifierKey, parse_key
from rekap.client.errors import ProofFileError
from rekap.client.proof_check import Proved, check
from rekap.client.proof_files import read
from rekap.terminal import print_lines
from runtime.package.reading import load_package
from schemas.texts import shown
from schemas.times import time_text

FIELDS_SHOWN = ("station", "contest", "version", "decision", "through_version")


@click.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--key", "keys", multiple=True, metavar="KEY", help="verifier key of the log, from another source than the file"
)
@click.option("--witness", "witnesses", multiple=True, metavar="KEY", help="verifier key of a witness that you trust")
@click.option(
    "--witnesses-min", type=click.IntRange(0), help="how many of them must have cosigned  [default: all that are given]"
)
@click.option("--package", type=click.Path(path_type=Path), help="the election package: who may report what")
def verify(
    file: Path, keys: tuple[str, ...], witnesses: tuple[str, ...], witnesses_min: int | None, package: Path | None
) -> None:
    """Check a FILE of `rekap proof`, and state what it proves. No server is asked.

    With --package, also the signatures of the events are checked, and whether their keys may report this.

    Exit codes: 0 proved; 1 not proved; 2 the file, a key or the package cannot be used.

    \b
    Examples:
      rekap verify station.proof.json --key rekap/live/pilpres-2029/0+12ab34cd+AQID
      rekap verify station.proof.json --key rekap/live/pilpres-2029/0+12ab34cd+AQID --package my-election
    """
    proof_file = read(file)
    if not keys:
        raise ProofFileError(
            "--key is missing: without the log's key from another source, a file proves nothing. The file itself names "
            + ", ".join(shown(each) for each in proof_file.log_keys)
        )
    definition = None if package is None else Definition.of(load_package(package, problems))
    trusted = _keys("--witness", witnesses)
    proved = check(
        proof_file,
        _keys("--key", keys),
        trusted,
        witnesses_min=len(trusted) if witnesses_min is None else witnesses_min,
        definition=definition,
    )
    for each in proved:
        print_lines(*_lines(each))
    print_lines("", *_conclusion(proved, proof_file.package.definition, definition))


def _keys(option: str, texts: tuple[str, ...]) -> list[VerifierKey]:
    try:
        return [parse_key(text) for text in texts]
    except NoteError as error:
        raise ProofFileError(f"{option}: {error}") from None


def _lines(proved: Proved) -> list[str]:
    fields = " ".join(f"{name} {shown(proved.body[name])}" for name in FIELDS_SHOWN if name in proved.body)
    kind = shown(proved.body.get("type", "no event that can be read"))
    lines = [
        f"{shown(proved.log)} record {proved.offset:,}: {kind} {fields}".rstrip(),
        f"  under a checkpoint of {proved.size:,} records, signed by the log's key",
    ]
    if proved.event is not None:
        lines.insert(1, f"  event {proved.event}")
    for name, time in proved.witnesses.items():
        lines.append(f"  cosigned by {shown(name)} at {_time(time)}")
    if proved.author is not None:
        key, role, scope = proved.author
        lines.append(f"  signed by key {key}, {role} of {scope}")
    if proved.fault:
        lines.append(f"  it does not count: {proved.fault}")
    return lines


def _time(seconds: int) -> str:
    """A witness whose clock is far off may sign a time that no calendar has."""
    try:
        return time_text(datetime.fromtimestamp(seconds, UTC), "seconds")
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s after 1970"


def _conclusion(proved: list[Proved], definition_hash: str, definition: Definition | None) -> list[str]:
    what = "this record" if len(proved) == 1 else f"these {len(proved):,} records"
    cosigned = all(each.witnesses for each in proved)
    return [
        f"PROVED: the log has {what}, unchanged, where the file states.",
        "Not proved: that a record counts (a later version, a review or an annulment may replace it), or that the log has no "
        "others.",
        *(
            []
            if cosigned
            else ["Not proved: that others are shown the same log. --witness with a key that you trust proves it."]
        ),
        *(
            []
            if definition is not None
            else [f"Not proved: who signed. --package with the package of the definition {definition_hash} proves it."]
        ),
    ]
