"""A grading worker that does what the answer says, in place of what outside software might do to it.

python tests/helpers/stand_in_worker.py DEADLINE ADDRESS_SPACE
"""

from __future__ import annotations

import os
import time

from eval.grader import worker


def judge(gold: str, answer: str) -> bool:
    match answer.split():
        case ["sleep", seconds]:
            time.sleep(float(seconds))
        case ["allocate", size]:
            bytearray(int(size))
        case ["end"]:
            os._exit(1)
    return gold == answer


if __name__ == "__main__":
    raise SystemExit(worker.main(judge))
