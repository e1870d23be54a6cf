"""The models of a run: where they are, how large, and whether actor and critic read the same tokens."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

from omegaconf import OmegaConf

from lim.utils.errors import InputError
from lim.utils.files import read_json
from lim.utils.makers import how_to_make
from lim.utils.paths import is_hub_id
from train.recipe.recipe import CONFIGS, Recipe


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


def parameters_of(recipe: Recipe, model: str) -> float | None:
    """Parameters of the actor's model: of its files, or else `run.parameters`. None: not known.

    A model's overlay sets `run.parameters` with the model; where another model was named since, it is not of that.
    """
    counted = count_parameters(model)
    if counted is not None or recipe.run.parameters is None:
        return counted
    overlays = [OmegaConf.load(path) for path in sorted((CONFIGS / "model").glob("*.yaml"))]
    written_for = {
        OmegaConf.select(overlay, "actor.model_name_or_path")
        for overlay in overlays
        if OmegaConf.select(overlay, "run.parameters") == recipe.run.parameters
    }
    if written_for and recipe.get("actor.model_name_or_path") not in written_for:
        return None
    return recipe.run.parameters


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
