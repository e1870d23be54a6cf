"""The workers of a run that train a model: OpenRLHF's own, with one fault of DeepSpeed's sleep mode kept out."""

from __future__ import annotations

from typing import Any

from lim.utils.errors import InputError

WORKERS = {"PolicyModelActor", "CriticModelActor"}  # OpenRLHF's actors that train a model
OFFLOAD_BUFFER = "_offload_buffer"  # the end of DeepSpeed's names for them, in deepspeed.runtime.zero.offload_states


def swap_workers(*modules: Any) -> None:
    """Have the actors of OpenRLHF's modules that train a model load checkpoints as `CleanLoading` does."""
    import ray

    for module in modules:
        for name in WORKERS & vars(module).keys():
            try:
                base = getattr(module, name).__ray_metadata__.modified_class
                base.init_model_from_pretrained  # noqa: B018
            except AttributeError as error:
                raise InputError(
                    f"{module.__file__}: not the OpenRLHF that train/ppo/workers.py extends ({error})"
                ) from None
            setattr(module, name, ray.remote(num_gpus=1)(type(name, (CleanLoading, base), {})))


class CleanLoading:
    """Loads the optimiser's states without the copies that DeepSpeed's sleep mode keeps among them.

    DeepSpeed offloads Adam's moments to buffers beside them in the optimiser's state, saves those with it, and on
    loading torch puts all of it on the GPU. Its next offload finds buffers, on the GPU, and frees nothing from then
    on: 8 bytes per parameter and model.
    """

    def init_model_from_pretrained(self, strategy: Any, *arguments: Any, **options: Any) -> Any:
        load = strategy.load_ckpt

        def load_without_buffers(model: Any, *rest: Any, **more: Any) -> Any:
            model.optimizer.optimizer.register_load_state_dict_pre_hook(without_buffers)
            return load(model, *rest, **more)

        strategy.load_ckpt = load_without_buffers
        return super().init_model_from_pretrained(strategy, *arguments, **options)  # type: ignore[misc]


def without_buffers(_: Any, saved: dict[str, Any]) -> dict[str, Any]:
    """A saved state of an optimiser without DeepSpeed's buffers; `saved` itself stays as it is."""
    state = {
        index: {key: value for key, value in kept.items() if not str(key).endswith(OFFLOAD_BUFFER)}
        for index, kept in saved["state"].items()
    }
    return {**saved, "state": state}
