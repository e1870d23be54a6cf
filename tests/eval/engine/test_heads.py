"""Over how many GPUs a model can be split. Heads and key-value heads are those of the models' config.json."""

from __future__ import annotations

import pytest

from eval.engine.heads import check_heads, splits
from lim.utils.errors import InputError


@pytest.mark.parametrize(
    ("heads", "kept", "sizes"),
    [
        (12, 2, [1, 2, 4, 6, 12]),  # Qwen2.5-Math-1.5B
        (28, 4, [1, 2, 4, 28]),  # Qwen2.5-Math-7B
        (40, 8, [1, 2, 4, 8, 40]),  # Qwen2.5-14B and 32B
        (64, 8, [1, 2, 4, 8, 16, 32, 64]),  # Qwen2.5-Math-72B
        (32, 32, [1, 2, 4, 8, 16, 32]),
        (8, 1, [1, 2, 4, 8]),
        (12, 4, [1, 2, 4, 12]),  # 3 and 6 divide 12, and do not share 4 key-value heads
    ],
)
def test_splits(heads, kept, sizes):
    assert [size for size in range(1, 65) if splits(size, heads, kept)] == sizes


def test_what_vllm_would_refuse_minutes_later():
    with pytest.raises(InputError) as refused:
        check_heads("--tensor_parallel_size 8", 8, "Qwen/Qwen2.5-Math-7B", 28, 4)
    assert str(refused.value) == (
        "--tensor_parallel_size 8: Qwen/Qwen2.5-Math-7B has 28 attention heads (4 key-value heads), which 8 GPUs "
        "cannot share; 1, 2 or 4 can"
    )
    check_heads("--tensor_parallel_size 4", 4, "Qwen/Qwen2.5-Math-7B", 28, 4)
    check_heads("--tensor_parallel_size 8", 8, "no heads known", None, None)
    with pytest.raises(InputError, match=r"has 12 attention heads, which 8 GPUs cannot share; 1, 2, 3, 4 or 6 can$"):
        check_heads("x", 8, "m", 12, None)
