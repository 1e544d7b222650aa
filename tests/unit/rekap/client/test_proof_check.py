"""What a proof file proves, and each change of a file that makes it prove nothing."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from projections.definition.compiled import Definition
from rekap.client.errors import NotProvedError, ProofFileError
from rekap.client.proof_check import Author, check
from schemas.served.proof_file import ProofFile
from tests.support.ledger import MemoryLedger, private_key
from tests.support.proof_files import COSIGNED_AT, WITNESS, log_key, proof_file
from tests.support.small_election import reported, small_package

STATION = "1.1.1-1"


def _ledger() -> tuple[MemoryLedger, int]:
    ledger = MemoryLedger(small_package())
    partition, _ = ledger.append_as("officer", reported(STATION))
    for version in (2, 3, 4):
        ledger.append_as("officer", reported(STATION, version=version))
    return ledger, partition


LEDGER, PARTITION = _ledger()
FILE = proof_file(LEDGER, PARTITION, [1, 3])
KEY = log_key(LEDGER, PARTITION)


def _changed(**fields: Any) -> ProofFile:
    """The file with other fields in its second record."""
    whole = FILE.model_dump(mode="json")
    whole["records"][1].update(fields)
    return ProofFile.model_validate(whole)


def test_a_file_proves_each_of_its_records() -> None:
    first, second = check(FILE, [KEY], [WITNESS], witnesses_min=1, definition=LEDGER.definition)
    assert (first.offset, second.offset, second.size) == (1, 3, 5)
    assert (second.body["station"], second.body["version"]) == (STATION, 3)
    assert second.witnesses == {"witness-1": COSIGNED_AT}
    assert second.author is not None
    assert second.author[1:] == ("station_officer", "N")
    assert second.fault == ""


def test_without_a_package_nothing_is_stated_about_the_author() -> None:
    for proved in check(FILE, [KEY]):
        assert (proved.author, proved.fault, proved.witnesses) == (None, "", {})


def _flipped(text: str) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[-1] ^= 1
    return base64.b64encode(raw).decode()


SECOND = FILE.records[1]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (_changed(offset=2), "leaf 2 is not under this root"),
        (_changed(offset=5), "leaf 5 is not in a tree of 5"),
        (_changed(entry=_flipped(SECOND.entry)), "leaf 3 is not under this root"),
        (_changed(entry=FILE.records[0].entry), "leaf 3 is not under this root"),
        (_changed(entry="§§"), "not valid base64"),
        (_changed(proof=[*SECOND.proof[:-1], _flipped(SECOND.proof[-1])]), "leaf 3 is not under this root"),
        (_changed(proof=SECOND.proof[:-1]), "shorter than the tree is high"),
        (_changed(proof=[*SECOND.proof, SECOND.proof[0]]), "longer than the tree is high"),
        (_changed(event=FILE.records[0].event), "not the one that the file names"),
        (_changed(event=None), "not the one that the file names"),
        (_changed(checkpoint=SECOND.checkpoint.replace("\n5\n", "\n6\n")), "is not valid for this text"),
        (_changed(checkpoint=SECOND.checkpoint.split("\n\n")[0] + "\n"), "has no signatures"),
        (_changed(checkpoint="x"), "has no signatures"),
    ],
)
def test_a_changed_record_is_not_proved(changed: ProofFile, why: str) -> None:
    with pytest.raises(NotProvedError, match=rf"^record \d of log {KEY.name}.*{why}"):
        check(changed, [KEY], [WITNESS], definition=LEDGER.definition)


def test_the_key_of_another_log_proves_nothing() -> None:
    with pytest.raises(NotProvedError, match="not signed by"):
        check(FILE, [log_key(LEDGER, PARTITION, "thief")])
    with pytest.raises(ProofFileError, match=f"no key of the log {KEY.name} was given"):
        check(FILE, [log_key(LEDGER, (PARTITION + 1) % 3)])
    with pytest.raises(ProofFileError, match="given: none"):
        check(FILE, [])


def test_a_witness_that_has_not_cosigned_does_not_count() -> None:
    other = WITNESS._replace(name="witness-2")
    with pytest.raises(NotProvedError, match="1 of the given witnesses have cosigned its checkpoint, 2 are needed"):
        check(FILE, [KEY], [WITNESS, other], witnesses_min=2)
    assert check(FILE, [KEY], [WITNESS, other], witnesses_min=1)


def test_another_package_is_refused() -> None:
    with pytest.raises(ProofFileError, match="the package is another one"):
        check(FILE, [KEY], definition=Definition.of(small_package(())))


def _with(make: Callable[[MemoryLedger], bytes]) -> tuple[Author | None, str]:
    """Author and fault of an event that is written past the gateway."""
    ledger = MemoryLedger(small_package())
    offset = ledger.append(0, make(ledger))
    (proved,) = check(proof_file(ledger, 0, [offset]), [log_key(ledger, 0)], definition=ledger.definition)
    return proved.author, proved.fault


def test_what_the_log_has_and_must_not_count_is_proved_with_its_fault() -> None:
    author, fault = _with(lambda ledger: ledger.signed("stranger", reported(STATION)))
    assert author is None
    assert fault.startswith("the package does not register its key ")
    author, fault = _with(lambda ledger: ledger.signed("officer-1", reported("2.1.1-1")))
    assert author is not None
    assert fault.startswith("K4: ")
    author, fault = _with(lambda ledger: ledger.signed("officer", {"type": "result.reviewed", "station": STATION}))
    assert author is not None
    assert fault.endswith(": is missing")
    author, fault = _with(lambda ledger: _with_another_signature(ledger.signed("officer", reported(STATION))))
    assert author is None
    assert fault.endswith(" is not valid")


def _with_another_signature(envelope: bytes) -> bytes:
    begins, name, rest = envelope.partition(b'"sig":"')
    return begins + name + base64.b64encode(private_key("officer").sign(b"something else")) + rest[88:]


def test_a_record_that_cannot_be_read_is_proved_as_such() -> None:
    ledger = MemoryLedger(small_package())
    ledger.partitions[0].append(b"not a record")
    file = proof_file(ledger, 0, [1])
    (proved,) = check(file, [log_key(ledger, 0)], definition=ledger.definition)
    assert (proved.event, proved.body) == (None, {})
    assert proved.fault.startswith("the record cannot be read (record: not JSON")
    whole = file.model_dump(mode="json")
    whole["records"][0]["event"] = "0" * 64
    with pytest.raises(NotProvedError, match="holds no event, but the file names one"):
        check(ProofFile.model_validate(whole), [log_key(ledger, 0)])


def test_an_event_under_another_definition_is_proved_and_cannot_count() -> None:
    ledger = MemoryLedger(small_package())
    other = MemoryLedger(small_package(()))
    ledger.append(0, other.signed("officer", reported(STATION)))
    (proved,) = check(proof_file(ledger, 0, [1]), [log_key(ledger, 0)])
    assert proved.fault == "it names another definition than that of the package"
