"""How far each stage is behind, and what must be looked at: `/v1/health`, `/livez`, `/readyz`, `/metrics`.

In     offsets of Kafka, rows of PostgreSQL, times of checkpoint files, and what this process knows of itself
Does   reads these at most once a second; decides status and reasons as a pure function of what was read
Out    one JSON object, and Prometheus' text

Read next: decision.py (which status, and why), probe.py (what is read), routes.py.
"""
