"""The reward log for other trainers to write: `write_step` and `write_run` (docs/logs.md)."""

from lim.logs.reward_log import (
    SCHEMA,
    SCHEMA_VERSION,
    VERDICTS,
    read_run,
    step_files,
    step_path,
    write_run,
    write_step,
)

__all__ = ["SCHEMA", "SCHEMA_VERSION", "VERDICTS", "read_run", "step_files", "step_path", "write_run", "write_step"]
