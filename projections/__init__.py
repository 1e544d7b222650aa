"""Pure folds from ledger records to published numbers.

In     records of one ledger partition, in offset order (schemas.ledger.events)
Does   judges each form by the package's rules, keeps every version, adds up areas and offices
Out    blocks (schemas.derived.blocks), results (schemas.derived.results), rows of the read model

Nothing here reads a clock, a file or the network, so that the same records give the same bytes at any time.

Errors, of which each stops one thing and no other:

    GenesisError          fold/tabulation.py            a partition does not begin with this election's genesis
    UnfitStateError       fold/state.py                 a kept fold state is of something else (also a ValueError)
      DamagedStateError   fold/state.py                 a kept fold state is not what was written
    BlockGapError         readmodel/rows.py             a block is missing, so that the recorder stops the office
    UnknownColumnError    tables/list_rows.py           a list has no such column (also a ValueError)
    UnfitProfileError     tables/profile_rows.py        a profile does not fit the definition (also a ValueError)
    CkanError             catalogue/ckan_requests.py    a request to the catalogue is wrong; answered as CKAN does

Read next: form/rules.py (one form), station/verdicts.py (one station), fold/tabulation.py (one partition), fold/rollup.py (the
nation).
"""
