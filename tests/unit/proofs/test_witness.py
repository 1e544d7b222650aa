"""Each answer of C2SP tlog-witness, and what is kept as evidence."""

from __future__ import annotations

import base64

import pytest

from proofs.notes import COSIGNATURE, ED25519, VerifierKey
from proofs.witness import (
    BODY_BYTES_MAX,
    NOTHING_YET,
    SIZE_TYPE,
    Conflict,
    Decision,
    Head,
    RefusedError,
    decide,
    read_request,
)
from tests.support.ledger import private_key
from tests.support.made_logs import KEY, ORIGIN, MadeLog, body

HONEST, FORKED = MadeLog("aaaaaaaaaa"), MadeLog("aaaabbbbbb")
LOGS = {ORIGIN: [KEY]}
HASH = base64.b64encode(b"\7" * 32)


def _decide(request: bytes, head: Head) -> Decision:
    return decide(read_request(request, LOGS), head)


def _head(size: int) -> Head:
    return Head(size, HONEST.root(size))


@pytest.mark.parametrize(("old", "size"), [(0, 1), (0, 7), (1, 2), (3, 7), (4, 8), (7, 8), (6, 6), (0, 0)])
def test_what_continues_the_head_is_cosigned(old: int, size: int) -> None:
    head = _head(old) if old else NOTHING_YET
    assert _decide(HONEST.request(old, size), head).status == 200


