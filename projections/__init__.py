"""Pure folds from ledger records to published numbers.

In     records of one ledger partition, in offset order (schemas.ledger.events)
Does   judges each form by the package's rules, keeps every version, adds up areas and offices
Out    blocks (schemas.derived.blocks), results (schemas.derived.results), rows of the read model

Nothing here reads a clock, a file or the network, so that the same records give the same bytes at any time.
Read next: form/rules.py (one form), station/verdicts.py (one station), fold/tabulation.py (one partition), fold/rollup.py (the
nation).
"""
