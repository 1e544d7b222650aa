"""The exporter: bulk files of one cut of the read model.

In     the read model in one REPEATABLE READ transaction (cut.py), and the election package
Does   makes the rows of projections/tables/ and writes them in each format of runtime/tables/ (writing.py)
Out    a directory of files with its manifest.json
"""
