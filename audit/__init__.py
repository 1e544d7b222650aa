"""The other count: what a stranger needs to check every published number, with nothing but public files.

In     the public logs, the election package and the published snapshots: of a server, or of an archive of them
Does   checks the logs, their witnesses and each signature; counts again, by SQL over sets; compares, byte for byte
Out    VERIFIED, DIFFERS or TAMPERED, and a report that names where

The only other package that it imports is `proofs`, so that a mistake in `schemas` or `projections` cannot hide behind itself
(DESIGN 5). The errors:

    AuditError              the audit cannot continue, which means nothing for the count
    └── GivenError          what the auditor was given cannot be used
    TamperedError           a finding that ends the audit: the log, a signature or the package is not what it was
    └── NotWitnessedError   a checkpoint lacks cosignatures that were asked for
    PackageError            a package cannot be read; becomes an AuditError or GivenError (sources/package_files.py)
    ShapeError              a record is not an event of the published shape; becomes its `problem` (sources/shapes.py)

Read next: run.py (the order of the checks), logs/records.py (the logs), count/recount.sql (the count), published/compare.py
(the numbers).
"""
