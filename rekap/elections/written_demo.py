"""The demo's election with new keys, written as a package: what the demo and the benches begin with."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rekap.elections.demo import KeySlot, demo_package, key_slots
from rekap.elections.demo_maps import write_demo_maps
from rekap.elections.demo_profiles import demo_profiles
from runtime.package.writing import write_package
from schemas.definition.package import ElectionPackage, Role


class WrittenDemo(NamedTuple):
    package: ElectionPackage
    keys: dict[KeySlot, Ed25519PrivateKey]
    authority: Ed25519PrivateKey
    """The key that opens the election."""


def write_demo(directory: Path, *, stations: int, seed: int = 1) -> WrittenDemo:
    """Make the package and a key for each of `key_slots()`, and write the package into `directory`. Raises as `demo_package`
    and `write_package`."""
    keys = {slot: Ed25519PrivateKey.generate() for slot in key_slots()}
    public = {slot: key.public_key().public_bytes_raw() for slot, key in keys.items()}
    package = demo_package(stations=stations, seed=seed, public_keys=public)
    write_package(package, directory, demo_profiles(package))
    write_demo_maps(package, directory)
    authority = next(key for slot, key in keys.items() if slot.role is Role.AUTHORITY)
    return WrittenDemo(package, keys, authority)
