"""The reward: the paper's three values, the release's rules of format, and OpenRLHF's contract."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from eval.grader import Reason, Verdict, verdict
from lim.logs.reward_log import VERDICTS
from lim.utils.errors import InputError
from train import reward

ROOT = Path(__file__).resolve().parents[2]
CHAT = "<|im_start|>system\nBox it.<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
TINY = "<|begin|>What is $2 + 3$?<|answer|>"


@pytest.mark.parametrize(
    ("response", "finished", "expected"),
    [
        (r"So \boxed{5}.", True, (1.0, "correct", "5", None)),
        (r"So \boxed{5.0}.", True, (1.0, "correct", "5.0", None)),
        (r"So \boxed{6}.", True, (-0.5, "incorrect", "6", None)),
        (r"\boxed{6}, no: \boxed{5}", True, (1.0, "correct", "5", None)),
        (r"\boxed{5}, no: \boxed{6}", True, (-0.5, "incorrect", "6", None)),
        (r"\boxed{5} and \boxed{6}", True, (-0.5, "incorrect", "5, 6", None)),
        (r"So \boxed{5}. And then", False, (-1.0, "truncated", "5", "cut_off")),
        ("It is 5.", True, (-1.0, "no_answer", None, "no_box")),
        ("", True, (-1.0, "no_answer", None, "no_box")),
        (r"So \boxed{5", True, (-1.0, "malformed", None, "unclosed_box")),
        (r"So \boxed{}", True, (-1.0, "malformed", None, "empty_box")),
        (r"So \boxed{ }, in \boxed{", True, (-1.0, "malformed", None, "empty_box")),
        # The last box that closes and holds something counts, whatever box comes after it.
        (r"So \boxed{5}, in a \boxed{} as asked.", True, (1.0, "correct", "5", None)),
        (r"So \boxed{6}, in a \boxed{} as asked.", True, (-0.5, "incorrect", "6", None)),
        (r"So \boxed{5}, which is \boxed{5", True, (1.0, "correct", "5", None)),
        (r"So \boxed{6}, or rather \boxed{5", True, (-0.5, "incorrect", "6", None)),
        (r"\boxed{5}x" * 4, True, (1.0, "correct", "5", None)),
        (r"\boxed{5} b \boxed{5} c \boxed{5} d \boxed{5} e \boxed{5}", True, (-1.0, "malformed", "5", "many_boxes")),
        ("абвгд" * 8 + r"\boxed{5}", True, (-1.0, "malformed", "5", "garbled")),
        ("The sum is 5. " * 5 + r"\boxed{5}", True, (-1.0, "malformed", "5", "repeated")),
        ("The sum is 5. " * 4 + r"\boxed{5}", True, (1.0, "correct", "5", None)),
        ("The sum is 5. " * 5, True, (-1.0, "no_answer", None, "no_box")),
    ],
)
def test_score(response, finished, expected):
    value, graded = reward.reward_of(response, "5", finished)
    assert (value, *graded[:3]) == expected
    assert reward.reward_of(response, "5", finished, format_rules="release") == (value, graded)


RIGHT = r"\boxed{5}"
LOOKS = {
    "Chinese": "由题意可知，二加三等于五，所以答案是" + RIGHT,
    "a rule of dashes": "-" * 30 + "\n" + RIGHT,
    "a wide table": "| a | b |\n|" + "-----|" * 8 + "\n" + RIGHT,
    "a repeating decimal": "1/7 = 0." + "142857" * 6 + "\n" + RIGHT,
    "five boxes": "so ".join([RIGHT] * 5),
}


@pytest.mark.parametrize("name", LOOKS)
def test_lenient_rules_do_not_look_at_the_form(name):
    assert reward.reward_of(LOOKS[name], "5", True)[0] == -1.0
    assert reward.reward_of(LOOKS[name], "5", True, format_rules="lenient") == (1.0, ("correct", "5", None, 1.0))
    assert reward.reward_of(LOOKS[name], "6", True, format_rules="lenient")[0] == -0.5


@pytest.mark.parametrize(
    ("response", "finished", "reason"),
    [
        (RIGHT, False, "cut_off"),
        ("五", True, "no_box"),
        (r"\boxed{}", True, "empty_box"),
        (r"\boxed{5", True, "unclosed_box"),
    ],
)
def test_lenient_rules_keep_what_gives_no_answer(response, finished, reason):
    value, graded = reward.reward_of(response, "5", finished, format_rules="lenient")
    assert (value, graded.reason) == (-1.0, reason)


def test_garbled_above_thirty_percent():
    assert not verdict.is_garbled("a" * 70 + "я" * 30)
    assert verdict.is_garbled("a" * 69 + "я" * 31)
    assert not verdict.is_garbled("∀x∈A: x ≤ 3 ∧ x ≠ 0")
    assert not verdict.is_garbled("")


@pytest.mark.parametrize(
    "text",
    ["abcde" * 5, "abcde" * 4, "x" * 25, "x" * 24, "1234567 " * 5, "ab\n" * 20,
     "abcdefg" * 5 + "!", "q" + "abcdef" * 5,
     "no repetition here", "", "abcde" * 4 + "abcdX", "-" * 30 + "\n" + "=" * 3,
     "the cat sat on the mat " * 4 + "the cat"],
)  # fmt: skip
def test_repetition_is_what_the_pattern_finds(text):
    assert verdict.is_repetitive(text) == bool(re.search(r"(.{5,}?)\1{4,}", text))


def test_repetition_agrees_with_the_pattern_on_random_text():
    import random

    draw = random.Random(0)
    found = 0
    for _ in range(400):
        chunk = "".join(draw.choice("ab") for _ in range(draw.randrange(3, 12)))
        text = "".join(draw.choice("ab") for _ in range(20)) + chunk * draw.randrange(1, 7) + chunk[:2] + "ba" * 3
        expected = bool(re.search(r"(.{5,}?)\1{4,}", text))
        found += expected
        assert verdict.is_repetitive(text) == expected, text
    assert 50 < found < 350


@pytest.mark.parametrize("kind", ["random", "four times a long chunk"])
def test_time_to_find_repetition_grows_little_faster_than_the_response(kind):
    import random

    draw = random.Random(1)

    def seconds(length: int) -> float:
        chunk, times = "".join(draw.choice("abcdefgh ") for _ in range(length // 4)), []
        text = chunk * 4 if kind != "random" else "".join(draw.choice("abcdefgh ") for _ in range(length))
        for _ in range(10):
            start = time.thread_time()
            assert not verdict.is_repetitive(text)
            times.append(time.thread_time() - start)
        return min(times)

    assert seconds(2_000) < 30 * seconds(250)  # quadratic would be 64 times


@pytest.mark.parametrize(
    ("prompt", "tail", "expected"),
    [
        (CHAT.format("2 + 3?"), r"It is \boxed{5}.<|im_end|>", (r"It is \boxed{5}.", "<|im_end|>")),
        (CHAT.format("2 + 3?"), r"It is \boxed{5}.<|endoftext|>", (r"It is \boxed{5}.", "<|endoftext|>")),
        (CHAT.format("2 + 3?"), r"\boxed{5}.<|im_end|>" + "<|endoftext|>" * 3, (r"\boxed{5}.", "<|im_end|>")),
        (CHAT.format("2 + 3?"), "\\boxed{5}.<|im_end|>\n<|endoftext|>", (r"\boxed{5}.", "<|im_end|>")),
        # As the release grades: what was written after the first end token does not count.
        (CHAT.format("2 + 3?"), r"\boxed{5}.<|im_end|> So \boxed{6} and", (r"\boxed{5}.", "<|im_end|>")),
        (CHAT.format("2 + 3?"), r"\boxed{5}<|endoftext|>Q<|im_end|>", (r"\boxed{5}", "<|endoftext|>")),
        (CHAT.format("2 + 3?"), "<|im_end|>", ("", "<|im_end|>")),
        (CHAT.format("2 + 3?"), r"It is \boxed{5}.", (r"It is \boxed{5}.", None)),
        (TINY, r"\boxed{5}<|end|>", (r"\boxed{5}", "<|end|>")),
        (TINY, r"\boxed{5}<|answer|>", (r"\boxed{5}<|answer|>", None)),
        (TINY, r"<|begin|>What is $2 + 3$?<|answer|>\boxed{5}<|end|>", (TINY + r"\boxed{5}", "<|end|>")),
        ("", r"\boxed{5}</s>", (r"\boxed{5}", "</s>")),
    ],
)
def test_response_is_what_follows_the_prompt(prompt, tail, expected):
    assert reward.response_of(prompt + tail, prompt) == expected


def test_response_where_decoding_changed_the_prompt():
    long = "Find the sum of the first ten primes, then multiply it by the number of even ones among them. " * 3
    assert reward.response_of(long[37:] + r"\boxed{129}<|im_end|>", long) == (r"\boxed{129}", "<|im_end|>")
    assert reward.response_of("What is $2 + 3$ ?<|answer|>6<|end|>", "What is $2 + 3$?<|answer|>") == ("6", "<|end|>")
    with pytest.raises(InputError, match="does not start with its prompt"):
        reward.response_of(r"something else \boxed{5}", long)


def test_end_tokens_by_environment(monkeypatch):
    assert reward.response_of(r"Q \boxed{5}<fin>", "Q ") == (r"\boxed{5}<fin>", None)
    monkeypatch.setenv("LIM_END_TOKENS", '["<eos>", "<fin>"]')
    assert reward.response_of(r"Q \boxed{5}<fin>", "Q ") == (r"\boxed{5}", "<fin>")
    # A token of another family is text where the model's own are known.
    assert reward.response_of(r"Q <|end|>\boxed{5}<fin>", "Q ") == (r"<|end|>\boxed{5}", "<fin>")
    found = reward.reward_func(["Q 5<fin>", "Q 5"], ["Q "] * 2, ['{"id": "1", "answer": "5"}'] * 2)
    assert found["extra_logs"]["end"].tolist() == [1.0, -1.0]


def test_contract_of_openrlhf():
    prompt = CHAT.format("2 + 3?")
    label = json.dumps({"id": "7", "answer": "5"})
    queries = [prompt + r"\boxed{5}<|im_end|>", prompt + r"\boxed{6}<|im_end|>", prompt + r"\boxed{5}"]
    result = reward.reward_func(queries, [prompt] * 3, [label] * 3)
    assert result["rewards"].tolist() == [1.0, -0.5, -1.0]
    assert result["scores"].tolist() == [1.0, 0.0, 0.0]
    codes = result["extra_logs"]["verdict"].tolist()
    assert [Verdict.decode(code) for code in codes] == ["correct", "incorrect", "truncated"]
    assert result["extra_logs"]["reason"].tolist() == [-1.0, -1.0, Reason.CUT_OFF.code]


def test_the_format_rules_are_the_runs(monkeypatch):
    label = json.dumps({"id": "7", "answer": "5"})
    query = "Q" + LOOKS["five boxes"] + "<|im_end|>"
    found = [reward.reward_func([query], ["Q"], [label])["rewards"].item()]
    monkeypatch.setenv("LIM_FORMAT_RULES", "lenient")
    assert [*found, reward.reward_func([query], ["Q"], [label])["rewards"].item()] == [-1.0, 1.0]


def test_codes_of_the_verdicts_never_change():
    """They cross from the reward function to the trainer as floats; lim knows the names without importing eval."""
    codes = {"correct": 0.0, "incorrect": 1.0, "no_answer": 2.0, "malformed": 3.0, "truncated": 4.0, "timeout": 5.0}
    assert {name: Verdict(name).code for name in codes} == codes
    assert tuple(Verdict) == VERDICTS


def test_codes_of_the_reasons_never_change():
    boxes = ["no_box", "empty_box", "unclosed_box", "many_boxes"]
    names = ["cut_off", *boxes, "garbled", "repeated", "unread", "over_limit"]
    assert list(Reason) == [Reason.decode(Reason(name).code) for name in names] == names


def test_a_reason_settles_its_verdict():
    verdicts = {str(reason): str(reason.verdict) for reason in Reason}
    others = {"cut_off": "truncated", "no_box": "no_answer", "unread": "incorrect", "over_limit": "timeout"}
    assert verdicts == dict.fromkeys(verdicts, "malformed") | others


def rewarded(*labels: dict, response: str) -> list[float]:
    texts = [json.dumps({"id": "1", **label}) for label in labels]
    result = reward.reward_func([f"Q{response}<|end|>"] * len(texts), ["Q"] * len(texts), texts)
    return [round(value, 5) for value in result["rewards"].tolist()]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A person's verifier `share`; this process's verifiers are made anew."""
    path = tmp_path / "own.py"
    path.write_text("def share(response, answer, metadata):\n    return response.count(answer) / metadata['of']\n")
    monkeypatch.setenv("LIM_VERIFIERS", json.dumps({"share": f"{path}:share"}))
    reward._verifiers.cache_clear()
    yield {"answer": "a", "verifier": "share", "metadata": {"of": 4}}
    reward.verifiers().close()
    reward._verifiers.cache_clear()


