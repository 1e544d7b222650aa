"""The keys that the logs' checkpoints must be signed with: given by the auditor, or pinned when first seen."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from audit.findings import AuditError, TamperedError
from audit.sources.archive import Archive
from proofs.notes import NoteError, VerifierKey, parse_key

KEYS_FILE = "keys"
PINS = "pins.json"


class Keys:
    """The keys that checkpoints must be signed with."""

    def __init__(self, given: Sequence[str], witnesses: Sequence[str], witnesses_min: int) -> None:
        """Raises NoteError where one is not a key."""
        self.given = {key.name: key for key in map(parse_key, given)}
        self.witnesses = tuple(parse_key(text) for text in witnesses)
        self.witnesses_min = witnesses_min
        self.pinned_now: list[str] = []
        """Origins whose key was taken from the source itself, because there is nothing to compare it with the first time."""

    def of(self, archive: Archive, partition: int, origin: str) -> list[VerifierKey]:
        """The log's key and its clock's. Raises TamperedError where the key is another than before."""
        where = f"log {partition}"
        served = archive.newest(f"log/{partition}/{KEYS_FILE}")
        if served is None:
            raise AuditError(f"log {partition} has no file {KEYS_FILE!r}; is this the address of a Rekap server?")
        try:
            keys = [parse_key(line) for line in served.decode().splitlines()]
        except (NoteError, UnicodeDecodeError) as error:
            raise TamperedError(where, f"its keys cannot be read: {error}") from None
        if not keys:
            raise TamperedError(where, "it names no key")
        pins: dict[str, str] = orjson.loads(archive.kept(PINS) or b"{}")
        expected = self.given.get(origin) or (parse_key(pins[origin]) if origin in pins else None)
        if expected is None:
            self.pinned_now.append(origin)
            archive.keep(PINS, orjson.dumps({**pins, origin: str(keys[0])}, option=orjson.OPT_INDENT_2))
        elif keys[0] != expected:
            raise TamperedError(where, f"the log's key is {keys[0]}, but {expected} was pinned")
        archive.keep(f"log/{partition}/{KEYS_FILE}", served)
        return keys
