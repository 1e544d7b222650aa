"""Shapes of everything that crosses a boundary between processes, files and people.

In     bytes from the network, from Kafka, from the files of an election package
Does   gives each a type, and refuses a wrong shape (a wrong sum is not refused; it is a finding of the count)
Out    frozen models that every other package may trust

Shapes only: no I/O, no clock, no rule of the count. DESIGN 3 and 4.
Read next: definition/package.py (what an election is), ledger/events.py (what can happen), derived/blocks.py and
derived/results.py (what is computed from the ledger), served/snapshots.py and served/live.py (what clients get).
"""
