"""The command `rekap`, and all that only an operator's machine needs.

In     what a person types
Does   starts embedded Kafka and PostgreSQL and the workers, makes and checks election packages, submits, watches, imports,
       witnesses logs
Out    readable text and exit codes

Read next: cli.py (the command), up.py (everything in one terminal), demo.py (an election night).
"""
