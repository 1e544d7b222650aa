"""A result report of NIST SP 1500-100 version 2: one office, in an area and the units below it.

In     a definition, what the package states of parties and districts, and numbers by contest and reporting unit (numbers.py)
Does   contests.py, units.py and report.py make the objects of the standard; docs/nist.md has what is mapped to what
Out    an object with streams (schemas/nist/objects.py), which runtime/nist/ writes as JSON and as XML
"""
