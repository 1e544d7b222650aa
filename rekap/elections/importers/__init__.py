"""Real elections as Rekap's own: published figures turned into a package and the events that would have been submitted.

In     files of public data, as they were published
Does   reads them strictly; nothing is guessed, and an unexpected value stops the import with file and line
Out    an election package and the bodies of its events, for the caller to sign and submit

Read next: kawalpemilu_2019.py.
"""