def test_a_score_becomes_the_reward_by_the_runs_rule(own, monkeypatch):
    choice = {"answer": "B", "verifier": "choice"}
    assert rewarded(own, choice, response=r"\boxed{(a)}") == [-0.5, -0.5]
    assert rewarded(own, choice, response=r"a a a a \boxed{(B)}") == [1.0, 1.0]
    assert rewarded(own, choice, response="a a") == [-0.5, -1.0]  # no box is needed, and needed
    monkeypatch.setenv("LIM_PART_CREDIT", "1")
    assert rewarded(own, response="a a a") == [-0.5 + 1.5 * 0.75]
    monkeypatch.setenv("LIM_REWARDS", '{"correct": 3, "malformed": -2}')
    assert rewarded(own, choice, response="a a a") == [-0.5 + 3.5 * 0.75, -2.0]


def test_scores_and_verdicts_go_to_the_log(own):
    labels = [json.dumps({"id": "1", **own}), json.dumps({"id": "2", "answer": "7"})] * 2
    queries = ["Qa a<|end|>", r"Q\boxed{7}<|end|>", "Qa a a a", r"Q\boxed{8}<|end|>"]
    logs = reward.reward_func(queries, ["Q"] * 4, labels)["extra_logs"]
    assert logs["verifier_score"].tolist() == [0.5, 1.0, -1.0, 0.0]
    assert [Verdict.decode(code) for code in logs["verdict"]] == ["incorrect", "correct", "truncated", "incorrect"]


