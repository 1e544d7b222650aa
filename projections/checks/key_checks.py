"""The keys: each once, with the id that follows from its bytes, and a scope that exists."""

from __future__ import annotations

import base64
import binascii
import itertools

from projections.checks.lookups import AREA_OR_STATION, PackageCheck
from proofs.signatures import UnfitKeyError, key_id, load_public_key


def check_keys(check: PackageCheck) -> None:
    check.given_once("keys", "key_id", "key", (key.key_id for key in check.package.keys))
    for row, key in enumerate(check.package.keys):
        if key.scope not in check.area_row and key.scope not in check.station_row:
            known = itertools.chain(check.area_row, check.station_row)
            check.found.add("keys", row, "scope", check.unknown(key.scope, AREA_OR_STATION, known))
        try:
            public_key = base64.b64decode(key.public_key, validate=True)
            load_public_key(public_key)
        except (binascii.Error, UnfitKeyError) as error:
            check.found.add("keys", row, "public_key", str(error))
            continue
        if base64.b64encode(public_key).decode() != key.public_key:
            # The last base64 digit has bits that belong to no byte, so that two spellings would make two definitions of
            # one key.
            check.found.add("keys", row, "public_key", "is not in the one base64 form of its bytes")
        if key.key_id != key_id(public_key):
            sentence = (
                f"{key.key_id} is not the id of this public key, which is {key_id(public_key)} "
                "(the first 16 hexadecimal digits of the SHA-256 of its 32 bytes)"
            )
            check.found.add("keys", row, "key_id", sentence)
