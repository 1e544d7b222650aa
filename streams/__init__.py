"""The Faust worker: blocks of all ledger partitions in, results of the nation out.

In     the topic `subtotals`
Does   drives projections/fold/rollup.py; watermarks, not Faust's offsets, decide what counts (DESIGN 2)
Out    the topic `results`

Faust gives the consumer group (which worker has which partitions of `subtotals`), the rebalance when a worker comes or goes,
the life cycle of the worker (start, signals, orderly stop), and the agent, the stream processor that this project was to show.

Switched off:
    tables, changelogs, windows   keyframes restore the state within seconds, so nothing is kept on disk
    Faust's producer              it only logs a send that failed; results go through a producer that waits for acknowledgement
    serializers                   a decode error inside Faust would acknowledge and skip the message
    creation of topics            runtime/kafka/wanted_topics.py creates topics and checks their settings
    election of a leader          no task is for one worker only
    the web server                runtime/metrics_server.py serves the metrics
    the consumer's own thread     wake-ups between threads cost more than the fold (faust_patches.py)

Faust's committed offset is a gauge for health. No decision depends on it.

Read next: app.py (settings, each with its reason), rollup.py (the agent).
"""
