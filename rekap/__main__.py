"""`python -m rekap`: the same as the command."""

from rekap.cli import main

main(prog_name="rekap")
