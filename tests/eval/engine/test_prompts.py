"""Prompts: templates, lengths, seeds; and what is said when an engine cannot be had. No engine is started."""

from __future__ import annotations

import dataclasses
import http.server
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from eval.engine import engine, prompts
from eval.settings import Benchmark, load
from lim.utils.errors import InputError

ROWS = {"q1": {"id": "q1", "question": r"What is $\frac{1}{2}$ of {4}?", "answer": "2"}}
LONG = {"q2": {"id": "q2", "question": "word " * 50, "answer": "2"}}


class Tokenizer:
    """A word a token; a chat template that shows its roles."""

    chat_template: str | None = "yes"
    eos_token_id = 2
    added_tokens_decoder = (2, 3)

    def apply_chat_template(
        self, messages: list[dict[str, str]], tokenize: bool, add_generation_prompt: bool = False
    ) -> str:
        assert not tokenize
        if not add_generation_prompt:
            return messages[-1]["content"] + "<turn>"
        return "".join(f"<{m['role']}>{m['content']}" for m in messages) + "<assistant>"

    def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
        return {"input_ids": [3] if text == "<turn>" else [1] * add_special_tokens + [7] * len(text.split())}

    def convert_ids_to_tokens(self, id: int) -> str:
        return {2: "<eos>", 3: "<turn>"}[id]


def benchmark(**changes: Any) -> Benchmark:
    return load().benchmark("aime24", changes)


def test_chat_template() -> None:
    text = prompts.render(benchmark(), ROWS["q1"]["question"], Tokenizer(), "m")
    system = r"Please reason step by step, and put your final answer within \boxed{}."
    assert text == rf"<system>{system}<user>What is $\frac{{1}}{{2}}$ of {{4}}?<assistant>"


def test_no_system_prompt_means_no_system_message() -> None:
    bare = dataclasses.replace(benchmark(), system_prompt=None)
    assert prompts.render(bare, "q", Tokenizer(), "m") == "<user>q<assistant>"


def test_plain_template_keeps_braces() -> None:
    plain = benchmark(template="plain")
    text = prompts.render(plain, ROWS["q1"]["question"], Tokenizer(), "m")
    assert text.endswith("within \\boxed{}.\n\nQuestion: What is $\\frac{1}{2}$ of {4}?\n\nAnswer:")
    without = dataclasses.replace(plain, system_prompt=None)
    assert prompts.render(without, "q", Tokenizer(), "m") == "Question: q\n\nAnswer:"
    assert plain.template.stop == ("\n\nQuestion:",)


def test_special_tokens_are_the_templates_or_the_tokenizers() -> None:
    chat, plain = benchmark(), benchmark(template="bare")
    assert prompts.encode(chat, "a b", Tokenizer()) == [7, 7]
    assert prompts.encode(plain, "a b", Tokenizer()) == [1, 7, 7]


def test_a_tokenizer_without_template() -> None:
    tokenizer = Tokenizer()
    tokenizer.chat_template = None
    with pytest.raises(InputError, match="m: its tokenizer has no chat template; give --template plain"):
        prompts.render(benchmark(), "q", tokenizer, "m")
    assert prompts.render(benchmark(template="bare"), "q", tokenizer, "m") == "q\n"


def test_a_template_that_fails() -> None:
    class Refuses(Tokenizer):
        def apply_chat_template(self, *_: object, **__: object) -> str:
            raise RuntimeError("System role not supported")

    with pytest.raises(InputError, match=r"its chat template fails on this prompt \(System role not supported\)"):
        prompts.render(benchmark(), "q", Refuses(), "m")


def test_an_over_long_prompt_is_one_line() -> None:
    with pytest.raises(InputError, match=r"aime24: question 'q2' makes a prompt of 6\d tokens.*is 60") as error:
        prompts.make(benchmark(), LONG, [("q2", 0)], Tokenizer(), 60, "m")
    assert "\n" not in str(error.value)


def test_new_tokens_end_with_the_context() -> None:
    (prompt,) = prompts.make(benchmark(max_new_tokens=100), LONG, [("q2", 0)], Tokenizer(), 80, "m")
    assert prompt.max_tokens == 80 - len(prompt.token_ids) < 100


def test_a_context_too_short_for_the_settings_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = benchmark(max_new_tokens=100)
    made = prompts.make(chosen, ROWS | LONG, [("q1", 0), ("q2", 0), ("q2", 1)], Tokenizer(), 120, "m")
    prompts.tell_of_short_context(chosen, made, 120, "m")
    left = made[1].max_tokens
    said = f"aime24: 2 of 3 samples of m have room for {left} to {left} tokens, not for the 100 of the settings"
    assert capsys.readouterr().err == f"{said}: its context is 120\n"
    prompts.tell_of_short_context(chosen, made[:1], 120, "m")
    assert capsys.readouterr().err == ""


