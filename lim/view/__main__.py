"""`python -m lim.view`: the command `lim view`, whose grader is not lim's to import."""

from __future__ import annotations

import runpy
import sys

if __name__ == "__main__":
    sys.argv.insert(1, "view")
    runpy.run_module("lim", run_name="__main__")
