"""Carry prompts' ids through a training by verl into its rollout files (`rollout_data_dir`), for selection to read.

Of what a data set knows, both trainers of verl 0.9.1 write only `reward_model.ground_truth` with a rollout (`gts`);
the newer one writes nothing that a reward function returns. So the ids travel in there: `add_ids` writes the training
file with them, and the reward function takes them off again before it scores.

    add_ids("train.parquet", "train_ids.parquet")            # once; then train with
    data.train_files=train_ids.parquet trainer.rollout_data_dir=rollouts
    reward.custom_reward_function.path=pkg://lim.recorders.verl      # verl's own scoring by data source

A reward function of one's own is wrapped in a file that `custom_reward_function.path` names:
`compute_score = with_ids(my_score)`. What it returns is not touched. Rows without an id, such as those of a
validation file, are scored as they are. Tried with verl 0.9.1: `scripts/verify_recorders.sh`.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lim.utils.errors import InputError

ID = "lim_prompt_id"  # key of a ground truth that has the prompt's id


def prompt_id(ground_truth: Any) -> str | None:
    """The id in a ground truth; None where it has none."""
    if not (isinstance(ground_truth, str) and ground_truth.startswith(f'{{"{ID}": ')):
        return None
    try:
        id = json.loads(ground_truth)[ID]
    except ValueError:
        return None
    return id if isinstance(id, str) else None


def pack(id: str, ground_truth: Any) -> str:
    """A ground truth with its prompt's id: JSON that begins with the key `ID`."""
    return json.dumps({ID: id, "ground_truth": ground_truth}, ensure_ascii=False)


def unpack(ground_truth: Any) -> Any:
    """The ground truth without the id, or as it is where it has none."""
    return ground_truth if prompt_id(ground_truth) is None else json.loads(ground_truth)["ground_truth"]


def with_ids(compute_score: Callable[..., Any]) -> Callable[..., Any]:
    """A reward function for `custom_reward_function` that scores as `compute_score` does, without the ids.

    It may be a coroutine, and of the batch kind, which gets `ground_truths`.
    """

    def plain(args: tuple[Any, ...], given: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        positional = [unpack(value) if at == 2 else value for at, value in enumerate(args)]
        if "ground_truth" in given:
            given["ground_truth"] = unpack(given["ground_truth"])
        if "ground_truths" in given:
            given["ground_truths"] = [unpack(value) for value in given["ground_truths"]]
        return positional, given

    if inspect.iscoroutinefunction(compute_score):

        @functools.wraps(compute_score)
        async def scored_later(*args: Any, **given: Any) -> Any:
            args_plain, given = plain(args, given)
            return await compute_score(*args_plain, **given)

        return scored_later

    @functools.wraps(compute_score)
    def scored(*args: Any, **given: Any) -> Any:
        args_plain, given = plain(args, given)
        return compute_score(*args_plain, **given)

    return scored


def compute_score(*args: Any, **given: Any) -> Any:
    """verl's own scoring by data source, of ground truths with ids."""
    from verl.utils.reward_score import default_compute_score  # pyright: ignore[reportMissingImports]

    return with_ids(default_compute_score)(*args, **given)


def add_ids(data_path: str | Path, output_path: str | Path, *, id_key: str | None = None) -> int:
    """Write verl's training file with each prompt's id in its ground truth; the number of its rows.

    The ids are those that selection reads from `data_path`: `id_key`, else `id`, else `extra_info.index` where that
    is unique, else row numbers. All else stays as it is; a ground truth that is not text becomes text until it is
    scored. Raises InputError for a file that is not Parquet, has no `reward_model.ground_truth`, or has ids already.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from lim.prompts import Reading, load
    from lim.utils.files import atomic_path

    prompts = load(data_path, Reading(id_key=id_key))
    table = prompts.rows.table
    place = -1 if table is None else table.schema.get_field_index("reward_model")
    kind = table.schema.field(place).type if table is not None and place >= 0 else None
    if kind is None or not pa.types.is_struct(kind) or kind.get_field_index("ground_truth") < 0:
        raise InputError(f"{data_path}: is not verl's training file: a Parquet file with reward_model.ground_truth")
    assert table is not None
    packed = []
    for number, (id, value) in enumerate(zip(prompts.ids, table.column(place).to_pylist(), strict=True), 1):
        if value is None:
            raise InputError(f"{data_path}: row {number}: 'reward_model' is null")
        if prompt_id(value["ground_truth"]) is not None:
            raise InputError(f"{data_path}: row {number} has an id in its ground truth; give the original file")
        packed.append(value | {"ground_truth": pack(id, value["ground_truth"])})
    truth = kind.field("ground_truth")
    is_text = pa.types.is_string(truth.type) or pa.types.is_large_string(truth.type)
    fields = [field if field.name != truth.name or is_text else pa.field(field.name, pa.string()) for field in kind]
    column = pa.field("reward_model", pa.struct(fields), table.schema.field(place).nullable)
    metadata = {key: text for key, text in (table.schema.metadata or {}).items() if is_text or key != b"huggingface"}
    table = table.set_column(place, column, pa.array(packed, column.type)).replace_schema_metadata(metadata)
    with atomic_path(output_path) as partial:
        pq.write_table(table, partial)
    return table.num_rows
