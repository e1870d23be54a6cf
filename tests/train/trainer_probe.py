"""The launcher and the trainer, telling what the slow tests ask of a run's inside.

python tests/train/trainer_probe.py launch RECIPE …      train.launch, with the trainer below
python tests/train/trainer_probe.py train FLAGS          train.ppo; after each step a line in <run>/probe.jsonl:
                                                         sum of |w| in each vLLM engine, vllm_kl, nodes,
                                                         responses that ended, and that went on after an end
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path


def sum_of_weights(worker):
    return sum(weight.double().abs().sum().item() for weight in worker.model_runner.model.parameters())


def sum_in_engine(engine):
    # Ray runs this in a thread of the actor, vLLM answers in the actor's event loop.
    loop = engine.llm.output_handler.get_loop()
    return asyncio.run_coroutine_threadsafe(engine.llm.collective_rpc(sum_of_weights), loop).result(60)[0]


def node_of(_actor):
    import ray

    return ray.get_runtime_context().get_node_id()


def probed(make_class):
    def trainer_class(base):
        class Probed(make_class(base)):
            def train_step(self, rollout_samples, global_step):
                from train.reward import end_tokens

                ends = {self.tokenizer.convert_tokens_to_ids(token) for token in end_tokens()}
                # What the loss is over: the action mask starts at the second token.
                rows = [row.sequences[0][1:][row.action_mask[0].bool()].tolist() for row in rollout_samples]
                self.ended = sum(row[-1] in ends for row in rows)
                self.written_on = sum(any(token in ends for token in row[:-1]) for row in rows)
                return super().train_step(rollout_samples, global_step)

            def save_logs_and_checkpoints(self, global_step, logs_dict=None, client_states=None):
                super().save_logs_and_checkpoints(global_step, logs_dict, client_states)
                import ray

                call = lambda actors, function: [actor.__ray_call__.remote(function) for actor in actors]  # noqa: E731
                facts = {
                    "step": global_step,
                    "ended": self.ended,
                    "written_on": self.written_on,
                    "vllm_kl": logs_dict.get("vllm_kl"),
                    "engine_sums": ray.get(call(self.vllm_engines, sum_in_engine)),
                    "engine_nodes": ray.get(call(self.vllm_engines, node_of)),
                    "actor_nodes": ray.get(call(self.actor_model_group._actor_handlers, node_of)),
                }
                with open(Path(os.environ["LIM_RUN_DIR"]) / "probe.jsonl", "a") as file:
                    file.write(json.dumps(facts) + "\n")

        return Probed

    return trainer_class


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from lim.utils.errors import run_cli
    from train import launch
    from train.ppo import __main__ as ppo
    from train.ppo import trainer

    mode, rest = sys.argv[1], sys.argv[2:]
    if mode == "launch":
        build = launch.build_command
        launch.build_command = lambda flags: [sys.executable, __file__, "train", *build(flags)[3:]]
        raise SystemExit(run_cli(lambda: launch.main(rest)))
    trainer.trainer_class = probed(trainer.trainer_class)
    raise SystemExit(run_cli(lambda: ppo.main(rest)))
