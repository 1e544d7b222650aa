"""What every process needs: settings, connections, package files, log lines.

In     environment variables, files, the addresses of Kafka and PostgreSQL
Does   reads them once, with limits, and says clearly what is wrong
Out    settings, packages, connected clients

Read next: settings.py, kafka.py, postgres.py, package/reading.py.
"""
