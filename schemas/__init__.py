"""Shapes of everything that crosses a boundary between processes, files and people.

In     bytes from the network, from Kafka, from the files of an election package
Does   gives each a type, and refuses a wrong shape (a wrong sum is not refused; it is a finding of the count)
Out    frozen models that every other package may trust

Shapes only: no I/O, no clock, no rule of the count. DESIGN 3 and 4.

Errors, besides pydantic's ValidationError:

    NotCanonicalError         canonical.py              a value has no canonical form (also a ValueError)
    MalformedRecordError      ledger/envelope.py        a record or envelope cannot be read (also a ValueError)
    TooManyPartsError         derived/parts.py          a message has more parts than readers put together
    CursorError               served/feed_cursors.py    a text is not a cursor of this feed (also a ValueError)
      OtherGenerationError    served/feed_cursors.py    a cursor is of another generation of this feed
Read next: definition/package.py (what an election is), ledger/events.py (what can happen), derived/blocks.py and
derived/results.py (what is computed from the ledger), served/snapshots.py and served/live.py (what clients get).
"""
