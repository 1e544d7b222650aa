"""Notes, checkpoints and cosignatures by C2SP, against Go's example, and what must not be taken for one."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.notes import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    Note,
    NoteError,
    Signature,
    VerifierKey,
    check_signature,
    cosign,
    is_key_name,
    open_checkpoint,
    parse_checkpoint,
    parse_key,
    parse_note,
    parse_size,
    sign,
)
from tests.support.ledger import private_key

GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ORIGIN = "rekap/rehearsal/small/0"
LOG = VerifierKey(ORIGIN, ED25519, private_key("log").public_key().public_bytes_raw())
WITNESS = VerifierKey("witness-1", COSIGNATURE, private_key("witness").public_key().public_bytes_raw())
TEXT = Checkpoint(ORIGIN, 7, b"\7" * 32).text
ROOT = b64encode(b"\7" * 32).decode()


def _checkpoint(*, by: str = "log", text: str = TEXT, time: int | None = None) -> bytes:
    signatures = [sign(text, ORIGIN, private_key(by))]
    if time is not None:
        signatures.append(cosign(text, "witness-1", private_key("witness"), time))
    return Note(text, tuple(signatures)).to_bytes()


def test_the_note_of_go_is_read_and_its_signature_holds() -> None:
    """The example of golang.org/x/mod/sumdb/note."""
    key, note = parse_key(GO_KEY), parse_note(GO_NOTE.encode())
    assert str(key) == GO_KEY
    assert note.to_bytes() == GO_NOTE.encode()
    check_signature(note.text, note.signatures[0], key)
    with pytest.raises(NoteError, match="is not valid for this text"):
        check_signature(note.text + "x", note.signatures[0], key)


def test_a_checkpoint_has_its_witnesses_and_their_times() -> None:
    opened = open_checkpoint(_checkpoint(time=1_866_000_000), LOG, [WITNESS])
    assert opened.checkpoint == Checkpoint(ORIGIN, 7, b"\7" * 32)
    assert opened.witnesses == {"witness-1": 1_866_000_000}
    assert open_checkpoint(_checkpoint(time=1), LOG).witnesses == {}, "unknown keys are ignored"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (_checkpoint(by="another"), "is not signed by"),
        (_checkpoint(text=TEXT.replace("/0", "/1")), "has the origin"),
        (_checkpoint().replace(b"\n7\n", b"\n8\n"), "is not valid for this text"),
        (_checkpoint(time=5).replace(b"witness-1", b"witness-2"), None),
        (b"no note", "has no signatures"),
        ("— a AAAAAAA=\n".encode(), "has no signatures"),
        ("a\n\n— a AAAAAAAAx".encode(), "has no signatures"),
        (b"a\x1fb\n\nx\n", "control character"),
        (b"a\n\nb\n", "is not a signature line"),
        (b"\xff", "is not UTF-8"),
        (b"a\tb\n\n" + b"x", "control character"),
    ],
)
def test_data_that_is_not_a_checkpoint_of_this_log_is_refused(data: bytes, sentence: str | None) -> None:
    if sentence is None:
        assert open_checkpoint(data, LOG, [WITNESS]).witnesses == {}
        return
    with pytest.raises(NoteError, match=sentence):
        open_checkpoint(data, LOG, [WITNESS])


def test_a_log_signs_with_type_1_and_a_witness_cosigns_with_type_4() -> None:
    """C2SP signed-note and tlog-cosignature: the type is one of the bytes that the hash of a key is made of."""
    public = private_key("witness").public_key().public_bytes_raw()
    for key, kind in ((LOG._replace(name="w", public_key=public), 1), (WITNESS._replace(name="w"), 4)):
        assert key.key_hash == sha256(b"w\n" + bytes([kind]) + public).digest()[:4]
        assert b64decode(str(key).split("+", 2)[2]) == bytes([kind]) + public


def test_a_cosignature_is_of_text_and_time() -> None:
    signature = cosign(TEXT, "witness-1", private_key("witness"), 100)
    assert check_signature(TEXT, signature, WITNESS) == 100
    later = signature._replace(signature=(101).to_bytes(8, "big") + signature.signature[8:])
    with pytest.raises(NoteError):
        check_signature(TEXT, later, WITNESS)


@pytest.mark.parametrize(
    "text", ["o\n07\nAA==\n", "o\n-1\nAA==\n", "o\n7\nAA==\n", "o\n7\n", "\n7\nx\n", "o\n7\nx\n\n"]
)
def test_a_checkpoint_has_one_form(text: str) -> None:
    with pytest.raises(NoteError):
        parse_checkpoint(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_note_or_refused(data: bytes) -> None:
    try:
        parse_note(data)
    except NoteError:
        return


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("PeterNeumann", "is not a verifier key"),
        ("PeterNeumann+c74f20a3+!", "is not a verifier key"),
        (f"PeterNeumann+c74f20a3+{b64encode(bytes([2]) + bytes(32)).decode()}", "has an unknown type"),
        (f"PeterNeumann+c74f20a3+{b64encode(bytes([1]) + bytes(31)).decode()}", "has an unknown type"),
        (GO_KEY.replace("c74f20a3", "c74f20a4"), "does not have the hash c74f20a4"),
    ],
)
def test_a_text_that_is_not_a_key_is_refused(key: str, sentence: str) -> None:
    with pytest.raises(NoteError, match=sentence):
        parse_key(key)


def test_a_note_has_a_largest_size_and_a_largest_number_of_signatures() -> None:
    line = GO_NOTE.rpartition("\n\n")[2]
    assert len(parse_note(("a\n\n" + line * 64).encode()).signatures) == 64
    with pytest.raises(NoteError, match="more than 64 signatures"):
        parse_note(("a\n\n" + line * 65).encode())
    longest = ("a" * (65_536 - len(f"\n\n{line}".encode())) + "\n\n" + line).encode()
    assert len(longest) == 65_536
    parse_note(longest)
    with pytest.raises(NoteError, match="more than 65,536 bytes"):
        parse_note(b"a" + longest)


@pytest.mark.parametrize(
    "line",
    [
        "a AAAAAAA=",
        "— a AAAAAA==",
        "— a AAAA!AAA=",
        "- a AAAAAAA=",
        "— a+b AAAAAAA=",
        "— a AAAA",
        "— a !",
        "— AAAAAAA=",
        "—",
    ],
)
def test_a_line_that_is_not_a_signature_is_refused(line: str) -> None:
    with pytest.raises(NoteError, match="is not a signature line"):
        parse_note(f"a\n\n{line}\n".encode())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("origin\n7\n", "must have an origin, a size and a root"),
        ("\n7\nroot\n", "must have an origin, a size and a root"),
        ("origin\n7\nroot\n\n", "must have an origin, a size and a root"),
        ("origin\n7\nroot", "must have an origin, a size and a root"),
        (f"origin\n7\n{ROOT}\nextension", "must have an origin, a size and a root"),
        (f"origin\n7\n{ROOT[:8]}!{ROOT[8:]}\n", "the root is not 32 bytes"),
        ("origin\n7\n!\n", "the root is not 32 bytes"),
        ("origin\n7\nAAAA\n", "the root is not 32 bytes"),
        ("origin\n07\nAAAA\n", "is not the size of a tree"),
    ],
)
def test_a_text_that_is_not_a_checkpoint_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(NoteError, match=sentence):
        parse_checkpoint(text)


def test_a_size_is_written_in_one_way() -> None:
    assert [parse_size(text) for text in ("0", "7", "9" * 18)] == [0, 7, 10**18 - 1]
    for text in ("", "00", "07", "-1", "+1", " 1", "1e3", "٧", "1" + "0" * 18):
        with pytest.raises(NoteError, match="is not the size of a tree"):
            parse_size(text)


def test_a_signature_of_another_key_or_of_a_wrong_length_is_refused() -> None:
    signature = cosign(TEXT, "witness-1", private_key("witness"), 100)
    with pytest.raises(NoteError, match="is by another key"):
        check_signature(TEXT, signature, LOG)
    with pytest.raises(NoteError, match="is by another key"):
        check_signature(TEXT, signature._replace(key_hash=bytes(4)), WITNESS)
    with pytest.raises(NoteError, match="the signature of 'witness-2' is by another key"):
        check_signature(TEXT, signature._replace(name="witness-2"), WITNESS)
    with pytest.raises(NoteError, match="has a wrong length"):
        check_signature(TEXT, signature._replace(signature=signature.signature + b"x"), WITNESS)


def test_a_signature_without_a_time_is_not_a_cosignature() -> None:
    """A key of type 1 signs no time, so what it signs is not listed with the witnesses."""
    plain = VerifierKey("witness-1", ED25519, WITNESS.public_key)
    note = Note(TEXT, (sign(TEXT, ORIGIN, private_key("log")), sign(TEXT, "witness-1", private_key("witness"))))
    assert open_checkpoint(note.to_bytes(), LOG, [plain]).witnesses == {}


def test_the_shortest_signature_has_a_byte_beside_the_hash_of_its_key() -> None:
    assert parse_note("a b\n\n— a AAAAAAA=\n".encode()) == Note("a b\n", (Signature("a", bytes(4), bytes(1)),))


def test_a_key_whose_bytes_are_written_with_a_plus_sign_is_read() -> None:
    key = VerifierKey("log", ED25519, bytes(2) + b"\xfb\xef\xbe" * 10)
    assert str(key).count("+") > 2
    assert parse_key(str(key)) == key


@pytest.mark.parametrize(
    ("name", "is_valid"),
    [("log/1", True), ("", False), (" ", False), ("a b", False), ("a\u2003", False), ("a+b", False)],
)
def test_the_name_of_a_key_has_neither_spaces_nor_plus_signs(name: str, is_valid: bool) -> None:
    assert is_key_name(name) is is_valid


def test_an_origin_may_have_another_name_than_the_key_that_signs_for_it() -> None:
    signer = VerifierKey("signer", ED25519, LOG.public_key)
    data = Note(TEXT, (sign(TEXT, "signer", private_key("log")),)).to_bytes()
    assert open_checkpoint(data, signer, origin=ORIGIN).checkpoint.origin == ORIGIN
    with pytest.raises(NoteError, match="expected 'signer'"):
        open_checkpoint(data, signer)


def test_a_log_that_is_among_its_witnesses_signs_as_the_log() -> None:
    assert open_checkpoint(_checkpoint(), LOG, [LOG._replace()]).witnesses == {}
