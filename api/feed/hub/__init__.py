"""The live feed without a socket and without a clock: which numbers are newest, and what each client still lacks of them.

In    messages of `results` and `subtotals` with their offsets; commands of clients (subscribe, unsubscribe)
Does  keeps an index of the channels; finds which channels show a change; finds which subscribers have fallen behind
Out   frames: one for each channel and flush, shared by all its live subscribers; or parts, for a subscriber that lacks more

What is applied becomes visible with the next `flush`, which the shell calls once a tick, so a district that changed forty
times since the last flush is sent once. One event loop owns a hub; nothing here awaits.

A frame for live subscribers is written to them in passes, which the shell runs in slices. A flush ends the passes of the flush
before, so all frames under way are of one flush. A subscriber whose connection still has bytes to send when a pass comes to it
becomes due, and no frame waits for it.

A subscription begins as *due* (api/feed/subscribers.py). Each time its client has read the frame before, `next_part`
flushes, looks up what the subscription still lacks, and makes a frame of about `PART_BYTES` with the newest numbers. Keys
that change after a part has passed them are looked up again, until nothing is lacking. The last part has no `more`, and
from the next flush on the subscription is *live*. So no change is missed, none is sent twice, no state is kept for a
client, and a client that reads slowly costs one part. Each part is exact at its own `as_of`; once a part without `more`
has arrived, all that the client has of the channel is exact at the `as_of` of that part.

Read next: hub.py (what the shell calls), channels.py (which channels show a change), parts.py (what a due subscription
gets), passes.py (what all live ones get), parked.py (cursors that are ahead), rows.py and messages.py (numbers as JSON),
commands.py, moment.py.
"""
