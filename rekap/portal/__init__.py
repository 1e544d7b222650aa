"""`rekap portal`: one catalogue and one search over many elections, and the read API of those that are archived.

In     a configuration file (configuration.py): live elections by the address of their API, archived ones by their directory
Does   folds the log of each archive once, into a file of SQLite (building.py); asks live ones who they are (live_election.py)
Out    GET /v1/elections, /v1/search and a start page (routes.py); /elections/ID/v1/… of archived elections, byte for byte what
       their API answered (archived_election.py); a redirect to the API of live ones

It needs neither Kafka nor PostgreSQL. One election that cannot be served is listed as away, and stops no other.
"""
