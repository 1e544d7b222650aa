"""The live feed.

In     messages of `results` and `subtotals`; wishes of clients
Does   keeps the newest state of each office; finds what each channel shows of a change; keeps pace with each client
Out    messages over WebSocket and server-sent events

Read next: state.py (what is newest), hub.py (who wants what of it), subscribers.py (one client), live.py (the sockets).
"""
