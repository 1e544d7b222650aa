"""Names of logs, and the texts that gateways sign, to the byte: outboxes and auditors compare them."""

from __future__ import annotations

from pathlib import PurePosixPath

from schemas.served.logs import clock_name, folder_of, gateway_name, origin_of, receipt_text, refusal_text
from tests.support.small_election import small_package

ELECTION = small_package().election


def test_names_have_mode_and_election() -> None:
    assert origin_of(ELECTION, 3) == f"rekap/{ELECTION.mode.value}/{ELECTION.id}/3"
    assert clock_name(origin_of(ELECTION, 3)) == f"{origin_of(ELECTION, 3)}/time"
    assert gateway_name(ELECTION, "gateway-1") == f"rekap/{ELECTION.mode.value}/{ELECTION.id}/gateway-1"
    assert folder_of(ELECTION, 3) == PurePosixPath(ELECTION.mode.value, ELECTION.id, "3")


def test_a_receipt_names_the_record_and_its_offset() -> None:
    assert receipt_text("small", "ab" * 32, 2, 17, "cd" * 32, "2029-02-14T13:00:03.512Z") == (
        f"rekap receipt v1\nelection small\nsubmission {'ab' * 32}\npartition 2\noffset 17\nleaf {'cd' * 32}\n"
        "received 2029-02-14T13:00:03.512Z\n"
    )


def test_a_refusal_names_the_envelope_and_all_of_the_problem_but_its_signature() -> None:
    problem = {"status": 422, "title": "Wrong", "detail": "Not this."}
    text = refusal_text("small", b"{}", problem)
    assert text == (
        "rekap refusal v1\nelection small\n"
        "envelope 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\nstatus 422\n"
        f"problem {text.rpartition(' ')[2]}"
    )
    assert refusal_text("small", b"{}", {**problem, "signed": "a note"}) == text
    assert refusal_text("small", b"{}", {**problem, "detail": "Not that."}) != text
