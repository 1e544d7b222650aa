"""The command `rekap`, and all that only an operator's machine needs.

In     what a person types
Does   starts embedded Kafka and PostgreSQL and the workers, makes and checks election packages, submits, watches, imports,
       witnesses logs
Out    readable text and exit codes (docs/reference/exit-codes.md)

The errors of this package. The second level decides the exit code:

    RekapError
    ├── UnusableError                    what the command was given cannot be used (2)
    │   ├── ArchiveUnfitError            an archive cannot be served by a portal
    │   ├── DataDirectoryError           a directory cannot hold the data of embedded parts
    │   ├── DoctorError                  nothing can be compared
    │   ├── EventFileError               a file of events cannot be read, or a line of it cannot be taken
    │   ├── LedgerFilesError             files of a ledger are damaged, or the topic cannot take them
    │   ├── OpeningError                 the election cannot be opened, or is another than the package describes
    │   │   ├── ConfirmationError        it is live, and nobody has confirmed it
    │   │   └── NotOpenedError           it is not open yet
    │   ├── OutboxError                  an outbox cannot be used, or cannot keep what was given
    │   ├── PortalConfigurationError     the configuration file of a portal has a mistake
    │   ├── ProofFileError               a proof file cannot be read, or the keys do not fit it
    │   ├── RefusedError                 a server refuses a request
    │   ├── ReplayError                  a question to a replay has no answer
    │   ├── ShapeError                   a shape of an election cannot be used
    │   ├── SheetError                   a sheet (CSV) cannot be read, or a line of it cannot be taken
    │   ├── SourceFileError              a file that is imported is missing or has a value it should not have
    │   ├── StateError                   a witness's state cannot be used, or belongs to another witness
    │   └── SubscriptionRefusedError     a server refuses a subscription
    ├── NotReachedError                  what the command needs cannot be reached or started (3)
    │   ├── DatabaseAwayError            PostgreSQL does not take the connection
    │   ├── EmbeddedError                a part on this machine
    │   │   ├── DataDirectoryInUseError  another process holds the directory
    │   │   ├── NotReadyError            a supervised process did not become ready in time
    │   │   ├── NothingRunsError         no `rekap up` runs in the data directory
    │   │   ├── PortInUseError           another process listens at the port
    │   │   ├── StartError               a part was started and did not come up
    │   │   └── ToolMissingError         Java, Maven or the PostgreSQL binaries are not installed
    │   ├── LogUnfitError                the files of a log cannot be archived
    │   └── NotStartedError              a witness cannot start
    └── BadOutcomeError                  the command did its work, and the outcome is bad (1)
        ├── ImportFailedError            a reading was refused, or the totals did not arrive
        ├── NotProvedError               a proof does not prove what it should
        └── RebuildError                 a rebuild cannot continue

Three more never end a command, because they are handled: NotBelievedError (no pinned key signed the answer) and TooLargeError
(the gateway takes no batch of this size) by rekap/station/delivery.py, MissedError (a delta does not follow on the rows held)
by rekap/client/live_feed.py.

Read next: cli.py (the command), commands/ (a file each), operate/stack.py (everything on one machine), failures.py (how a
command ends).
"""