@pytest.mark.parametrize(
    ("request_", "head", "status", "conflict"),
    [
        pytest.param(body(8, [], HONEST.note(7)), 8, 400, None, id="the old size is larger than the checkpoint's"),
        pytest.param(HONEST.request(0, 7), 5, 409, None, id="the client does not know the size yet"),
        pytest.param(HONEST.request(3, 7), 5, 409, None, id="another old size, with a proof that holds"),
        pytest.param(HONEST.request(3, 3), 5, 409, None, id="a rollback"),
        pytest.param(FORKED.request(5, 5), 5, 409, Conflict.FORK, id="another root for the same size"),
        pytest.param(FORKED.request(0, 5), 5, 409, Conflict.FORK, id="another root, whatever old size is claimed"),
        pytest.param(body(6, [], FORKED.note(5)), 5, 400, Conflict.FORK, id="another root, in a senseless request"),
        pytest.param(FORKED.request(5, 7), 5, 422, Conflict.UNPROVED, id="a fork with the proof of its own history"),
        pytest.param(body(5, [], HONEST.note(7)), 5, 422, Conflict.UNPROVED, id="no proof"),
        pytest.param(body(5, [b"x" * 32] * 63, HONEST.note(7)), 5, 422, Conflict.UNPROVED, id="a proof too long"),
        pytest.param(body(5, [b"x" * 32], HONEST.note(5)), 5, 422, None, id="a proof where none is needed"),
        pytest.param(body(0, [b"x" * 32], HONEST.note(5)), 0, 422, None, id="a proof from the empty tree"),
        pytest.param(MadeLog("b").request(1, 1), 1, 409, Conflict.FORK, id="another first leaf"),
        pytest.param(body(1, [], HONEST.note(7)), 1, 422, Conflict.UNPROVED, id="no proof from the first leaf"),
        pytest.param(body(6, [], HONEST.note(5)), 5, 400, None, id="the cosigned tree, in a senseless request"),
        pytest.param(HONEST.request(3, 5), 5, 409, None, id="the cosigned tree from another size"),
        pytest.param(body(0, [], HONEST.note(0, root=b"x" * 32)), 0, 409, None, id="an empty tree with another root"),
    ],
)
def test_what_does_not_is_refused(request_: bytes, head: int, status: int, conflict: Conflict | None) -> None:
    decision = _decide(request_, _head(head) if head else NOTHING_YET)
    assert (decision.status, decision.conflict) == (status, conflict)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"", 400),
        (b"old 0\n" + HONEST.note(1), 400),
        (b"new 0\n\n" + HONEST.note(1), 400),
        (b"old  0\n\n" + HONEST.note(1), 400),
        (b"old 0 \n\n" + HONEST.note(1), 400),
        (body("00", [], HONEST.note(1)), 400),
        (body("01", [], HONEST.note(1)), 400),
        (body("-1", [], HONEST.note(1)), 400),
        (body("²", [], HONEST.note(1)), 400),
        (body("1" * 5000, [], HONEST.note(1)), 400),
        (body("", [], HONEST.note(1)), 400),
        (body(0, [b"x" * 31], HONEST.note(1)), 400),
        (b"old 1\n" + HASH[:-1] + b"\n\n" + HONEST.note(2), 400),
        (b"old 1\n" + HASH + b"\r\n\n" + HONEST.note(2), 400),
        (b"old 1\n" + HASH[:-2] + b"d=\n\n" + HONEST.note(2), 400),
        (body(1, [b"x" * 32] * 64, HONEST.note(2)), 400),
        (body(0, [], b"no checkpoint"), 400),
        (body(0, [], b"text\n\n\xe2\x80\x94 name AAAAAAA=\n"), 400),
        (body(0, [], HONEST.note(1)) + b"\n" * BODY_BYTES_MAX, 400),
        (body(0, [], MadeLog("a", "another/log").note(1)), 404),
        (body(0, [], HONEST.note(1, by="another")), 403),
        (body(0, [], HONEST.note(1).replace(b"\n1\n", b"\n2\n")), 403),
    ],
)
def test_what_is_no_request_about_a_known_log_is_refused_whatever_is_remembered(request_: bytes, status: int) -> None:
    with pytest.raises(RefusedError) as refused:
        read_request(request_, LOGS)
    assert refused.value.status == status, refused.value


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (b"x" * BODY_BYTES_MAX, "the request has no empty line before the checkpoint"),
        (b"x" * (BODY_BYTES_MAX + 1), "the request has more than 69,632 bytes"),
        (b"old 0\n" + HONEST.note(1).partition(b"\n\n")[0], "the request has no empty line before the checkpoint"),
        (b"new 0\n\n" + HONEST.note(1), "the first line is not 'old' and a size"),
        (b"old 1\n\xff\n\n" + HONEST.note(2), "is not a hash of 32 bytes in base64"),
        (b"old 1\n " + HASH + b"\n\n" + HONEST.note(2), "is not a hash of 32 bytes in base64"),
        (body(1, [b"x" * 32] * 64, HONEST.note(2)), "the proof has more than 63 hashes"),
    ],
)
def test_a_refusal_names_what_the_request_lacks(request_: bytes, sentence: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read_request(request_, LOGS)
    assert str(refused.value).endswith(sentence)


def test_any_of_a_logs_keys_is_enough_and_other_signatures_are_left_out() -> None:
    another = VerifierKey(ORIGIN, ED25519, private_key("another").public_key().public_bytes_raw())
    stranger = HONEST.note(1, by="stranger").splitlines(keepends=True)[-1]
    request = read_request(body(0, [], HONEST.note(1) + stranger), {ORIGIN: [another, KEY]})
    assert request.note.to_bytes() == HONEST.note(1)


def test_a_cosignature_does_not_stand_for_the_logs_own() -> None:
    clock = VerifierKey(ORIGIN, COSIGNATURE, KEY.public_key)
    with pytest.raises(RefusedError, match="not signed by a known key"):
        read_request(HONEST.request(0, 1), {ORIGIN: [clock]})


def test_sizes_are_answered_in_the_media_type_of_the_specification() -> None:
    assert SIZE_TYPE == "text/x.tlog.size"


def test_evidence_is_stored_under_the_same_words_in_each_version() -> None:
    assert {each.name: each.value for each in Conflict} == {"FORK": "fork", "UNPROVED": "unproved"}
