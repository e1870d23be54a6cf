"""Python runs this at the start of every process that has this folder on PYTHONPATH: the processes of a CPU run."""

from train.run import environment

if environment.read().cpu:
    from train.cpu import patches

    patches.install()
    patches.import_early()
