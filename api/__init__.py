"""FastAPI: submissions in, snapshots and live feeds out.

In     signed envelopes over HTTP; the topics `results` and `subtotals`; the read model
Does   checks at the door in a numbered order; answers reads; fans changes out to subscribers
Out    receipts, JSON with `as_of`, messages over WebSocket

Read next: gateway.py (submissions), snapshots.py (reads), feed/ (the live feed).
"""
