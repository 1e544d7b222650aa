"""Signatures, Merkle trees and what can be proved with them: pure functions from bytes to bytes.

In     payloads, records, keys
Does   Ed25519 envelopes (DSSE), RFC 6962 trees, C2SP tlog-tiles, checkpoints and cosignatures, a witness's decision
Out    signatures, hashes, proofs, and whether they are valid

This is the only package that the auditor shares with the server. It is tested with published vectors. DESIGN 3 and 5.

Errors, each with a sentence that states the reason:

    ProofError       merkle.py        a proof does not prove what it should (also a ValueError)
    NoteError        notes.py         a note, checkpoint or key is malformed, or lacks a valid signature (also a ValueError)
    UnfitKeyError    signatures.py    a public key must not be registered (also a ValueError)
    TileError        tiles.py         a tile or bundle is missing or malformed (also a ValueError)
    RefusedError     witness.py       a witness refuses a request, with a status of C2SP tlog-witness
Read next: signatures.py, merkle.py, growing_log.py, notes.py, witness.py.
"""
