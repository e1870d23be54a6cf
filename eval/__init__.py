"""Grading and benchmark evaluation."""

import sys

if sys.argv[:1] == ["-m"]:  # as Python has it while `python -m` looks for the module to run
    from lim.utils.errors import being_run

    being_run()
