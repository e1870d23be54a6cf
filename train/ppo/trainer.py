"""The trainer of a run: OpenRLHF's own, with every sample logged.

The subclass here changes no computation:

- every epoch's order of prompts is drawn from (seed, epoch), and a resume continues within it;
- all samples of a step are written to the reward log, with the true epoch, off the critical path;
- complete train batches go to optimisation (train/ppo/samples.py says why);
- advantages are computed with fewer calls, to the same bit (train/ppo/advantages.py), and the engines load the
  tokenizer once, not with every prompt (train/ppo/sent_by_name.py);
- a response ends at each of the model's end tokens (eval/engine/ends.py), not at eos alone;
- with `run.select`, the prompts are chosen on the way (train/ppo/choosing.py), and the run's end follows from that;
- a checkpoint is marked when it is complete, _hf folders are pruned, the best by validation is kept.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from lim.utils.errors import InputError
from lim.utils.ray import carried
from train.ppo import advantages, checkpoints, samples
from train.ppo.choosing import ChoosingOrder, RunEnds
from train.ppo.sent_by_name import SentByName
from train.reward import end_tokens
from train.run import environment, progress

MOST_EPOCHS = 10**9  # more than any run has


def resume(run_dir: Path) -> None:
    """Settle which checkpoint a run starts from, before OpenRLHF looks for one.

    Raises InputError where that is none and a model of the run would be lost.
    """
    wanted = environment.read().resume
    if wanted:
        checkpoints.refuse_to_lose(run_dir)
    interrupted = any(itertools.chain(run_dir.glob("step_*.parquet"), run_dir.glob("ckpt/*")))
    step = checkpoints.prepare(run_dir / "ckpt", resume=wanted)
    if step is None:
        # What an earlier try left; its final model, if any, is half-written.
        shutil.rmtree(run_dir / "final", ignore_errors=True)
        (run_dir / "best.json").unlink(missing_ok=True)
    if step is not None:
        progress.emit(run_dir, "stage", text=f"resuming after step {step}")
    elif wanted and interrupted:
        progress.emit(run_dir, "stage", text="no complete checkpoint to resume from: starting at step 1")


def start_ray() -> None:
    """Join the Ray cluster that RAY_ADDRESS names, or start one for this run alone."""
    import ray

    os.environ.setdefault("RAY_ENABLE_ZERO_COPY_TORCH_TENSORS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("NCCL_DEBUG", "WARN")
    if os.environ.get("RAY_ADDRESS"):
        ray.init(address=os.environ["RAY_ADDRESS"], runtime_env=carried(*environment.CARRIED))
        return
    # Its workers inherit this environment. A socket's path has at most 107 characters, hence a short folder.
    folder = environment.read().ray_tmp or tempfile.mkdtemp(prefix="limr-", dir="/tmp")
    memory = {"object_store_memory": 512 * 1024**2} if environment.read().cpu else {}
    ray.init(address="local", include_dashboard=False, _temp_dir=folder, **memory)


def stop_ray() -> None:
    """End the Ray that `start_ray` started on CPUs, its workers first; for a run that has all it wants.

    Ray's own way asks each worker to end and waits: seconds for models that nobody needs any more.
    """
    import psutil
    import ray

    if os.environ.get("RAY_ADDRESS") or not environment.read().cpu:
        return
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[:1] and process.cmdline()[0].startswith(("ray::", "VLLM::")):
                process.kill()
    ray.shutdown()


def completed(arguments: list[str], run_dir: Path) -> list[str]:
    """The flags, with TensorBoard always on and never fewer than two of DeepSpeed's checkpoints.

    OpenRLHF deletes the oldest checkpoint before it writes the next: with one, a crash in between leaves none.
    """
    result = list(arguments)
    if "--logger.tensorboard_dir" not in result:
        result += ["--logger.tensorboard_dir", str(run_dir / "tensorboard")]
    if "--ckpt.max_num" in result:
        place = result.index("--ckpt.max_num") + 1
        result[place] = str(max(2, int(result[place])))
    return result


def swap_trainer(module: Any) -> None:
    """Replace OpenRLHF's trainer by `trainer_class`, as a Ray actor on this node, where the run's folder is."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    try:
        base = module.PPOTrainer.__ray_metadata__.modified_class
        methods = ("fit", "train_step", "save_logs_and_checkpoints", "evaluate", "save_best_checkpoint")
        methods += ("init_checkpoint_states", "get_max_steps")
        for method in methods:
            getattr(base, method)
    except AttributeError as error:
        raise InputError(f"{module.__file__}: not the OpenRLHF that train/ppo/trainer.py extends ({error})") from None
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    module.PPOTrainer = ray.remote(scheduling_strategy=here)(trainer_class(base))


