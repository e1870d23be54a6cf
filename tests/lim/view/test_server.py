"""The viewer's addresses: who gets an answer, what is asked of a run, and what comes of questions without sense."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import pytest
import viewed

from eval.verifiers import Verifiers
from eval.verifiers.grading import grading
from eval.view import main, of_name
from lim.report.pair import Choice
from lim.utils.errors import InputError
from lim.view.run import RunView
from lim.view.server import App, open_server
from lim.view.sources import PairSource, RunSource, differences, rendered

ROOT = Path(viewed.__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def address(tmp_path):
    with Verifiers(workers=1) as verifiers:
        view = RunView(str(viewed.write_own(tmp_path)), grading=grading(verifiers))
        with viewed.viewer(RunSource(view, "run")) as address:
            yield address


def ask(address: str, name: str, **query):
    with urlopen(f"{address}0/{name}?{urlencode(query)}") as answer:
        return json.loads(answer.read())


def refused(address: str, **more) -> int:
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(address, **more))
    assert caught.value.headers["Content-Security-Policy"].startswith("default-src 'none'")
    return caught.value.code


def test_only_the_printed_address_answers(address):
    port = urlsplit(address).port
    root = f"http://127.0.0.1:{port}/"
    token = address.removeprefix(root).rstrip("/")
    assert len(token) >= 32
    assert refused(root) == refused(f"{root}0/samples?prompt=0") == refused(f"{root}{token[:-1]}/0/") == 403
    assert refused(f"{root}%ff%fe/0/") == 403
    for host in ("evil.example", "127.0.0.1.evil.example", "", "evil.example:80", "[::1]"):
        assert refused(address, headers={"Host": host}) == 403
    with urlopen(Request(address, headers={"Host": f"localhost:{port + 1}"})) as answer:  # behind a tunnel
        assert answer.status == 200
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert refused(address, method=method) == 405


def test_only_this_machine_is_listened_to(address):
    port = urlsplit(address).port
    others = {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for other in others - {"127.0.0.1"}:
        if not other.startswith("127."):
            with pytest.raises(OSError):
                socket.create_connection((other, port), timeout=2)


def test_the_page_may_load_nothing_from_elsewhere(address):
    with urlopen(address) as answer:
        html, headers = answer.read().decode(), answer.headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "connect-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    meta = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert meta and policy.startswith(meta[1])
    assert headers["Referrer-Policy"] == "no-referrer" and headers["X-Content-Type-Options"] == "nosniff"
    assert re.findall(r'(?:src|href)="(?!data:)[^"]*"', html) == []


def test_samples_responses_search_and_differences(address):
    written = [row for row in viewed.rows() if row.prompt == 5]
    listed = ask(address, "samples", prompt=5)
    assert listed["gold"] == str(viewed.label(5)) and listed["grade"] is False
    assert [row["answer"] for row in listed["samples"]] == [str(row.answer) for row in written]
    one = ask(address, "response", prompt=5, sample=3)
    text = "".join(part if isinstance(part, str) else one["formulas"][part][0] for part in one["parts"])
    assert text == written[3].response and len(one["formulas"]) == 2
    wanted = f"= {viewed.truth(5)}$"
    hits = ask(address, "search", prompt=5, text=wanted.upper())
    assert hits == [at for at, row in enumerate(written) if wanted in row.response] and hits
    parts = ask(address, "differences", prompt=5, sample=0, other=15)
    for kinds, row in ((("same", "gone"), written[0]), (("same", "new"), written[15])):
        assert "".join(text for kind, text in parts if kind in kinds) == row.response


def test_suspects_and_steps(address):
    for _ in range(100):
        if (found := ask(address, "suspects"))["state"] == "ready":
            break
        time.sleep(0.1)
    assert sorted(row["id"] for row in found["suspects"]) == [f"p{n:02d}" for n in viewed.WRONG]
    live = ask(address, "live")
    assert live["steps"] == list(range(1, 13)) and live["problem"] is None
    shares = [sum(values) for values in zip(*live["verdicts"].values(), strict=True)]
    assert shares == pytest.approx([1] * 12, abs=1e-4)


@pytest.mark.parametrize("writer", [viewed.write_verl, viewed.write_trl])
def test_suspects_of_other_trainers_are_json(tmp_path, writer):
    with Verifiers(workers=1) as verifiers:
        view = RunView(
            str(writer(tmp_path)),
            prompts_path=str(tmp_path / "prompts.json"),
            grading=grading(verifiers),
        )
        source = RunSource(view, "run")
        while (found := source.suspected())["state"] == "searching":
            json.dumps(found)
            time.sleep(0.05)
    assert len(json.loads(json.dumps(found))["suspects"]) == len(viewed.WRONG)


@pytest.mark.parametrize(
    "name",
    ["samples?prompt=99", "samples?prompt=-1", "samples?prompt=x", "samples", "nosuch?prompt=0", "response?prompt=0"]
    + ["response?prompt=0&sample=999", "search?prompt=0", "../run.json", "..%2f..%2frun.json"],
)
def test_questions_without_sense_are_refused_in_one_line(address, name):
    with pytest.raises(HTTPError) as caught:
        urlopen(f"{address}0/{name}")
    assert caught.value.code in (403, 404)
    assert caught.value.read().count(b"\n") <= 1


def test_a_log_deleted_under_the_viewer_is_said(address, tmp_path):
    for path in (tmp_path / "run").iterdir():
        path.unlink()
    with pytest.raises(HTTPError) as caught:
        ask(address, "samples", prompt=1)
    assert "cannot be read: No such file" in json.loads(caught.value.read())["error"]
    assert "log" in ask(address, "live")["problem"]


def test_two_runs_side_by_side_are_linked(tmp_path):
    views = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        views.append(RunView(str(viewed.write_own(tmp_path / name))))
    runs = [RunSource(view, view.path, links=[("Both", "../0/")]) for view in views]
    with viewed.viewer(PairSource(*views, views[0].prompts, ["../1/", "../2/"]), *runs) as address:
        html = urlopen(address).read().decode()
        assert "Jaccard similarity" in html and "1.000" in html and 'href="../2/"' in html
        assert "Make-up" in html and "Level" in html
        assert urlopen(f"{address}2/").status == 200


def test_scores_files_side_by_side(tmp_path):
    paths = []
    for name, top in (("a", 3), ("b", 5)):
        paths.append(tmp_path / f"{name}.scores.json")
        rows = [{"id": str(n), "prompt": f"<b>{n}</b>", "score": n / 9, "chosen": n < top} for n in range(9)]
        paths[-1].write_text(json.dumps(rows))
    source = PairSource(*(Choice.read(str(path)) for path in paths), None, [])
    html, policy = source.page()
    assert "&lt;b&gt;3&lt;/b&gt;" in html and "<b>3" not in html
    assert "script-src" not in policy


def test_long_and_odd_responses_are_cut_and_kept_as_text():
    long = "x" * 3_000_000
    found = rendered(long)
    assert found["cut"] and found["characters"] == 3_000_000 and sum(map(len, found["parts"])) == 2_000_000
    broken = rendered("$\\frac{1$ \ud83d \\[ \\begin{align} $$")
    assert all(isinstance(part, str) for part in broken["parts"])
    json.dumps(broken).encode("utf-8")
    start = time.perf_counter()
    rendered("$" * 40_000 + "\\[" * 20_000 + "\\begin{align}" * 3_000)
    assert time.perf_counter() - start < 5
    with pytest.raises(InputError, match="too long to be compared"):
        differences("a\n" * 7_000, "b\n" * 7_000)


def test_a_port_in_use_is_one_line():
    taken = open_server(App([]))
    try:
        with pytest.raises(InputError, match=rf"--port {taken.port}: is in use; name another"):
            open_server(App([]), taken.port)
    finally:
        taken.server_close()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["a", "b", "c"], "takes one run, or two side by side, not 3"),
        (["x", "--response_key", "r"], "need both --response_key and --gold_key"),
        (["x", "--verdict_key", "v"], "go with --response_key and --gold_key"),
        (["nosuch"], "nosuch: no such file or folder; give the folder of a run's log"),
    ],
)
def test_a_mistake_is_one_line(arguments, line):
    with pytest.raises(InputError, match=line) as caught:
        main(arguments)
    assert "\n" not in str(caught.value)


def test_a_run_is_known_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr("eval.view.OUTPUT", tmp_path / "output")
    run = tmp_path / "output" / "full-s1"
    run.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert of_name("full-s1") == str(run)
    (tmp_path / "full-s1").mkdir()  # what is here comes first
    for path in ("full-s1", "full-s2", "output/full-s1", "s3://full-s1", ".", ".."):
        assert of_name(path) == path


def test_what_cannot_be_shown_is_one_line_before_the_server_starts(tmp_path):
    logs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        logs.append(viewed.write_verl(tmp_path / name))
    for path in logs[1].iterdir():
        path.write_text(path.read_text().replace("What is", "How much is"))
    generations = tmp_path / "generations.jsonl"
    generations.write_text(json.dumps({"response": "\\boxed{1}", "gold": "1"}) + "\n")
    graded = tmp_path / "graded"
    graded.mkdir()
    (graded / "results.json").write_text("{}")
    (graded / "generations.graded.jsonl").write_text("{}\n")
    keys = ["--response_key", "output", "--gold_key", "gold"]
    for arguments, line in (
        (logs, r"\(without its prompt file\) share no prompt"),
        ([generations, *keys], "row 1 has no 'output'"),
        ([graded], "holds the verdicts that --score_only wrote, without responses; give the file or folder"),
        ([logs[0], graded], "is an evaluation, of which one is shown at a time; lim compare pairs two"),
    ):
        with pytest.raises(InputError, match=line):
            main([*map(str, arguments)])


def test_two_logs_without_prompt_file_are_paired_by_their_texts(tmp_path):
    """One has half of the prompts, as the training on a selection."""
    views = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        log = viewed.write_verl(tmp_path / name)
        for path in log.iterdir() if name == "two" else ():
            lines = path.read_text().splitlines()
            asked = [json.loads(line)["input"] for line in lines]
            even = [int(re.findall(r"\d+", text)[0]) % 2 == 0 for text in asked]
            path.write_text("\n".join(line for line, keep in zip(lines, even, strict=True) if keep))
        views.append(RunView(str(log)))
    html, _ = PairSource(*views, views[0].prompts, []).page()
    assert "<dt>prompts in both files</dt><dd>12</dd>" in html and "12 and 0" in html


def start(log: Path) -> tuple[subprocess.Popen[str], str]:
    """`python -m lim.view` in a process of its own, and the address it prints."""
    env = {**os.environ, "LIM_CACHE": str(log.parent / "cache")}
    command = [sys.executable, "-m", "lim.view", str(log)]
    started = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert started.stdout is not None
    return started, started.stdout.readline().strip()


def test_two_viewers_at_once_and_ctrl_c_is_one_line(tmp_path):
    log = viewed.write_own(tmp_path)
    viewers = [start(log) for _ in range(2)]
    addresses = [address for _, address in viewers]
    assert len({urlsplit(address).port for address in addresses}) == 2
    for address in addresses:
        assert len(ask(address, "samples", prompt=2)["samples"]) == viewed.EPOCHS * viewed.SAMPLES
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(addresses[0]).port)
    connection.request("GET", urlsplit(addresses[0]).path + "0/live")  # kept open while the viewer ends
    for started, _ in viewers:
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=20)
        assert (out, err, started.returncode) == ("", "closed\n", 0)
    assert not any(path.suffix == ".partial" for path in tmp_path.rglob("*"))


def test_nothing_in_the_log_is_written(tmp_path):
    log = viewed.write_own(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in [log, *log.iterdir()]}
    view = RunView(str(log))
    for prompt in range(3):
        view.samples(prompt)
    assert {path: path.stat().st_mtime_ns for path in [log, *log.iterdir()]} == before
