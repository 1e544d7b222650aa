"""What it means: pure folds from ledger records to published numbers.

In     records of one ledger partition, in offset order (schemas.ledger.events)
Does   judges each form by the package's rules, keeps every version, adds up areas and offices
Out    blocks (schemas.derived.blocks), results (schemas.derived.results), rows of the read model

Nothing here reads a clock, a file or the network: the same prefix gives the same bytes, for ever.
Read next: rules.py (one form), station.py (one station), tabulation.py (one partition), rollup.py (the nation).
"""
