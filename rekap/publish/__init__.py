"""`rekap publish`: the answers of each cut as files that never change, and one small file that names the newest cut.

In     the read model, one moment at a time
Does   renders the pages of projections/shown/whole_cut.py, as the API does
Out    DIR/v1/cuts/CUT/… and DIR/v1/latest.json, for nginx or a content delivery network to send
"""
