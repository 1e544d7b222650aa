"""The exit codes of the command line: each has one meaning, whichever command ends with it.

docs/reference/exit-codes.md is made from this module and from rekap/failures.py.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    DONE = 0
    BAD_OUTCOME = 1
    UNUSABLE = 2
    NOT_REACHED = 3
    TAMPERED = 4
    NOT_ALL_COMPARED = 5
    STOPPED = 70
    STILL_WAITING = 75
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.DONE: "The command did what it was asked to do, and found nothing wrong.",
    ExitCode.BAD_OUTCOME: (
        "The command did its work, and the outcome is bad: a package has problems (`election check`), a form breaks a rule "
        "(`form`) or was refused (`submit`), a published number differs (`audit`), a proof does not hold (`verify`), something "
        "kept differs from the ledger (`doctor`), a reading was refused (`import`), or a rebuild could not be completed "
        "(`rebuild`)."
    ),
    ExitCode.UNUSABLE: (
        "What the command was given cannot be used: an option, a setting, a package, a key, a file, or what one of these "
        "names. Repeating the command without a change does not help."
    ),
    ExitCode.NOT_REACHED: (
        "What the command needs cannot be reached or started: Kafka, PostgreSQL, a server, a port, a part on this machine. "
        "The same command may succeed later."
    ),
    ExitCode.TAMPERED: "`audit`: the log, a signature on it, or the package is not what it was.",
    ExitCode.NOT_ALL_COMPARED: (
        "`doctor`: what was compared agrees with the ledger, but files of the public log or states are not on this machine."
    ),
    ExitCode.STOPPED: (
        "`run`: the worker stopped because to continue would have been wrong. A supervisor starts it again."
    ),
    ExitCode.STILL_WAITING: (
        "`submit`: forms still wait in the outbox, and nothing is lost. The same command delivers them later."
    ),
    ExitCode.INTERRUPTED: "Ctrl-C ended the command before its work was done.",
}
"""75 is EX_TEMPFAIL of sysexits.h and 70 its EX_SOFTWARE; 130 is what a shell reports for SIGINT; 2 is also what click ends
with where an option is wrong."""
