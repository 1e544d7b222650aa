"""The live feed.

In     messages of `results` and `subtotals`; commands of clients (subscribe, unsubscribe)
Does   keeps the newest state of each office; finds what each channel shows of a change; sends no faster than a client reads
Out    messages over WebSocket and server-sent events

Read next: state.py (what is newest), hub/ (which client gets what), subscribers.py (what one client lacks), frames.py (a
message and its bytes), live.py (from Kafka to the hub), bulletin_reading.py (health and checkpoints), delivery.py (from the hub
to all clients), clients.py (to one client).
"""
