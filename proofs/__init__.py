"""Signatures, Merkle trees and what can be proved with them: pure functions from bytes to bytes.

In     payloads, records, keys
Does   Ed25519 envelopes (DSSE), RFC 6962 trees, C2SP tlog-tiles, checkpoints and cosignatures, a witness's decision
Out    signatures, hashes, proofs, and whether they are valid

This is the only package that the auditor shares with the server. It is tested with published vectors. DESIGN 3 and 5.
Read next: signatures.py, merkle.py, growing_log.py, notes.py, witness.py.
"""