def test_a_verifier_that_fails_ends_the_run_with_its_own_message(own, tmp_path, monkeypatch):
    monkeypatch.setenv("LIM_REWARD_ERROR_FILE", str(tmp_path / "error.txt"))
    with pytest.raises(InputError, match=r"verifier share \(.*own.py:share\) raised line 2: ZeroDivisionError"):
        rewarded(own | {"metadata": {"of": 0}}, response="a")
    assert "raised line 2: ZeroDivisionError: division by zero" in (tmp_path / "error.txt").read_text()


@pytest.mark.parametrize(
    "label", ["5", "not json", '{"id": "7"}', '{"id": "7", "answer": ""}', '{"answer": 5}', None]
)
def test_bad_label_is_an_error_and_is_kept(label, tmp_path, monkeypatch):
    monkeypatch.setenv("LIM_REWARD_ERROR_FILE", str(tmp_path / "error.txt"))
    with pytest.raises(InputError, match="label"):
        reward.reward_func([r"Q\boxed{5}<|end|>"], ["Q"], [label])
    assert "label" in (tmp_path / "error.txt").read_text()


def test_first_error_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("LIM_REWARD_ERROR_FILE", str(tmp_path / "error.txt"))
    for label in ("first", "second"):
        with pytest.raises(InputError):
            reward.reward_func(["Q"], ["Q"], [label])
    assert "first" in (tmp_path / "error.txt").read_text()


