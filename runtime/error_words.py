"""What errors of libraries mean, in one table: for commands, log lines and `/v1/health`.

Those of SQLite, which only commands meet, are in rekap/sqlite_files.py.
"""

from __future__ import annotations

import os

WORDS: dict[str, str] = {
    "KafkaConnectionError": "no broker answers there",
    "NodeNotReadyError": "no broker answers there",
    "KafkaTimeoutError": "a broker did not answer in time",
    "RequestTimedOutError": "a broker did not answer in time",
    "AuthenticationFailedError": "the user or the password is refused",
    "SaslAuthenticationFailed": "the user or the password is refused",
    "AuthenticationMethodNotSupported": "the brokers expect another way to log in",
    "TopicAuthorizationFailedError": "the user may not use a topic",
    "GroupAuthorizationFailedError": "the user may not use a consumer group",
    "ClusterAuthorizationFailedError": "the user may not do this in the cluster",
    "InvalidPasswordError": "the user or the password is refused",
    "InvalidAuthorizationSpecificationError": "the user is refused",
    "InvalidCatalogNameError": "there is no database of this name",
    "CannotConnectNowError": "the server is starting or stopping",
    "TooManyConnectionsError": "the server has no connection left",
    "ConnectionDoesNotExistError": "the connection broke",
    "InsufficientPrivilegeError": "the user may not do this",
    "DiskFullError": "the server's disk is full",
    "ReadOnlySQLTransactionError": "the server takes no writes; it may be a standby",
    "InterfaceError": "the connection is closed",
    "QueryCanceledError": "a statement took too long",
    "ConnectionRefusedError": "no server answers there",
    "gaierror": "its host name is not known",
    "TimeoutError": "there was no answer in time",
    "ConnectError": "no server answers there",
    "ConnectTimeout": "no server accepted the connection in time",
    "ReadTimeout": "the answer stopped coming",
    "RemoteProtocolError": "what answers is not HTTP, or broke off",
}
"""Class of a library's error → what it means. The library's own text is not shown: it repeats the class, names objects of
Python, or quotes statements and data."""
_LIBRARIES = ("aiokafka.", "asyncpg.", "httpx.", "httpcore.", "faust.")


def is_outside(error: BaseException) -> bool:
    """Whether an error is of the system, of Kafka, of PostgreSQL or of a connection, and so not a bug of this program."""
    return isinstance(error, OSError) or f"{type(error).__module__}.".startswith(_LIBRARIES)


def in_words(error: BaseException) -> str:
    """What an error of a library or of the system means, with its class for the person who searches for it. An error of ours
    has its own sentence."""
    for each in type(error).__mro__:
        if each.__name__ in WORDS:
            return f"{WORDS[each.__name__]} ({type(error).__name__})"
    name = type(error).__name__
    if (code := getattr(error, "sqlstate", None)) is not None:
        return f"{name}, SQLSTATE {code}"
    if isinstance(error, OSError) and error.errno is not None:
        where = f": {error.filename}" if error.filename is not None else ""
        return f"{os.strerror(error.errno).lower()}{where} ({name})"
    if f"{type(error).__module__}.".startswith(_LIBRARIES) or not str(error):
        return name
    return f"{error} ({name})"
