"""What can be proved: signatures and trees, pure functions from bytes to bytes.

In     payloads, records, keys
Does   Ed25519 envelopes (DSSE), RFC 6962 trees, C2SP tlog-tiles, checkpoints and cosignatures, a witness's decision
Out    signatures, hashes, and the answer whether they hold

The one package of ours that the auditor shares with the server; it is checked against outside vectors. DESIGN 3 and 5.
Read next: signatures.py, merkle.py, growing_log.py, notes.py, witness.py.
"""
