"""The gateway: signed submissions in, receipts out.

In     DSSE envelopes over HTTP, one in a request or a thousand
Does   checks each in a numbered order, appends it to the ledger, and signs the answer
Out    records of the ledger; receipts, or refusals as problems

Read next: gateway.py (the eight steps), checks.py (2 to 6), keeping.py (7 and 8), answers.py (receipts and refusals),
bodies.py (1), routes.py.
"""
