"""The files from which a broker reads its configuration: `server.properties` and `log4j2.properties`.

Paths are relative to the JVM's working directory, because properties allow neither UTF-8 nor a comma in `log.dirs`.
"""

from __future__ import annotations

from dataclasses import dataclass

from rekap.embedded.ports import HOST

MESSAGE_BYTES_MAX = 4 * 1024 * 1024  # a keyframe of a large partition fits several times; the broker's default is 1 MiB
OWN_USER = "rekap"
LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


@dataclass(frozen=True, slots=True)
class Node:
    """What one start of a broker keeps for the next. A single broker whose port is taken by then chooses another one; brokers
    of a cluster keep their ports."""

    cluster_id: str
    port: int
    controller_port: int


def server_properties(nodes: tuple[Node, ...], number: int, password: str) -> str:
    """The properties of the node with this number (from 1) among the nodes of its cluster."""
    own = nodes[number - 1]
    copies = str(min(3, len(nodes)))
    in_sync_min = str(max(1, min(3, len(nodes)) - 1))
    voters = (f"{nth}@{HOST}:{each.controller_port}" for nth, each in enumerate(nodes, start=1))
    login = f'{LOGIN} required username="{OWN_USER}" password="{password}" user_{OWN_USER}="{password}";'
    properties = {
        "process.roles": "broker,controller",
        "node.id": str(number),
        "controller.quorum.voters": ",".join(voters),
        "listeners": f"BROKER://{HOST}:{own.port},CONTROLLER://{HOST}:{own.controller_port}",
        "advertised.listeners": f"BROKER://{HOST}:{own.port}",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        # Each user of this machine can connect to its ports, but only this user can read the password.
        "listener.security.protocol.map": "CONTROLLER:SASL_PLAINTEXT,BROKER:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.broker.plain.sasl.jaas.config": login,
        "listener.name.controller.plain.sasl.jaas.config": login,
        "log.dirs": "log",
        # A topic is created only with the partitions and the retention that were chosen for it, never because of a
        # typing error. A topic without a retention of its own keeps its votes.
        "auto.create.topics.enable": "false",
        "log.retention.ms": "-1",
        "message.max.bytes": str(MESSAGE_BYTES_MAX),
        "replica.fetch.max.bytes": str(MESSAGE_BYTES_MAX),
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync_min,
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync_min,
        "share.coordinator.state.topic.num.partitions": "4",
        # Workers start and end within seconds here.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "2000",
        # After kill -9 the controller refuses the broker (DUPLICATE_BROKER_REGISTRATION) until its old session ends:
        # with Kafka's 9 s the restart took 11 s. At 2 s the controller of a machine under full load might fence the
        # only broker.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # Sized for a laptop: the cleaner's buffer alone is 128 MB of heap by default, an index file 10 MB.
        "log.cleaner.threads": "1",
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
        "log.index.size.max.bytes": str(2 * 1024 * 1024),
        "num.network.threads": "2",
        "num.io.threads": "4",
        "num.recovery.threads.per.data.dir": "2",
    }
    return "".join(f"{key}={value}\n" for key, value in properties.items())


LOG4J2_PROPERTIES = """\
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
appender.file.type = File
appender.file.name = file
appender.file.fileName = kafka.log
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSS} %p %c{1}: %m%n
"""
