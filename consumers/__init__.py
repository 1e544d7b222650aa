"""aiokafka workers: ledger in, effects out.

In     records of the ledger, blocks of `subtotals`, messages of `results`
Does   polls, folds with projections, sends or writes, waits for acknowledgement, and only then commits
Out    blocks and keyframes (tabulator), rows of the read model (recorder), the public logs' files (notary)

Read next: tabulator/worker.py, recorder/worker.py, notary.py.
"""
