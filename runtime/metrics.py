"""All metrics of all processes, for Prometheus. docs/reference/metrics.md is made from this table.

Each kind of process has its own registry, so that no process shows zeros for another's metrics. The code around the folds
counts, the folds do not. Counting is an addition in memory and cannot fail.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

FRONT, API, GATEWAY, FEED, READ, TABULATOR, ROLLUP, RECORDER, NOTARY, EXPORTER = (
    CollectorRegistry() for _ in range(10)
)
REGISTRIES = {
    "front": FRONT,
    "api": API,
    "gateway": GATEWAY,
    "feed": FEED,
    "read": READ,
    "tabulator": TABULATOR,
    "rollup": ROLLUP,
    "recorder": RECORDER,
    "notary": NOTARY,
    "exporter": EXPORTER,
}
"""Registries by kind of process. Every process of the API has those of `front` and `api`, and beside them those of its
roles."""
BATCH_BUCKETS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)

GATEWAY_ANSWERS = Counter(
    "rekap_gateway_answers_total",
    "Submissions answered, by HTTP status; each line of a batch counts.",
    ["status"],
    registry=GATEWAY,
)
GATEWAY_REFUSED = Counter(
    "rekap_gateway_refused_total",
    "Submissions refused at the gate, by the rule that refused them.",
    ["rule"],
    registry=GATEWAY,
)
HTTP_CONNECTIONS = Gauge("rekap_http_connections", "Connections that are open, WebSockets too.", registry=FRONT)
HTTP_REFUSED = Counter(
    "rekap_http_refused_total",
    "Requests and connections refused before they were looked at, by reason.",
    ["reason"],
    registry=FRONT,
)
HTTP_CUT_OFF = Counter(
    "rekap_http_cut_off_total",
    "Connections ended by the server, by reason: unread is a client that does not read what it asked for.",
    ["reason"],
    registry=FRONT,
)
ANSWERS_FROM_MEMORY = Counter(
    "rekap_answers_from_memory_total",
    "Snapshots answered from memory before the application's routing, 304 too.",
    registry=READ,
)
ANSWERS_READ = Counter(
    "rekap_answers_read_total",
    "Snapshots read from PostgreSQL: each once for each cut of what it shows.",
    registry=READ,
)
CUTS_LOOKED_UP = Counter(
    "rekap_cuts_looked_up_total", "Times that PostgreSQL was asked for the cut of the read model.", registry=READ
)
STAGE_LAG = Gauge(
    "rekap_stage_lag_records", "Records or messages that a stage is behind what it reads.", ["stage"], registry=API
)
NEWEST_RECORD_AGE = Gauge(
    "rekap_newest_record_age_seconds",
    "Age of the newest ledger record that is in what is served, by its gateway's clock.",
    registry=API,
)
STOPPED_PARTITIONS = Gauge(
    "rekap_stopped_partitions",
    "Ledger partitions whose fold has stopped at a record; anything but 0 is a bug.",
    registry=API,
)
PARTS_UP = Gauge("rekap_part_up", "Whether Kafka and PostgreSQL answer: 1 yes, 0 no.", ["part"], registry=API)
LIVE_CLIENTS = Gauge("rekap_live_clients", "Clients on the live feed of this process.", registry=FEED)
LIVE_CLIENTS_DROPPED = Counter(
    "rekap_live_clients_dropped_total",
    "Clients of the live feed that were cut off because they did not read.",
    registry=FEED,
)
LIVE_GAPS = Counter(
    "rekap_live_gaps_total",
    "Markers of a gap sent on the live feed, by reason: slow-client is one that got the newest state instead of a backlog.",
    ["reason"],
    registry=FEED,
)
STATIONS_HELD = Gauge(
    "rekap_held_stations",
    "Results that wait for review, by office, in what the live feed shows.",
    ["office"],
    registry=FEED,
)

_SET_ASIDE = (
    "rekap_set_aside_messages_total",
    "Messages of Kafka that are not believed, by topic and reason; a client that is not a worker wrote them.",
    ["topic", "reason"],
)
API_SET_ASIDE = Counter(*_SET_ASIDE, registry=API)
TABULATOR_SET_ASIDE = Counter(*_SET_ASIDE, registry=TABULATOR)
ROLLUP_SET_ASIDE = Counter(*_SET_ASIDE, registry=ROLLUP)
RECORDER_SET_ASIDE = Counter(*_SET_ASIDE, registry=RECORDER)

TABULATOR_RECORDS = Counter(
    "rekap_tabulator_records_total", "Ledger records folded, those folded again after a start too.", ["partition"],
    registry=TABULATOR,
)  # fmt: skip
TABULATOR_BATCH = Histogram(
    "rekap_tabulator_batch_records", "Ledger records folded at once.", buckets=BATCH_BUCKETS, registry=TABULATOR
)
TABULATOR_LAG = Gauge(
    "rekap_tabulator_lag_records", "Ledger records not folded yet.", ["partition"], registry=TABULATOR
)
TABULATOR_LAG_SECONDS = Gauge(
    "rekap_tabulator_lag_seconds",
    "Time between Kafka's timestamp of a record and its fold, of the newest record folded.",
    ["partition"],
    registry=TABULATOR,
)
TABULATOR_SIGNATURES = Counter(
    "rekap_tabulator_signatures_total",
    "Signatures of ledger records: checked, or remembered from an earlier check of the same bytes.",
    ["how"],
    registry=TABULATOR,
)
TABULATOR_STATES = Counter(
    "rekap_tabulator_states_total",
    "States of records in blocks: counted, flagged, held, superseded, refused …; a record whose state changes counts again.",
    ["state"],
    registry=TABULATOR,
)
TABULATOR_REFUSED = Counter(
    "rekap_tabulator_refused_total",
    "Records of the ledger that are refused, by rule; they were written past the gateway.",
    ["rule"],
    registry=TABULATOR,
)
TABULATOR_STATES_KEPT = Counter(
    "rekap_tabulator_states_kept_total",
    "States of a partition kept as a file for the next start, by how that ended: written or failed.",
    ["outcome"],
    registry=TABULATOR,
)
TABULATOR_STATE_BYTES = Gauge(
    "rekap_tabulator_state_bytes", "Bytes of the newest state kept.", ["partition"], registry=TABULATOR
)
TABULATOR_BLOCKS = Counter(
    "rekap_tabulator_blocks_total", "Blocks and keyframes sent to subtotals.", ["kind"], registry=TABULATOR
)
ROLLUP_BLOCKS = Counter(
    "rekap_rollup_blocks_total",
    "Blocks and keyframes read, by outcome: applied, skipped (published before), gap (waits for a keyframe) or "
    "part (of a message that is applied with its last part).",
    ["applied"],
    registry=ROLLUP,
)
ROLLUP_RESULTS = Counter("rekap_rollup_results_total", "Messages sent to results and acknowledged.", registry=ROLLUP)
ROLLUP_OFFICE_STOPS = Counter(
    "rekap_rollup_office_stops_total",
    "Times that an office was stopped, because its sums could not be made or sent; other offices continue.",
    ["office"],
    registry=ROLLUP,
)
RECORDER_TRANSACTIONS = Counter(
    "rekap_recorder_transactions_total", "Transactions that moved the read model.", registry=RECORDER
)
RECORDER_OFFICE_STOPS = Counter(
    "rekap_recorder_office_stops_total",
    "Times that an office was stopped, because its messages could not be stored; other offices continue.",
    ["office"],
    registry=RECORDER,
)
RECORDER_MESSAGES = Counter("rekap_recorder_messages_total", "Messages in those transactions.", registry=RECORDER)
RECORDER_BATCH = Histogram(
    "rekap_recorder_batch_messages", "Messages in one transaction.", buckets=BATCH_BUCKETS, registry=RECORDER
)
LOG_SIZE = Gauge(
    "rekap_log_size_entries", "Entries under the newest checkpoint of a public log.", ["partition"], registry=NOTARY
)
LOG_CHECKPOINT = Gauge(
    "rekap_log_checkpoint_timestamp_seconds",
    "When the newest checkpoint was published, in seconds since 1970; its age is time() less this.",
    ["partition"],
    registry=NOTARY,
)
EXPORTER_CUTS = Counter("rekap_exporter_cuts_total", "Cuts of bulk files that were written.", registry=EXPORTER)
EXPORTER_FAILED = Counter(
    "rekap_exporter_failed_total",
    "Cuts of bulk files that could not be written, and were tried again.",
    registry=EXPORTER,
)
EXPORTER_TAKEN_AT = Gauge(
    "rekap_exporter_taken_at_seconds",
    "Time of the newest cut that this process has written, since 1970.",
    registry=EXPORTER,
)
EXPORTER_MAPS_REFUSED = Gauge(
    "rekap_exporter_maps_refused",
    "1 while the maps of the package have a mistake, so that the maps before are served.",
    registry=EXPORTER,
)
EXPORTER_BYTES = Gauge("rekap_exporter_bytes", "Bytes of all cuts of bulk files together.", registry=EXPORTER)
