"""The Faust app's settings, each with its reason (DESIGN 2, 'What Faust 0.15.3 does not promise')."""

from __future__ import annotations

from typing import Any

import faust

from runtime.files.temporary import directory_until_exit
from runtime.kafka.security import client_options, tls_context
from runtime.kafka.topics import MESSAGE_BYTES_MAX, group_of
from runtime.settings import Settings
from schemas.definition.package import Election
from streams import faust_patches


def create_app(settings: Settings, election: Election) -> faust.App:
    app = faust.App(
        group_of(election, "rollup", settings.generation),
        broker=[f"aiokafka://{server}" for server in settings.kafka.split(",")],
        broker_credentials=_credentials(settings),
        # Bytes in, bytes out: a decode error inside Faust would acknowledge and skip the message.
        key_serializer="raw",
        value_serializer="raw",
        # There are no tables, so nothing is kept on disk; keyframes restore the state.
        store="memory://",
        datadir=str(directory_until_exit("rekap-rollup-")),
        topic_disable_leader=True,
        topic_allow_declare=False,
        # With a full buffer Faust sleeps for a hard-coded second.
        stream_buffer_maxsize=65536,
        stream_wait_empty=False,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=MESSAGE_BYTES_MAX,
        broker_commit_interval=1.0,
        consumer_group_instance_id=settings.instance or None,
        # A killed worker's partitions are assigned to another after this; 6 s is the least that Kafka allows by default (Faust
        # waits 60).
        broker_session_timeout=6.0,
        broker_heartbeat_interval=2.0,
        broker_request_timeout=30.0,
        web_enabled=False,
    )
    faust_patches.consume_in_one_loop(app)
    return app


def _credentials(settings: Settings) -> Any:
    """The credentials of all other clients (runtime/kafka/security.py), in Faust's form."""
    options, tls = client_options(settings), tls_context(settings)
    if "sasl_mechanism" in options:
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=tls,
        )
    return None if tls is None else faust.SSLCredentials(tls)