def test_integers_start_no_worker():
    before = set(reward.verifiers().grader.pool.workers)  # of other tests in this process
    reward.reward_of(r"\boxed{12}", "13", True)
    reward.reward_of(r"\boxed{\frac{1}{2}}", "0.5", True)
    assert reward.verifiers().grader.pool.workers <= before


def test_many_threads_at_once():
    results: dict[int, float] = {}

    def one(number: int) -> None:
        query = rf"Q\boxed{{\sqrt{{{number}}} + 1}}<|end|>"
        gold = json.dumps({"id": "1", "answer": rf"1+\sqrt{{{number if number % 2 else number + 1}}}"})
        results[number] = reward.reward_func([query], ["Q"], [gold])["rewards"].item()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(2, 34)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: 1.0 if number % 2 else -0.5 for number in range(2, 34)}


def test_loads_by_path_from_anywhere(tmp_path):
    code = (
        "import importlib.util as u\n"
        f"s = u.spec_from_file_location('reward_func', {str(ROOT / 'train/reward.py')!r})\n"
        "m = u.module_from_spec(s); s.loader.exec_module(m)\n"
        'label = \'{"id": "1", "answer": "5"}\'\n'
        "print(m.reward_func([r'Q\\boxed{5}<|end|>'], ['Q'], [label])['rewards'].item())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1.0"
    assert importlib.util.find_spec("openrlhf") is not None


def test_the_embedded_tokenizer_decodes_what_it_encodes():
    from train.pretrain.tokenizer import build

    tokenizer = build()
    message = [{"role": "user", "content": "What is $12 + 3$?"}]
    prompt = tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
    for response, value in ((r"\boxed{15}<|end|>", 1.0), (r"\boxed{16}<|end|>", -0.5), (r"\boxed{15}", -1.0)):
        ids = tokenizer(text=prompt + response, add_special_tokens=False)["input_ids"]
        query = tokenizer.decode(ids, skip_special_tokens=False)
        result = reward.reward_func([query], [prompt], [json.dumps({"id": "1", "answer": "15"})])
        assert result["rewards"].item() == value


def test_through_openrlhf_executor():
    import asyncio

    from openrlhf.utils.agent import SingleTurnAgentExecutor

    executor = SingleTurnAgentExecutor(str(ROOT / "train/reward.py"))
    prompt = CHAT.format("2 + 3?")
    found = asyncio.run(
        executor._fetch_rewards_via_func([prompt + r"\boxed{5}<|im_end|>"], [prompt], ['{"id": "1", "answer": "5"}'])
    )
    assert found[0]["rewards"].item() == 1.0
