"""The Faust worker: blocks of all ledger partitions in, results of the nation out.

In     the topic `subtotals`
Does   drives projections/area/rollup.py; watermarks, not Faust's offsets, decide what counts (DESIGN 2)
Out    the topic `results`

Read next: app.py (settings, each with its reason), rollup.py (the agent).
"""
