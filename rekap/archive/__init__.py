"""`rekap archive`: a whole election as plain files, which any web server serves and `rekap audit` checks.

In     the read model at one moment (moment.py), the files of the logs, the election package
Does   each part writes its files (parts.py) into a cut (cut_writer.py)
Out    DIR/cuts/CUT/… with manifest.json, and DIR/latest, which names the newest cut (directory.py)
"""
