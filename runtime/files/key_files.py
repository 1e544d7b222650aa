"""Private keys in files: Ed25519 as PKCS#8 PEM, readable by their owner only, and never overwritten.

KeyFileError   a key file cannot be made or used; the message is one sentence that names the file
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from proofs.signatures import key_id
from runtime.errors import OutsideError
from runtime.files.atomic_write import create_file
from runtime.files.bounded_file import read_bounded
from schemas.definition.package import Key, Role

KEY_FILE_BYTES_MAX = 16 * 1024
"""Limit for a key file. An Ed25519 key has 119 bytes."""


class KeyFileError(OutsideError):
    """A key file cannot be made or used."""


def write_key_file(private_key: Ed25519PrivateKey, path: Path) -> None:
    """Write a new file with mode 0600. Raises KeyFileError, also where the file exists, because an overwritten key is lost."""
    pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        create_file(path, pem, mode=0o600)
    except FileExistsError:
        raise KeyFileError(f"{path} exists already; a key file is never overwritten") from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror}") from None


def load_key_file(path: Path) -> Ed25519PrivateKey:
    """The private key in a file. Raises KeyFileError where the file is missing or does not hold an Ed25519 key."""
    pem = read_bounded(path, KEY_FILE_BYTES_MAX, "a key file", KeyFileError)
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise KeyFileError(f"{path} is locked with a password, which Rekap does not ask for; unlock it first") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFileError(f"{path} is not a private key in PEM form") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} holds a key of another kind; Rekap signs with Ed25519")
    return key


def load_or_make_key_file(path: Path) -> Ed25519PrivateKey:
    """The private key in a file, which is made if it does not exist. Raises KeyFileError."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_key_file(Ed25519PrivateKey.generate(), path)
        except KeyFileError:
            if not path.exists():  # otherwise another process was faster
                raise
    return load_key_file(path)


def public_row(private_key: Ed25519PrivateKey, role: Role, scope: str, holder: str | None) -> Key:
    """The row of `keys.csv` that registers the key. Raises ValidationError where scope or holder does not have its shape."""
    public_key = private_key.public_key().public_bytes_raw()
    return Key(
        key_id=key_id(public_key),
        public_key=b64encode(public_key).decode(),
        role=role,
        scope=scope,
        holder=holder,
    )
