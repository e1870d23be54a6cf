"""Python runs this at the start of every process that has this folder on PYTHONPATH: the processes of a CPU run."""

import os

if os.environ.get("LIM_CPU") == "1":
    from train import cpu_patches

    if os.environ.get("LIM_FORK_SERVER", "0") != "0":
        from train.fork_server import hand_over

        hand_over()
    cpu_patches.install()
