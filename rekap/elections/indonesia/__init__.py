"""The areas of Indonesia down to the district, for rehearsals.

In     areas.csv (its origin and licence: NOTICE.md)
Does   reads it as rows of an election package
Out    the tree that rekap/elections/demo.py holds its election in

Read next: tree.py.
"""