def stop_at_end_tokens(tokenizer: Any) -> None:
    """Have OpenRLHF's sampling parameters stop at each of the model's end tokens; alone it stops at eos."""
    from openrlhf.trainer.ppo_utils import samples_generator

    ids = [tokenizer.convert_tokens_to_ids(token) for token in end_tokens()] if environment.read().end_tokens else []
    samples_generator.SamplingParams = partial(samples_generator.SamplingParams, stop_token_ids=ids)


class LoggedPPO:
    """The changes named on top, to be laid over OpenRLHF's trainer."""

    choosing: ChoosingOrder | None = None  # with run.select
    optimizer_steps = 0  # made so far
    last_epoch = 0  # in which one was made

    def __init__(self, pretrain: str, strategy: Any, *groups: Any, **generate_kwargs: Any) -> None:
        super().__init__(pretrain, strategy, *groups, **generate_kwargs)
        self.environment = environment.read()
        self.run_dir = Path(self.environment.run_dir)
        self.writer = samples.StepWriter(self.run_dir)
        data, seed = self.prompts_dataloader.dataset, self.environment.seed
        if folder := self.environment.select_from:
            self.choosing = ChoosingOrder(data, seed, self.run_dir, folder, self.args, self.writer.wait)
        self.prompts_dataloader = self.choosing or samples.EpochOrder(data, seed)
        self.samples_generator.prompts_dataloader = self.prompts_dataloader
        fast = not self.args.data.disable_fast_tokenizer
        self.samples_generator.tokenizer = SentByName(pretrain, fast=fast)
        maker = self.experience_maker
        maker.get_advantages_and_returns = advantages.faster(maker.get_advantages_and_returns)
        self.rollouts: list[Any] = []
        self.validation: list[Any] = []
        self.step_seconds: list[float] = []
        stop_at_end_tokens(self.tokenizer)
        self.samples_generator.generate_samples = self.until_the_end(self.samples_generator.generate_samples)
        generate_eval = self.samples_generator.generate_eval_samples

        def kept(**kwargs: Any) -> list[Any]:
            self.validation = generate_eval(**kwargs)
            return self.validation

        self.samples_generator.generate_eval_samples = kept

    def until_the_end(self, generate: Callable[..., Any]) -> Callable[..., Any]:
        """`generate` until run.optimizer_steps are made. InputError where whole epochs make none."""

        def checked(**kwargs: Any) -> Any:
            if most := self.environment.optimizer_steps:
                if self.optimizer_steps >= most:
                    raise RunEnds
                if self.prompts_dataloader.epoch > self.last_epoch + 1:
                    raise InputError(
                        f"epoch {self.prompts_dataloader.epoch} made no optimiser step, {self.optimizer_steps} of "
                        f"run.optimizer_steps={most} are made: too few prompts are left by algo.dynamic_filtering"
                    )
            return generate(**kwargs)

        return checked

    def fit(self, global_step: int = 0) -> None:
        progress.emit(self.run_dir, "stage", text="training")
        self.step_started = time.monotonic()
        if self.choosing is not None or self.environment.optimizer_steps:  # RunEnds says where
            self.args.train.num_episodes = MOST_EPOCHS
        try:
            super().fit(global_step)
        except RunEnds:
            for tracker in filter(None, (self.wandb_logger, self.tensorboard_logger)):
                tracker.close()
        self.writer.wait()
        self.drop_final()

    def get_max_steps(self) -> int:
        """The optimiser steps over which the learning rates' schedules run."""
        if self.choosing is not None:
            return self.choosing.scheduler_steps
        return self.environment.optimizer_steps or super().get_max_steps()

    def init_checkpoint_states(self) -> dict[str, Any]:
        states = super().init_checkpoint_states()
        self.optimizer_steps = states["data_loader_state_dict"].get("optimizer_steps", 0)
        self.last_epoch = states["episode"]
        if "kl_coefficient" in states:  # with algo.kl.target it changes from step to step
            self.kl_ctl.value = states["kl_coefficient"]
        if self.choosing is not None:
            self.choosing.restore(states["global_step"], states["data_loader_state_dict"])
        return states

    def drop_final(self) -> None:
        """Remove the final model of an earlier end: a later step is made, or it is about to be written anew."""
        shutil.rmtree(self.run_dir / "final", ignore_errors=True)

    def train_step(self, rollout_samples: list[Any], global_step: int) -> tuple[dict, int]:
        samples.check_rewards(rollout_samples)
        args = self.args
        ranks = args.actor.num_nodes * args.actor.num_gpus_per_node
        ranks //= args.ds.ring_attn_size * args.ds.tensor_parallel_size
        # Every rank of the actor needs the same number of micro-batches.
        share = ranks if args.train.dynamic_batch_enable else ranks * args.rollout.micro_batch_size
        self.rollouts = rollout_samples
        chosen = samples.complete_batches(
            rollout_samples,
            math.lcm(args.train.batch_size, share),
            args.rollout.n_samples_per_prompt,
            f"{args.train.seed}/{global_step}",
        )
        if not chosen:
            return self._compute_rollout_stats(rollout_samples), global_step + 1
        status, next_step = super().train_step(chosen, global_step)
        self.optimizer_steps += len(chosen) // args.train.batch_size * args.train.max_epochs
        self.last_epoch = self.prompts_dataloader.epoch
        samples.check_losses(status, global_step)
        if len(chosen) < len(rollout_samples):
            status.update(self._compute_rollout_stats(rollout_samples))
        return status, next_step

    def save_logs_and_checkpoints(self, global_step: int, logs_dict: Any = None, client_states: Any = None) -> None:
        epoch = client_states["episode"] + 1
        done, self.rollouts = self.rollouts, []
        self.drop_final()
        chosen_at = None
        if self.choosing is not None:
            self.choosing.step, chosen_at = global_step, self.choosing.chosen_at
        self.writer.submit(global_step, partial(self.log_columns, done, epoch, global_step, chosen_at))
        facts = samples.summary(done, end_tokens())
        shares = {name: value for name, value in facts.items() if "/" in name}
        logs = {name: value for name, value in (logs_dict or {}).items() if name not in samples.CODES} | shares
        saves = global_step % self.args.ckpt.save_steps == 0
        # OpenRLHF would run a finished epoch's number again; here it says where the next step starts.
        client_states["episode"] = client_states["data_loader_state_dict"]["epoch"]
        client_states["data_loader_state_dict"]["optimizer_steps"] = self.optimizer_steps
        client_states["kl_coefficient"] = float(self.kl_ctl.value)
        if saves:
            self.writer.wait()
        super().save_logs_and_checkpoints(global_step, logs, client_states)
        if saves:
            self.settle_checkpoint(global_step)
        self.report(epoch, global_step, facts, client_states.get("total_consumed_prompts", 0))

    def log_columns(
        self, done: list[Any], epoch: int, step: int, chosen_at: int | None = None
    ) -> dict[str, list[Any]]:
        columns = samples.columns(
            done,
            epoch=epoch,
            step=step,
            ends=end_tokens(),
            decode=partial(self.tokenizer.batch_decode, skip_special_tokens=True),
            with_responses=self.environment.log_responses,
        )
        if self.choosing is not None:  # in every file, so that readers of several see it
            columns["chosen_at"] = [chosen_at] * len(done)
        return columns

    def report(self, epoch: int, step: int, facts: dict[str, float], prompts: int) -> None:
        """Tell of a step; `prompts` were answered so far, with those that dynamic filtering discarded."""
        now = time.monotonic()
        self.step_seconds.append(now - self.step_started)
        self.step_started = now
        most, made = self.environment.optimizer_steps, self.optimizer_steps
        if self.choosing is not None:
            epochs, steps = self.choosing.epochs, self.choosing.steps
        elif most:  # in how many steps and epochs is not known before
            epochs, steps = None, step + math.ceil((most - made) * step / max(1, made))
            facts = facts | {"optimizer_step": made, "optimizer_steps": most}
        else:
            epochs = self.args.train.num_episodes
            steps = -(-len(self.prompts_dataloader) // self.args.rollout.batch_size) * epochs
        recent = sorted(self.step_seconds[-9:])
        left = (steps - step) * recent[(len(recent) - 1) // 2]
        timing = {"seconds": self.step_seconds[-1], "seconds_left": left}
        facts = facts | {"generated": prompts * self.args.rollout.n_samples_per_prompt}
        progress.emit(self.run_dir, "step", epoch=epoch, epochs=epochs, step=step, steps=steps, **facts, **timing)

    def evaluate(self, global_step: int, **generate_kwargs: Any) -> dict[str, float]:
        logs = super().evaluate(global_step, **generate_kwargs)
        samples.check_rewards(self.validation)
        logs["eval_accuracy"] = samples.summary(self.validation, end_tokens())["verdict/correct"]
        if self.tensorboard_logger:
            self.tensorboard_logger.log_eval(global_step, {"eval_accuracy": logs["eval_accuracy"]})
        self.validation = []
        return logs

    def save_best_checkpoint(self, eval_metrics: Any, global_step: int, client_states: Any = None) -> None:
        """Keep the best by validation accuracy, as one of the run's checkpoints and not as a second copy."""
        accuracy = eval_metrics["eval_accuracy"]
        best = checkpoints.read_best(self.run_dir)
        # ckpt.save_steps=-1, which OpenRLHF turns into infinity, keeps the final model only.
        saves = self.args.ckpt.save_steps != math.inf
        better = saves and (best is None or accuracy > best["accuracy"])
        progress.emit(self.run_dir, "validation", step=global_step, accuracy=accuracy, best=better)
        if not better:
            return
        ckpt_dir = self.run_dir / "ckpt"
        if not checkpoints.is_complete(ckpt_dir, global_step) and self.args.ckpt.save_hf:
            self.writer.wait()
            self.save_now(global_step, client_states)
            self.mark_checkpoint(global_step)
        if checkpoints.weights_are_complete(ckpt_dir, global_step):
            checkpoints.write_best(self.run_dir, global_step, accuracy)
            self.settle_checkpoint(global_step)

    def save_now(self, step: int, client_states: Any) -> None:
        import ray

        tag = f"global_step{step}"
        refs = self.actor_model_group.async_run_method("save_checkpoint", tag=tag, client_states=client_states)
        if self.critic_model_group is not None:
            refs += self.critic_model_group.async_run_method("save_checkpoint", tag=tag)
        ray.get(refs)

    def mark_checkpoint(self, step: int) -> None:
        args = self.args
        models = {"_actor": args.actor} | ({"_critic": args.critic} if self.critic_model_group is not None else {})
        ranks = {role: sizes.num_nodes * sizes.num_gpus_per_node for role, sizes in models.items()}
        if args.ckpt.disable_ds or args.ds.zero_stage == 0 or args.ds.tensor_parallel_size > 1:
            ranks = {}  # not one file of states per rank
        checkpoints.mark_complete(self.run_dir / "ckpt", step, ranks, save_hf=args.ckpt.save_hf)

    def settle_checkpoint(self, step: int) -> None:
        self.mark_checkpoint(step)
        checkpoints.prune(self.run_dir, self.environment.keep_checkpoints)


def trainer_class(base: type) -> type:
    """OpenRLHF's trainer with the changes named on top."""
    return type("LoggedPPOTrainer", (LoggedPPO, base), {})
