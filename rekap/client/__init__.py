"""The client of a Rekap server (docs/client.md).

In     the address of a server, and the keys that the caller trusts
Does   asks for answers, as JSON (server.py) or as models (client.py, and plain.py without async), follows the live feed over
       broken connections (live_feed.py, held_rows.py), sends envelopes (sending.py) and checks the receipts (belief.py),
       fetches and checks proofs (proof_files.py, proof_check.py), fetches the election package (served_package.py)
Out    answers, messages, receipts, proofs; or one of errors.py and AwayError of runtime/http_client.py
"""
