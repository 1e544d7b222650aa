"""A client of a Rekap server: answers, proofs. Asynchronous in server.py."""
