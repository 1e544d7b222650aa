"""Whatever a log, or anybody with its checkpoints, sends in whatever order: what a witness cosigns is one history."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.notes import check_signature, parse_note
from rekap.witness.server import Witness
from rekap.witness.state import WitnessState
from tests.support.ledger import private_key
from tests.support.made_logs import KEY, ORIGIN, MadeLog, body

HISTORIES = [MadeLog(seed) for seed in ("aaaaaaaaaaaa", "aaaabbbbbbbb", "aaaaaaaabbcc", "bbbbbbbbbbbb")]
SIZE_MAX = 12


class Sent(NamedTuple):
    history: MadeLog
    old: int | None
    """None: the size that the witness claims to know."""
    size: int
    proof_of: MadeLog


SENT = st.builds(
    Sent,
    st.sampled_from(HISTORIES),
    st.none() | st.integers(0, SIZE_MAX),
    st.integers(0, SIZE_MAX),
    st.sampled_from(HISTORIES),
)


@given(st.lists(SENT, max_size=30))
@settings(deadline=None)
def test_all_that_is_ever_cosigned_is_one_history(night: list[Sent]) -> None:
    with closing(WitnessState(Path(":memory:"))) as state:
        _witness_one_history(Witness("w", private_key("witness"), state, {ORIGIN: [KEY]}), night)


def _witness_one_history(witness: Witness, night: list[Sent]) -> None:
    cosigned: list[tuple[int, bytes]] = []
    for sent in night:
        known = witness.state.heads()[ORIGIN].size if cosigned else 0
        old = known if sent.old is None else sent.old
        proof = sent.proof_of.proof(old, sent.size) if old <= sent.size else []
        answer = witness.add_checkpoint(body(old, proof, sent.history.note(sent.size)))
        is_honest = (
            all(sent.history.root(size) == root for size, root in cosigned)
            and old == known <= sent.size
            and sent.proof_of == sent.history
        )
        if is_honest:
            assert answer.status_code == 200, "an honest log is never refused"
        if answer.status_code == 200:
            signature = parse_note(b"-\n\n" + bytes(answer.body)).signatures[0]
            text = parse_note(sent.history.note(sent.size)).text
            assert check_signature(text, signature, witness.verifier_key)
            cosigned.append((sent.size, sent.history.root(sent.size)))
    assert cosigned == sorted(cosigned, key=lambda head: head[0]), "a rollback was cosigned"
    assert any(all(history.root(size) == root for size, root in cosigned) for history in HISTORIES)
    for conflict in witness.state.conflicts():
        if conflict["kind"] == "fork":
            texts = [parse_note(conflict[half].encode()).text for half in ("checkpoint", "cosigned")]
            (_, size, root, _), (_, other_size, other_root, _) = (text.split("\n") for text in texts)
            assert size == other_size
            assert root != other_root
    witness.state.close()
