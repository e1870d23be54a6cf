"""Python runs this at the start of every process that has this folder on PYTHONPATH: the processes of a CPU run."""

import os

if os.environ.get("LIM_CPU") == "1":
    from train.cpu import patches

    patches.install()
