"""Workers that consume with aiokafka, and the exporter: ledger in, effects out.

In     records of the ledger, blocks of `subtotals`, messages of `results`
Does   polls, folds with projections, sends or writes, waits for acknowledgement, and only then commits
Out    blocks and keyframes (tabulator), rows of the read model (recorder), files of the public logs (notary), bulk files
       (exporter)

Errors (besides those of the libraries: KafkaError, asyncpg's, OSError):

    WorkerError        errors.py                      the worker must stop, because to continue would be wrong
      FoldError        tabulator/errors.py            the fold of a partition has met a bug or a wrong package
      RecorderError    recorder/transaction.py        something does not fit the read model
      HistoryError     notary.py                      the ledger has another history than the one that was promised
    StoppedError       exporter/worker.py             the exporter was asked to stop in the middle of a cut
    FilesInUseError    exporter/cut_directories.py    another exporter writes into the directory (also an OutsideError)

The first four end the process with code 70. The exporter handles the others and continues.

Read next: tabulator/worker.py, recorder/worker.py, notary.py, exporter/worker.py.
"""
