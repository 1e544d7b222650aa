"""What is said: the shapes of everything that crosses a boundary.

In     bytes from the network, from Kafka, from the files of an election package
Does   gives each a typed form and refuses what has the wrong shape (not what has the wrong sum: that is a finding)
Out    frozen models that every other package may trust

Shapes only: no I/O, no clock, no rule of the count. DESIGN 3 and 4.
Read next: package.py (what an election is), events.py (what can happen), blocks.py and results.py (what is derived).
"""
