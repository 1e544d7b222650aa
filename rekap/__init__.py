"""The command `rekap`, and all that only an operator's machine needs.

In     what a person types
Does   starts embedded Kafka and PostgreSQL and the workers, makes and checks election packages, submits, watches, imports,
       witnesses logs
Out    readable text and exit codes

Read next: cli.py (the command), commands/ (a file each), operate/stack.py (everything on one machine).
"""
