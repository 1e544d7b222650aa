"""The client of a Rekap server.

In     the address of a server, and the keys that the caller trusts
Does   asks for answers (server.py), follows the live feed over broken connections (live_feed.py, held_rows.py), sends envelopes
       (sending.py) and checks the receipts (belief.py), fetches and checks proofs (proof_files.py, proof_check.py)
Out    answers, messages, receipts, proofs; or one of errors.py and AwayError of runtime/http_client.py
"""
