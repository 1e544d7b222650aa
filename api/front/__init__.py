"""One address for several processes of the API on one machine: `rekap run front`.

In     connections at the public address; connections that a process of the API gives back
Does   looks at the first request line of a connection, and finds the role that serves it (api/roles.py)
Out    the connection itself, as a file descriptor over a UNIX socket, to a process of that role

The front passes on no byte of a request or an answer: once a connection is handed over, the front has closed its own
descriptor, and the process of the role reads and writes the client's socket itself. So the front costs a connection 0.1 ms
and a request nothing, each role sees the client's own address, and what is connected stays connected while the front is
restarted. A relay costs each request and each delivery of the live feed a copy in a process that all of them share.

Where a client asks two roles over one connection, the process that has the connection gives it back to the front between two
requests, with what it has read of the next, and the front hands it to the other role.

Read next: front.py (the process in front), link.py (the side of the roles), wire.py (what goes over the UNIX socket).
"""
