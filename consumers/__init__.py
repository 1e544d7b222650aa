"""aiokafka workers: ledger in, effects out.

In     records of the ledger, blocks of `subtotals`, messages of `results`
Does   polls, lets projections decide, sends or writes, waits until that is acknowledged, and only then commits
Out    blocks and keyframes (tabulator), rows of the read model (recorder), the public logs' files (notary)

Read next: tabulator/worker.py, recorder/worker.py, notary.py.
"""
