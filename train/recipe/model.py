"""The models of a run: where they are, how large, and whether actor and critic read the same tokens."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass, fields
from pathlib import Path

from omegaconf import OmegaConf

from lim.utils.errors import InputError
from lim.utils.files import read_json
from lim.utils.makers import how_to_make
from lim.utils.paths import is_hub_id
from lim.utils.typed import convert
from train.recipe.files import overlays_of
from train.recipe.recipe import Recipe


def absolute(name: str) -> str:
    """A hub id (owner/name) as it is, anything else as an absolute path."""
    return name if is_hub_id(name) else str(Path(name).expanduser().resolve())


def need(model: str, name: str) -> None:
    """Refuse, as `name`, a model folder that is not there."""
    if model.startswith("/") and not (Path(model) / "config.json").is_file():
        raise InputError(f"{name}: no model there (no config.json){how_to_make(model, 'check the path')}")


def count_parameters(model: str | Path) -> int | None:
    """Parameters of a model folder, from the headers of its safetensors files; None where it has none.

    InputError names a file that was cut off.
    """
    total = 0
    for path in sorted(Path(model).glob("*.safetensors")):
        try:
            with open(path, "rb") as file:
                header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        except (struct.error, ValueError):
            raise InputError(f"{path}: cut off (no safetensors header); make or download the model again") from None
        total += sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    return total or None


@dataclass(frozen=True)
class Shape:
    """What of a model's config.json decides its memory, and over how many GPUs it can be split; its own names."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int | None = None  # null: hidden_size / num_attention_heads

    @property
    def head_size(self) -> int:
        return self.head_dim or self.hidden_size // self.num_attention_heads

    @property
    def cache_bytes(self) -> int:
        """Bytes of vLLM's key-value cache per token, in bf16."""
        return 2 * 2 * self.num_hidden_layers * self.num_key_value_heads * self.head_size


def parameters_of(recipe: Recipe, model: str) -> float | None:
    """Parameters of the actor's model: of its files, or else `run.parameters`. None: not known."""
    counted = count_parameters(model)
    return counted if counted is not None or not _is_of_the_model(recipe, "parameters") else recipe.run.parameters


def shape_of(recipe: Recipe, model: str) -> Shape | None:
    """The shape of the actor's model: of its config.json, or else `run.shape`. None: not known."""
    path = Path(model) / "config.json"
    if not path.is_file():
        shape = recipe.run.shape
        return convert(shape, Shape, prefix="run.shape.") if shape and _is_of_the_model(recipe, "shape") else None
    config = read_json(path)
    config = config.get("text_config", config) if isinstance(config, dict) else {}
    known = {item.name: config[item.name] for item in fields(Shape) if config.get(item.name) is not None}
    if "num_attention_heads" in known:
        known.setdefault("num_key_value_heads", known["num_attention_heads"])
    try:
        return convert(known, Shape)
    except InputError:  # another architecture, which names these things differently
        return None


def _is_of_the_model(recipe: Recipe, key: str) -> bool:
    """Whether `run.<key>` is of the recipe's model.

    A model's overlay sets it with the model; where another model was named since, it is not of that.
    """
    value = getattr(recipe.run, key)
    written_for = {
        OmegaConf.select(overlay, "actor.model_name_or_path")
        for overlay in overlays_of("model").values()
        if OmegaConf.select(overlay, f"run.{key}") == value
    }
    return not written_for or recipe.get("actor.model_name_or_path") in written_for


def check_vocabularies(actor: str, critic: str) -> None:
    """Refuse a critic whose tokens are not the actor's, as far as two model folders tell (of a hub id nothing is).

    Vocabularies of two sizes pass where the tokenizer is the same file: sizes of one family differ by padding.
    """
    actors, critics = vocabulary_size(actor), vocabulary_size(critic)
    if actors is None or critics is None or actors == critics:
        return
    tokenizers = [Path(model) / "tokenizer.json" for model in (actor, critic)]
    if all(path.is_file() for path in tokenizers) and len({path.read_bytes() for path in tokenizers}) == 1:
        return
    raise InputError(
        f"critic.model_name_or_path: {critic} has a vocabulary of {critics:,} and the actor's {actor} one of "
        f"{actors:,}, but the critic reads the actor's tokens; critic.model_name_or_path=null takes the actor's model"
    )


def vocabulary_size(model: str) -> int | None:
    """`vocab_size` in a model folder's config.json; None where there is none."""
    path = Path(model) / "config.json"
    config = read_json(path) if path.is_file() else None
    found = config.get("vocab_size") if isinstance(config, dict) else None
    return found if isinstance(found, int) else None
