"""What a witness decides, case by case as C2SP tlog-witness has them; and that it never cosigns two histories."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.merkle import consistency_proof, leaf_hash
from proofs.notes import ED25519, Checkpoint, Note, VerifierKey, sign
from proofs.witness import (
    CONFLICT,
    MALFORMED,
    NOT_CONSISTENT,
    NOT_SIGNED,
    NOTHING_SEEN,
    UNKNOWN_LOG,
    Seen,
    WitnessRefusalError,
    check_request,
    parse_request,
    request_body,
)
from tests.unit.proofs.test_merkle import Naive, naive_root

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
ORIGIN = "rekap/rehearsal/small/0"
LOG = VerifierKey(ORIGIN, ED25519, KEY.public_key().public_bytes_raw())
LEAVES = [bytes([n]) for n in range(40)]
FORKED = [*LEAVES[:7], b"another", *LEAVES[8:]]


class Tree(NamedTuple):
    leaves: list[bytes]

    def checkpoint(self, size: int, key: Ed25519PrivateKey = KEY, origin: str = ORIGIN) -> bytes:
        checkpoint = Checkpoint(origin, size, naive_root(self.leaves[:size]))
        return Note(checkpoint.text, (sign(checkpoint.text, origin, key),)).to_bytes()

    def body(self, old: int, size: int) -> bytes:
        return request_body(old, consistency_proof(old, size, Naive(self.leaves)), self.checkpoint(size))


HONEST, OTHER = Tree(LEAVES), Tree(FORKED)


def _seen(size: int) -> Seen:
    return Seen(size, naive_root(LEAVES[:size])) if size else NOTHING_SEEN


@pytest.mark.parametrize(("old", "size"), [(0, 0), (0, 1), (0, 12), (5, 5), (5, 6), (8, 40), (39, 40)])
def test_a_tree_that_goes_on_is_cosigned(old: int, size: int) -> None:
    check_request(parse_request(HONEST.body(old, size)), LOG, _seen(old))


@pytest.mark.parametrize(
    ("body", "log", "seen", "status", "known", "is_evidence"),
    [
        (HONEST.body(5, 9), None, _seen(5), UNKNOWN_LOG, None, False),
        (HONEST.body(5, 9), LOG._replace(public_key=b"\1" * 32), _seen(5), NOT_SIGNED, None, False),
        (
            request_body(5, [], HONEST.checkpoint(9, Ed25519PrivateKey.generate())),
            LOG,
            _seen(5),
            NOT_SIGNED,
            None,
            False,
        ),
        (request_body(9, [], HONEST.checkpoint(5)), LOG, _seen(9), MALFORMED, None, False),
        (HONEST.body(4, 9), LOG, _seen(5), CONFLICT, 5, False),
        (HONEST.body(0, 9), LOG, _seen(9), CONFLICT, 9, False),
        (request_body(9, [], OTHER.checkpoint(9)), LOG, _seen(9), CONFLICT, 9, True),
        (OTHER.body(0, 9), LOG, _seen(9), CONFLICT, 9, True),
        (OTHER.body(9, 12), LOG, _seen(9), NOT_CONSISTENT, None, False),
        (request_body(5, [], HONEST.checkpoint(9)), LOG, _seen(5), NOT_CONSISTENT, None, False),
        (request_body(0, [b"\0" * 32], HONEST.checkpoint(9)), LOG, _seen(0), NOT_CONSISTENT, None, False),
    ],
)
def test_what_does_not_go_on_is_refused(
    body: bytes, log: VerifierKey | None, seen: Seen, status: int, known: int | None, is_evidence: bool
) -> None:
    with pytest.raises(WitnessRefusalError) as refusal:
        check_request(parse_request(body), log, seen)
    assert (refusal.value.status, refusal.value.known_size, refusal.value.is_evidence) == (status, known, is_evidence)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old\n\n" + HONEST.checkpoint(1),
        b"old -1\n\n" + HONEST.checkpoint(1),
        b"old 01\n\n" + HONEST.checkpoint(1),
        b"new 0\n\n" + HONEST.checkpoint(1),
        b"old 0\n!!!\n\n" + HONEST.checkpoint(1),
        b"old 0\nAAAA\n\n" + HONEST.checkpoint(1),
        request_body(0, [b"\0" * 32] * 64, HONEST.checkpoint(1)),
        b"old 0\n\nno note",
        b"old 0\n\n" + HONEST.checkpoint(1).replace(b"\n1\n", b"\none\n"),
        b"old 0\n\n" + b"x" * 100_000,
    ],
)
def test_what_is_no_request_is_malformed(body: bytes) -> None:
    with pytest.raises(WitnessRefusalError) as refusal:
        check_request(parse_request(body), LOG, NOTHING_SEEN)
    assert refusal.value.status == MALFORMED


requests = st.builds(
    lambda tree, a, b, claims: (tree, min(a, b), max(a, b), claims),
    st.sampled_from([HONEST, HONEST, OTHER]),
    st.integers(0, 20),
    st.integers(0, 20),
    st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(requests, max_size=25))
def test_whatever_is_sent_the_cosigned_roots_are_those_of_one_growing_log(
    sent: list[tuple[Tree, int, int, bool]],
) -> None:
    seen, cosigned = NOTHING_SEEN, []
    for tree, old, size, claims_to_know in sent:
        request = parse_request(tree.body(min(seen.size, size) if claims_to_know else old, size))
        try:
            check_request(request, LOG, seen)
        except WitnessRefusalError:
            continue
        seen = Seen(request.checkpoint.size, request.checkpoint.root)
        cosigned.append(seen)
    sizes = [each.size for each in cosigned]
    assert sizes == sorted(sizes)
    assert any(all(each.root == naive_root(tree.leaves[: each.size]) for each in cosigned) for tree in (HONEST, OTHER))


def test_the_fork_of_these_tests_is_one() -> None:
    assert leaf_hash(LEAVES[7]) != leaf_hash(FORKED[7])
