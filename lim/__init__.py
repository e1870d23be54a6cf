"""Learning Impact Measurement (LIM): choose reinforcement-learning prompts by their reward trajectories.

Arrays in, arrays out; nothing here imports torch, ray or vllm. Paper: arXiv 2502.11886.
"""

import sys

__version__ = "0.1.0"

if sys.argv[:1] == ["-m"]:  # as Python has it while `python -m` looks for the module to run
    from lim.utils.errors import being_run

    being_run()
