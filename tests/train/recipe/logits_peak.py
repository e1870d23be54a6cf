"""Print the most logits alive at once, in copies of the fp32 ones: in training, then without gradients.

OpenRLHF's actor as it runs on a GPU, on CPU tensors: temperature, gradient checkpointing, and in place of
flash-attn's cross-entropy a function that keeps what its version 2.8.3 keeps: the logits, and a gradient beside them.
"""

from __future__ import annotations

import sys
import types
import weakref

import torch
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode

WORDS, TOKENS = 20_000, 256


class Peak(TorchDispatchMode):
    """Bytes of the storages of at least `least` bytes that are alive at once, at most."""

    def __init__(self, least: int) -> None:
        super().__init__()
        self.least, self.alive, self.most = least, {}, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in _pytree.tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage().nbytes() >= self.least:
                storage = tensor.untyped_storage()
                if storage._cdata not in self.alive:
                    self.alive[storage._cdata] = storage.nbytes()
                    weakref.finalize(storage, self.alive.pop, storage._cdata, None)
                    self.most = max(self.most, sum(self.alive.values()))
        return result


class CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(context, logits, labels):
        context.save_for_backward(logits, labels)
        rows = [row.logsumexp(-1) - row[label] for row, label in zip(logits, labels, strict=True)]
        return torch.stack(rows)

    @staticmethod
    def backward(context, gradient):
        logits, labels = context.saved_tensors
        result = torch.empty_like(logits)
        for row, (values, label) in enumerate(zip(logits, labels, strict=True)):
            result[row] = values.softmax(-1) * gradient[row]
            result[row, label] -= gradient[row]
        return result, None


def main() -> None:
    from train.cpu import patches

    patches.install()
    from openrlhf.models import Actor
    from transformers import Qwen2Config, Qwen2ForCausalLM

    flash = types.SimpleNamespace(cross_entropy_loss=lambda *given: (CrossEntropy.apply(*given),))
    sys.modules["flash_attn.ops.triton.cross_entropy"] = flash
    sys.modules["flash_attn"] = sys.modules["flash_attn.ops"] = sys.modules["flash_attn.ops.triton"] = flash
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = Qwen2Config(vocab_size=WORDS, num_key_value_heads=2, attn_implementation="eager", **size)
    actor = Actor(Qwen2ForCausalLM(config).to(torch.bfloat16))
    actor.packing_samples, actor.temperature = False, 1.2
    actor.gradient_checkpointing_enable()
    ids = torch.randint(0, WORDS, (2, TOKENS // 2))
    mask, fp32 = torch.ones_like(ids), 4 * TOKENS * WORDS
    with Peak(fp32 // 2) as peak:
        log_probs, _output = actor(ids, mask[:, 1:], attention_mask=mask, return_output=True)
        log_probs.sum().backward()
    print(peak.most / fp32)
    with Peak(fp32 // 2) as peak, torch.no_grad():
        actor(ids, mask[:, 1:], attention_mask=mask)
    print(peak.most / fp32)


if __name__ == "__main__":
    main()