def test_a_response_ends_at_every_end_token_or_as_in_the_release() -> None:
    for stop_at, ends in (("end_tokens", (2, 3)), ("eos", ())):
        for template in ("chat", "plain"):
            chosen = benchmark(stop_at=stop_at, template=template)
            (prompt,) = prompts.make(chosen, ROWS, [("q1", 0)], Tokenizer(), 4096, "m")
            assert (prompt.ends, bool(prompt.stop)) == (ends, template == "plain")


def test_seeds_do_not_depend_on_what_else_is_generated() -> None:
    rows = {**ROWS, **LONG}
    everything = prompts.make(benchmark(), rows, [(id, s) for id in rows for s in range(4)], Tokenizer(), 4096, "m")
    alone = prompts.make(benchmark(), rows, [("q2", 3)], Tokenizer(), 4096, "m")
    assert alone[0] == next(p for p in everything if p.tag == ("aime24", "q2", 3))
    assert len({p.seed for p in everything}) == 8
    other = prompts.make(benchmark(seed=1), rows, [("q2", 3)], Tokenizer(), 4096, "m")
    assert other[0].seed != alone[0].seed


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("No available memory for the cache blocks."), "not enough memory for the engine"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "raise --tensor_parallel_size"),
        (
            ValueError("Free memory on device (3/80 GiB) is less than desired GPU memory utilization"),
            "lower --max_num_seqs",
        ),
        (RuntimeError("Engine core initialization failed. See root cause above."), "did not start or died"),
    ],
)
def test_memory_is_explained_in_one_line(error: Exception, message: str) -> None:
    found = engine.explain(error, "m")
    assert isinstance(found, InputError)
    assert message in str(found)
    assert str(found).startswith("m: ")


def test_an_unknown_error_is_not_hidden() -> None:
    error = KeyError("x")
    assert engine.explain(error, "m") is error


@pytest.mark.parametrize(("size", "given", "expected"), [(1000, None, "1"), (21 << 20, None, "4"), (1000, "3", "3")])
def test_tiny_models_get_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, given: str | None, expected: str
) -> None:
    (tmp_path / "model.safetensors").write_bytes(bytes(size))
    monkeypatch.setattr(engine.os.path, "exists", lambda _: False)
    monkeypatch.setattr(engine.os, "sched_getaffinity", lambda _: range(4))
    monkeypatch.setenv("OMP_NUM_THREADS", given or "")
    if not given:
        monkeypatch.delenv("OMP_NUM_THREADS")
    engine.limit_threads([str(tmp_path)])
    assert engine.os.environ["OMP_NUM_THREADS"] == expected


def test_a_hub_model_gets_its_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.os.path, "exists", lambda _: False)
    monkeypatch.setattr(engine.os, "sched_getaffinity", lambda _: range(8))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("OMP_NUM_THREADS")
    engine.limit_threads(["Qwen/Qwen2.5-Math-7B"], engines=2)
    assert engine.os.environ["OMP_NUM_THREADS"] == "4"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """huggingface_hub's settings with an empty cache, online, and the hub at an address where nothing listens."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
        yield constants


def test_a_hub_that_cannot_be_reached_is_asked_once(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError) as error:
        prompts.load_tokenizer("owner/model", False)
    assert str(error.value).startswith(
        f"owner/model: no such folder, not in the Hugging Face cache, and {hub.ENDPOINT} cannot be reached ("
    )
    assert (hub.HF_HUB_OFFLINE, os.environ["HF_HUB_OFFLINE"]) == (True, "1")  # nobody asks again
    monkeypatch.setattr(hub, "ENDPOINT", None)
    with pytest.raises(
        InputError, match=r"owner/model: no such folder, .* and HF_HUB_OFFLINE is set; give the model"
    ):
        prompts.load_tokenizer("owner/model", False)


def test_a_model_in_the_cache_needs_no_hub(hub: Any) -> None:
    repo = Path(hub.HF_HUB_CACHE) / "models--owner--model"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("abc")
    (repo / "snapshots" / "abc").mkdir(parents=True)
    (repo / "snapshots" / "abc" / "config.json").write_text("{}")
    prompts.check_hub("owner/model")
    assert hub.HF_HUB_OFFLINE


def test_a_hub_that_answers_and_a_folder_stay_online(
    hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts.check_hub(str(tmp_path))
    asked: list[str] = []

    class Missing(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with http.server.HTTPServer(("127.0.0.1", 0), Missing) as server:
        threading.Thread(target=server.handle_request).start()
        monkeypatch.setattr(hub, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        prompts.check_hub("owner/model")
    assert asked == ["/"]
    assert (hub.HF_HUB_OFFLINE, os.environ["HF_HUB_OFFLINE"]) == (False, "0")
