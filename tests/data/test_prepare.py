"""data.prepare against a local HTTP server and local folders laid out as the hub and the release are."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlparse

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data import prepare
from data.arithmetic import __main__ as arithmetic
from data.letters import __main__ as letters
from data.sets import sources
from data.sets.columns import dig, level_number
from data.sets.fetch import fetch
from data.sets.sources import after_hashes, without_dollars
from lim.prompts import read_prompts
from lim.utils.errors import InputError, run_cli

ROOT = Path(__file__).resolve().parents[2]


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` (path → bytes); `answer` may take a request over. `seen` holds the paths."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.seen: list[str] = []
        self.breaks = 0  # how many answers are cut off half way
        self.answer = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        path = unquote(urlparse(self.path).path)
        self.server.seen.append(path)
        status, headers, body = (self.server.answer or self.plain)(path)
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(key, value)
        self.end_headers()
        if self.server.breaks and self.command == "GET":
            self.server.breaks -= 1
            body = body[: len(body) // 2]
            self.close_connection = True
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def plain(self, path: str):
        if path not in self.server.files:
            return 404, {}, b""
        return 200, {}, self.server.files[path]

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def failing(capsys, *argv: object) -> str:
    """The error line of a run that must exit with 2."""
    assert run_cli(lambda: prepare.main([str(arg) for arg in argv])) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    return error


def cli(*argv: object, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "data.prepare", *map(str, argv)],
        cwd=ROOT,
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=100,
    )


def jsonl(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# --- one file over HTTP -----------------------------------------------------------------------------------------

BODY = bytes(range(256)) * 4096


def test_broken_downloads_are_tried_again(server, tmp_path):
    server.files["/f"], server.breaks = BODY, 2
    assert fetch(f"{server.url}/f", tmp_path / "f", sha(BODY), wait=0).read_bytes() == BODY
    assert len(server.seen) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_download_that_keeps_breaking_off_leaves_nothing(server, tmp_path):
    server.files["/f"], server.breaks = BODY, 99
    with pytest.raises(InputError, match=r"cannot be fetched \(IncompleteRead\(524288 bytes read, 524288 more"):
        fetch(f"{server.url}/f", tmp_path / "f", sha(BODY), wait=0)
    assert len(server.seen) == 5 and not list(tmp_path.iterdir())


@pytest.mark.parametrize(("status", "requests"), [(503, 5), (429, 5), (403, 1), (404, 1)])
def test_errors_that_may_pass_are_tried_again(server, tmp_path, status, requests):
    server.answer = lambda path: (status, {}, b"")
    with pytest.raises(InputError, match=f"the server answers {status} .*--from DIR"):
        fetch(f"{server.url}/f", tmp_path / "f", sha(BODY), wait=0)
    assert len(server.seen) == requests


def test_wrong_checksum_leaves_nothing_behind(server, tmp_path):
    server.files["/f"] = BODY
    with pytest.raises(InputError, match=f"sha256 is {sha(BODY)}, expected {'0' * 64}"):
        fetch(f"{server.url}/f", tmp_path / "f", "0" * 64, wait=0)
    assert not list(tmp_path.iterdir())


def test_file_that_is_here_is_not_fetched(server, tmp_path):
    (tmp_path / "f").write_bytes(BODY)
    fetch(f"{server.url}/f", tmp_path / "f", sha(BODY))
    assert server.seen == []


# --- the release's files ----------------------------------------------------------------------------------------

PROMPTS = [
    {"id": "a", "prompt": "What is\n1+1?", "answer": "2", "source": "math"},
    {"id": "b", "prompt": "What is 2+2?", "answer": "4", "source": "math"},
    {"id": "c", "prompt": "What is 3+3?", "answer": "", "source": "math"},
    {"id": "d", "prompt": "What is 4+4?", "answer": "8", "source": "math"},
]
SCORES = [
    {"prompt": "What is 4+4?", "score": 0.6},
    {"prompt": "What is 2+2?", "score": 0.9},
    {"prompt": "What is\n1+1?", "score": 0.59},
]
QUESTIONS = [{"question": "What is 5+5?", "answer": "10"}]
MATH = [
    {"problem": "What is 1+1?", "solution": "s", "answer": "2", "level": 3, "subject": "Algebra", "unique_id": "m/1"},
    {"problem": "What is 2+2?", "solution": "s", "answer": "4", "level": 2, "subject": "Algebra", "unique_id": "m/2"},
    {
        "problem": "What is 9+9?",
        "solution": "s",
        "answer": "18",
        "level": 5,
        "subject": "Geometry",
        "unique_id": "m/3",
    },
    {
        "problem": "What is 5+5?",
        "solution": "s",
        "answer": "10",
        "level": 5,
        "subject": "Algebra",
        "unique_id": "m/4",
    },
]


@pytest.fixture
def small_release(monkeypatch, server):
    """A release of a few rows on the server, under the real paths, in place of the real checksums."""

    def put(file, body: bytes):
        server.files[f"/{file.path}"] = body
        return replace(file, sha256=sha(body))

    math8k = put(sources.MATH8K, json.dumps(PROMPTS).encode())
    math500 = put(sources.MATH500, "\n".join(map(json.dumps, QUESTIONS)).encode())
    scores = put(sources.SCORES, json.dumps(SCORES).encode())
    train = replace(sources.MATH_TRAIN, rows=len(MATH))
    for name, value in {"MATH8K": math8k, "MATH500": math500, "SCORES": scores, "MATH_TRAIN": train}.items():
        monkeypatch.setattr(sources, name, value)
    for name, origin in {"math8k": math8k, "limr": scores, "math500": math500, "math8k_rebuilt": train}.items():
        monkeypatch.setitem(sources.SETS, name, replace(sources.SETS[name], origin=origin))
    return server


def test_release_sets_are_fetched_and_written(small_release, tmp_path, capsys):
    prepare.main(["math8k", "limr", "math500", "--release_url", small_release.url, "--data_dir", str(tmp_path)])
    assert read_prompts(tmp_path / "prompts/math8k.json") == PROMPTS
    assert [row["id"] for row in read_prompts(tmp_path / "prompts/limr.json")] == ["b", "d"]
    assert jsonl(tmp_path / "benchmarks/math500.jsonl") == [
        {"id": "math500-1", "question": "What is 5+5?", "answer": "10"}
    ]
    facts = json.loads((tmp_path / "prompts/limr.json.source.json").read_text())
    assert facts["rows"] == 2 and facts["origin"]["commit"] == sources.RELEASE_COMMIT
    assert facts["sha256"] == sha((tmp_path / "prompts/limr.json").read_bytes())
    out = capsys.readouterr().out
    assert "4 rows; 1 with an empty answer" in out and "1 of 4 have no score" in out
    assert len(small_release.seen) == 3  # each file once


@pytest.mark.parametrize("flat", [True, False], ids=["by name", "a clone of the release"])
def test_release_sets_from_a_folder(small_release, tmp_path, flat):
    for path, body in small_release.files.items():
        target = tmp_path / "in" / (Path(path).name if flat else path[1:])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
    prepare.main(["limr", "--from", str(tmp_path / "in"), "--data_dir", str(tmp_path / "out")])
    assert [row["id"] for row in read_prompts(tmp_path / "out/prompts/limr.json")] == ["b", "d"]
    assert small_release.seen == []


def test_changed_file_in_a_folder_is_refused(tmp_path, capsys):
    (tmp_path / "math.8k.json").write_text("[]")
    error = failing(capsys, "math8k", "--from", tmp_path, "--data_dir", tmp_path)
    assert "math.8k.json: sha256 is " in error and "98ebf1b" in error
    assert not (tmp_path / "prompts").exists()


def put_math(folder: Path) -> Path:
    place = folder / "nlile/hendrycks-MATH-benchmark/data"
    place.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(MATH), place / "train-00000-of-00001.parquet")
    pq.write_table(pa.Table.from_pylist(MATH[:1]), place / "test-00000-of-00001.parquet")
    return folder


def test_levels_are_attached_where_the_texts_match(small_release, tmp_path, capsys):
    for path, body in small_release.files.items():
        (tmp_path / Path(path).name).write_bytes(body)
    prepare.main(["math8k", "--levels", "--from", str(put_math(tmp_path)), "--data_dir", str(tmp_path)])
    rows = read_prompts(tmp_path / "prompts/math8k.json")
    assert [row.get("level") for row in rows] == [3, 2, None, None]
    assert rows[0] == PROMPTS[0] | {"level": 3, "subject": "Algebra"}
    assert "level and subject attached to 2 of 4" in capsys.readouterr().out


def test_math8k_rebuilt_from_math(small_release, tmp_path, capsys):
    for path, body in small_release.files.items():
        (tmp_path / Path(path).name).write_bytes(body)
    prepare.main(["math8k_rebuilt", "--from", str(put_math(tmp_path)), "--data_dir", str(tmp_path)])
    rows = read_prompts(tmp_path / "prompts/math8k_rebuilt.json")
    # m/2 is of level 2, m/4 is a question of MATH500; m/1 is row a of the release but for whitespace.
    assert [(row["id"], row["level"]) for row in rows] == [("a", 3), ("m/3", 5)]
    assert "1 of the release's 4 distinct questions" in capsys.readouterr().out


# --- what can be wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, near",
    [
        ("mth500", "did you mean math500"),
        ("LIMR", "did you mean limr"),
        ("gsm", "did you mean gsm8k"),
        ("zzz", "known: "),
    ],
)
def test_unknown_name_suggests_near_ones(capsys, tmp_path, name, near):
    error = failing(capsys, "math8k", name, "--data_dir", tmp_path)
    assert f"{name}: no such data set" in error and near in error
    assert not list(tmp_path.iterdir())  # names are checked before anything is fetched


@pytest.mark.parametrize("path", ["hf://spaces/org/name", "s3://bucket/train.parquet", "https://example.org/x.jsonl"])
def test_an_address_that_is_no_set_of_the_hub_is_one_line(capsys, tmp_path, path):
    error = failing(capsys, "--dataset", path, "--data_dir", tmp_path)
    assert f"--dataset {path}: takes a set of the Hugging Face hub (org/name), or a local file" in error


@pytest.mark.parametrize("address", ["hf://datasets/org/name", "https://huggingface.co/datasets/org/name/"])
def test_an_address_of_the_hub_is_its_data_set(capsys, tmp_path, address):
    (tmp_path / "org" / "name").mkdir(parents=True)
    (tmp_path / "org" / "name" / "train.jsonl").write_text('{"q": "1 + 1", "a": "2"}\n')
    flags = ("--prompt_key", "q", "--answer_key", "a", "--from", tmp_path, "--data_dir", tmp_path)
    assert run_cli(lambda: prepare.main([*map(str, ("--dataset", address, *flags))])) == 0
    assert read_prompts(tmp_path / "prompts" / "name.json")[0]["answer"] == "2"


@pytest.mark.parametrize("path", ["none.json", "./org/name", "/org/name", "some/where/set.parquet"])
def test_a_local_path_that_is_not_there_is_not_asked_of_the_hub(capsys, tmp_path, path):
    error = failing(capsys, "--dataset", path, "--data_dir", tmp_path)
    assert error == f"error: {path}: no such file or folder; a set of the Hugging Face hub is named org/name\n"


def test_a_hub_that_cannot_be_reached_is_one_line(tmp_path):
    done = cli("--dataset", "hf://datasets/org/name", "--data_dir", tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("error: org/name: ")


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_fetched(capsys):
    assert "--data_dir /proc/x: cannot be written" in failing(capsys, "math8k", "--data_dir", "/proc/x")


def test_no_name_and_no_folder(capsys, tmp_path):
    assert "name a data set: math8k, limr" in failing(capsys)
    assert "no such folder" in failing(capsys, "math8k", "--from", tmp_path / "none")
    assert "has neither math.8k.json nor data/prompts/math.8k.json" in failing(capsys, "math8k", "--from", tmp_path)
    assert "holds no math-ai/aime25" in failing(capsys, "aime25", "--from", tmp_path)


def test_offline_line_names_the_folder_option_and_the_embedded_set(capsys, tmp_path):
    error = failing(capsys, "math8k", "--release_url", "http://127.0.0.1:9", "--data_dir", tmp_path)
    assert "--from DIR" in error and "python -m data.prepare arithmetic" in error


def test_offline_hub_names_the_folder_option_and_the_embedded_set(tmp_path):
    run = cli("gsm8k", "--data_dir", tmp_path, HF_ENDPOINT="http://127.0.0.1:9", HF_HOME=str(tmp_path / "home"))
    assert run.returncode == 2 and run.stderr.count("\n") == 1
    assert all(
        text in run.stderr for text in ("openai/gsm8k", "HF_ENDPOINT", "--from DIR", "data.prepare arithmetic")
    )


def test_hub_without_the_full_set_names_the_setup_and_folders_still_work(tmp_path):
    place = tmp_path / "openai/gsm8k/main"
    place.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(GSM8K), place / "test-00000-of-00001.parquet")
    blocked = (
        "import sys; sys.modules['datasets'] = sys.modules['huggingface_hub'] = sys.modules['torch'] = None\n"
        "from data import prepare; from lim.utils.errors import run_cli\n"
        "sys.exit(run_cli(prepare.main))"
    )
    run = [sys.executable, "-c", blocked, "gsm8k", "--data_dir", str(tmp_path / "out")]
    hub = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    assert hub.returncode == 2 and "bash scripts/setup.sh all" in hub.stderr and hub.stderr.count("\n") == 1
    local = subprocess.run([*run, "--from", str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert local.returncode == 0, local.stderr
    assert jsonl(tmp_path / "out/benchmarks/gsm8k.jsonl")[0]["answer"] == "1234"


# --- the hub ----------------------------------------------------------------------------------------------------

GSM8K = [{"question": f"How many? {i}", "answer": f"some <<1+1=2>> steps\n#### 1,{234 + i}"} for i in range(1319)]
OLYMPIAD = [
    {
        "id": i,
        "question": f"Find it. {i}",
        "final_answer": [f"$\\frac{{{i}}}{{2}}$"],
        "subfield": "Algebra",
        "image_1": None,
    }
    for i in range(674)
]
AIME25 = [{"problem": f"Find m+n. {i}", "answer": str(i), "id": str(i)} for i in range(30)]
NESTED = [
    {"prompt": [{"role": "user", "content": f"Why {i}?"}], "reward": {"truth": i}, "uid": f"u{i}"} for i in range(3)
]


MIXED = [{"prompt": f"q {answer}", "solution": answer} for answer in ("1.50", 2, "1e3", "\\frac12", "[1]", None)]


def parquet(rows: list[dict]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def lines(rows: list[dict]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def card(*configs: str) -> bytes:
    return ("---\nconfigs:\n" + "\n".join(configs) + "\n---\n").encode()


CONFIG = "- config_name: {0}\n  data_files:\n  - split: {1}\n    path: {2}"
REPOS = {
    "math-ai/aime25": {"README.md": card(CONFIG.format("default", "test", "test*")), "test.jsonl": lines(AIME25)},
    "math-ai/olympiadbench": {"README.md": b"# no card\n", "test.jsonl": lines(OLYMPIAD)},
    "openai/gsm8k": {
        "README.md": card(
            CONFIG.format("main", "test", "main/test-*"), CONFIG.format("socratic", "test", "socratic/test-*")
        ),
        "main/test-00000-of-00001.parquet": parquet(GSM8K),
        "socratic/test-00000-of-00001.parquet": parquet(GSM8K[:5]),
    },
    "some/mixed": {
        "README.md": b"---\nlicense: mit\n---\n",
        "train.jsonl": lines(MIXED),
        "test.jsonl": lines(MIXED[:1]),
    },
    "some/readme-only": {"README.md": b"nothing yet"},
    "some/own-set": {"README.md": b"", "data/train-00000-of-00001.parquet": parquet(NESTED)},
}
NEWEST = "1234567890123456789012345678901234567890"


def tree(files: dict[str, bytes], folder: str) -> list[dict]:
    """What the hub lists under a folder, recursively: files and the folders they are in."""
    base = folder.strip("/") + "/" if folder.strip("/") else ""
    inside = {name: body for name, body in files.items() if name.startswith(base)}
    folders = {str(parent) for name in inside for parent in Path(name).parents if len(str(parent)) > len(base)} - {
        "."
    }
    listed = [{"type": "file", "path": n, "size": len(b), "oid": sha(b)[:40]} for n, b in inside.items()]
    return listed + [{"type": "directory", "path": name, "oid": "0" * 40} for name in sorted(folders)]


@pytest.fixture
def hub(server):
    """The server answering as the hub does for REPOS."""

    def answer(path: str):
        repo = next((repo for repo in REPOS if f"/{repo}/" in path + "/"), None)
        if repo is None:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        files = REPOS[repo]
        revision = next(
            (s.origin.revision for s in sources.SETS.values() if getattr(s.origin, "repo", 0) == repo), NEWEST
        )
        if "/resolve/" in path:
            name = path.split(f"/resolve/{revision}/")[-1]
            if name not in files:
                return 404, {"X-Error-Code": "EntryNotFound"}, b""
            return 200, {"ETag": f'"{sha(files[name])}"', "X-Repo-Commit": revision}, files[name]
        if "/tree/" in path:
            return (
                200,
                {"Content-Type": "application/json"},
                json.dumps(tree(files, path.split(revision)[-1])).encode(),
            )
        if "/revision/" in path and not path.endswith(revision):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        facts = {
            "id": repo,
            "sha": revision,
            "private": False,
            "tags": [],
            "siblings": [{"rfilename": n} for n in files],
        }
        return 200, {"Content-Type": "application/json"}, json.dumps(facts).encode()

    server.answer = answer
    return server


def test_benchmarks_from_the_hub(hub, tmp_path):
    env = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    run = cli("aime25", "gsm8k", "olympiadbench", "--data_dir", tmp_path, **env)
    assert run.returncode == 0, run.stderr
    assert jsonl(tmp_path / "benchmarks/aime25.jsonl")[7] == {
        "id": "aime25-8",
        "question": "Find m+n. 7",
        "answer": "7",
    }
    gsm8k = jsonl(tmp_path / "benchmarks/gsm8k.jsonl")
    assert len(gsm8k) == 1319 and gsm8k[1] == {"id": "gsm8k-2", "question": "How many? 1", "answer": "1235"}
    assert jsonl(tmp_path / "benchmarks/olympiadbench.jsonl")[3] == {
        "id": "olympiadbench-4",
        "question": "Find it. 3",
        "answer": "\\frac{3}{2}",
        "subject": "Algebra",
    }
    facts = json.loads((tmp_path / "benchmarks/gsm8k.jsonl.source.json").read_text())
    assert facts["origin"] == {
        "repo": "openai/gsm8k",
        "config": "main",
        "split": "test",
        "revision": sources.SETS["gsm8k"].origin.revision,
    }


def test_offline_mode_takes_the_pinned_revision_from_the_cache_and_no_other(hub, tmp_path):
    env = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    assert cli("aime25", "--data_dir", tmp_path / "on", **env).returncode == 0
    hub.seen.clear()
    assert cli("aime25", "--data_dir", tmp_path / "off", **env, HF_HUB_OFFLINE="1").returncode == 0
    name = "benchmarks/aime25.jsonl"
    assert (tmp_path / "off" / name).read_bytes() == (tmp_path / "on" / name).read_bytes()
    other = ["--dataset", "math-ai/aime25", "--name", "other", "--split", "test", "--revision", "f" * 40]
    run = cli(*other, "--prompt_key", "problem", "--answer_key", "answer", **env, HF_HUB_OFFLINE="1")
    assert run.returncode == 2 and "the cache holds revision 563bb84" in run.stderr and "not ffff" in run.stderr
    assert hub.seen == []


def test_any_other_data_set(hub, tmp_path):
    env = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    keys = ["--dataset", "some/own-set", "--prompt_key", "prompt.0.content"]
    run = cli(
        *keys, "--answer_key", "reward.truth", "--id_key", "uid", "--name", "own", "--data_dir", tmp_path, **env
    )
    assert run.returncode == 0, run.stderr
    assert read_prompts(tmp_path / "prompts/own.json") == [
        {"id": f"u{i}", "prompt": f"Why {i}?", "answer": str(i)} for i in range(3)
    ]
    facts = json.loads((tmp_path / "prompts/own.json.source.json").read_text())
    assert facts["origin"]["revision"] == NEWEST  # none was asked for: the one that was used is recorded
    wrong = cli(*keys, "--answer_key", "reward.gold", "--data_dir", tmp_path / "none", **env)
    assert wrong.returncode == 2
    assert "row 1 has no column 'reward.gold' (its columns: prompt, reward, uid)" in wrong.stderr
    assert not (tmp_path / "none").exists()


def test_strings_of_a_mixed_column_stay_strings(hub, tmp_path):
    env = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    keys = ["--dataset", "some/mixed", "--prompt_key", "prompt", "--answer_key", "solution", "--data_dir", tmp_path]
    assert cli(*keys, **env).returncode == 0
    found = [row["answer"] for row in read_prompts(tmp_path / "prompts/mixed.json")]
    assert found == ["1.50", "2", "1e3", "\\frac12", "[1]", ""]


@pytest.mark.parametrize("name", ["some/mixed", "hf://datasets/some/mixed"])
def test_a_selection_from_the_hub_and_offline_again(hub, tmp_path, name):
    env = os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    select = [sys.executable, "lim_selection.py", "--original_prompts_path", name]
    select += ["--strategy", "random", "--num_prompts", "6", "--output_path", str(tmp_path / "o.jsonl")]
    for offline in ("0", "1"):
        done = subprocess.run(select, cwd=ROOT, env=env | {"HF_HUB_OFFLINE": offline}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "6 (split train; ids: row numbers from 0)" in done.stdout
        assert (tmp_path / "o.jsonl").read_bytes() == REPOS["some/mixed"]["train.jsonl"]
        (tmp_path / "o.jsonl").unlink()
    for more, says in (
        (["--split", "dev"], "some/mixed: has no split 'dev' (its splits: train, test)"),
        (["--revision", "f" * 40], f"the hub has no revision {'f' * 40}"),
    ):
        done = subprocess.run([*select, *more], cwd=ROOT, env=env, capture_output=True, text=True)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1) and says in done.stderr, done.stderr


@pytest.mark.parametrize("more", [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}])
def test_a_selection_without_the_hub_is_one_line(tmp_path, more):
    select = [sys.executable, "lim_selection.py", "--original_prompts_path", "some/mixed"]
    select += ["--strategy", "random", "--num_prompts", "6", "--output_path", str(tmp_path / "o.jsonl")]
    env = os.environ | {"HF_HOME": str(tmp_path / "home")} | more
    done = subprocess.run(select, cwd=ROOT, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "some/mixed: no such file or folder, and the Hugging Face hub" in done.stderr


@pytest.mark.parametrize(
    "argv, says",
    [
        (["--dataset", "no/such-set"], "the hub has no such data set"),
        (["--dataset", "some/readme-only"], "no data files of it that can be read"),
        (["--dataset", "some/own-set", "--revision", "f" * 40], "the hub has no revision ffff"),
        (["--dataset", "some/own-set", "--split", "nope"], "has no split 'nope' (its splits: train)"),
        (["--dataset", "some/own-set"], "with --prompt_key and --answer_key (its columns: prompt, reward, uid)"),
    ],
)
def test_what_the_hub_does_not_have(hub, tmp_path, argv, says):
    run = cli(*argv, "--data_dir", tmp_path, HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path / "home"))
    assert run.returncode == 2 and says in run.stderr.splitlines()[-1], run.stderr


# --- local folders of hub sets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    ["math-ai/aime25", "aime25", "datasets--math-ai--aime25/snapshots/563bb8404243c5f09de6ec262f2db674fe5bce9b"],
)
def test_hub_set_from_a_folder(tmp_path, place):
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "test.jsonl").write_bytes(lines(AIME25))
    prepare.main(["aime25", "--from", str(tmp_path), "--data_dir", str(tmp_path / "out")])
    assert len(jsonl(tmp_path / "out/benchmarks/aime25.jsonl")) == 30
    facts = json.loads((tmp_path / "out/benchmarks/aime25.jsonl.source.json").read_text())
    assert facts["origin"]["files"][0]["sha256"] == sha(lines(AIME25))


@pytest.mark.parametrize(
    "rows, says",
    [
        (AIME25[:29], "has 29 rows, expected 30"),
        ([{"question": "q", "answer": "1"}] * 30, "row 1 has no column 'problem' (its columns: question, answer)"),
        ([{"problem": None, "answer": "1"}] * 30, "row 1: 'problem' is null, neither text nor messages"),
    ],
)
def test_wrong_files_in_a_folder(tmp_path, capsys, rows, says):
    (tmp_path / "aime25").mkdir()
    (tmp_path / "aime25/test.jsonl").write_bytes(lines(rows))
    assert says in failing(capsys, "aime25", "--from", tmp_path, "--data_dir", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folder_without_the_split(tmp_path, capsys):
    (tmp_path / "aime25").mkdir()
    for name in ("train.jsonl", "latest.jsonl"):
        (tmp_path / "aime25" / name).write_bytes(lines(AIME25))
    error = failing(capsys, "aime25", "--from", tmp_path)
    assert "no data file of the split 'test'" in error and "latest.jsonl" in error


@pytest.mark.parametrize(
    "text, says",
    [
        ('{"a": 1}\n{"a"\n', "line 2: not JSON"),
        ("[1]\n", "row 1 is a number, not an object"),
        ("", "own.jsonl: holds no rows"),
        ("\n\n", "own.jsonl: holds no rows"),
        ('{"a": {"text": "1"}}', "row 1: 'a' is an object, neither text nor messages"),
        ('{"a": ["1"]}', "row 1: 'a' is a list, neither text nor messages"),
        (
            json.dumps({"a": [{"role": role, "content": "1"} for role in ("user", "assistant", "user")]}),
            "row 1: 'a' is a conversation (user, assistant, user), and a question is one turn of a user",
        ),
        (json.dumps({"a": [{"role": "system", "content": "1"}]}), "is a conversation (system), and a question"),
    ],
)
def test_broken_local_file(tmp_path, capsys, text, says):
    (tmp_path / "own.jsonl").write_text(text)
    error = failing(capsys, "--dataset", tmp_path / "own.jsonl", "--prompt_key", "a", "--answer_key", "a")
    assert "own.jsonl" in error and says in error


@pytest.mark.parametrize("as_text", [False, True])
def test_messages_are_read_as_what_the_user_says(tmp_path, capsys, as_text):
    system, user = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?"}
    asked = [[system, user], [user], [user]]
    rows = [{"q": json.dumps(turns) if as_text else turns, "a": 2} for turns in asked]
    (tmp_path / "own.jsonl").write_bytes(lines(rows))
    keys = ["--dataset", tmp_path / "own.jsonl", "--prompt_key", "q", "--answer_key", "a", "--data_dir", tmp_path]
    assert prepare.main(list(map(str, keys))) is None
    assert [row["prompt"] for row in json.loads((tmp_path / "prompts" / "own.json").read_text())] == ["1 + 1?"] * 3
    said = "3 rows; the system message of 1 omitted"
    assert said in capsys.readouterr().out
    assert said.partition("; ")[2] in (tmp_path / "prompts" / "own.json.source.json").read_text()


@pytest.mark.parametrize("answer", [{"x": 1}, True, [1, {"x": 1}]])
def test_an_answer_without_a_text_is_refused(tmp_path, capsys, answer):
    (tmp_path / "own.jsonl").write_bytes(lines([{"q": "x", "a": 1}, {"q": "y", "a": answer}]))
    keys = ["--dataset", tmp_path / "own.jsonl", "--prompt_key", "q", "--answer_key", "a", "--data_dir", tmp_path]
    assert "row 2: 'a' is " in failing(capsys, *keys)
    assert [path.name for path in tmp_path.iterdir()] == ["own.jsonl"]


@pytest.mark.parametrize(
    "flags, says",
    [
        (["--name", "../evil"], "--name '../evil': names the file that is written"),
        (["--name", ".."], "--name '..'"),
        (["--name", ""], "--name ''"),
        (["--name", "math500", "--benchmark"], "math500: is a set of this project"),
        (["--split", "test"], "own.jsonl is one file; it has no splits"),
        (["--revision", "abc"], "own.jsonl is one file; it has no revisions"),
        (["--seed", "3"], "--seed: is for --reasoning_gym"),
        (["--levels"], "--levels: is for math8k, limr, math500"),
    ],
)
def test_flags_that_would_be_ignored_or_write_elsewhere_are_refused(tmp_path, capsys, flags, says):
    (tmp_path / "own.jsonl").write_bytes(lines([{"q": "x", "a": 1}]))
    keys = ["--dataset", tmp_path / "own.jsonl", "--prompt_key", "q", "--answer_key", "a"]
    assert says in failing(capsys, *keys, "--data_dir", tmp_path / "data", *flags)
    assert [path.name for path in tmp_path.iterdir()] == ["own.jsonl"]


@pytest.mark.parametrize("flags", [["--name", "x"], ["--split", "test"], ["--answer_key", "a"], ["--benchmark"]])
def test_flags_of_a_set_of_ones_own_need_one(capsys, flags):
    assert f"{flags[0]}: is for --dataset, which is not asked for" in failing(capsys, "math8k", *flags)


def test_questions_without_text_are_counted(tmp_path, capsys):
    (tmp_path / "own.jsonl").write_bytes(lines([{"q": " ", "a": 1}, {"q": "y", "a": None}]))
    keys = ["--dataset", tmp_path / "own.jsonl", "--prompt_key", "q", "--answer_key", "a", "--data_dir", tmp_path]
    assert run_cli(lambda: prepare.main([str(word) for word in keys])) == 0
    assert "2 rows; 1 with an empty answer; 1 with an empty prompt" in capsys.readouterr().out


def test_repeated_ids_are_refused(tmp_path, capsys):
    (tmp_path / "own.jsonl").write_bytes(lines([{"q": "x", "a": 1, "k": "same"}] * 2))
    keys = ["--dataset", tmp_path / "own.jsonl", "--prompt_key", "q", "--answer_key", "a", "--data_dir", tmp_path]
    assert "the id 'same' is duplicated" in failing(capsys, *keys, "--id_key", "k")
    prepare.main([*map(str, keys), "--benchmark", "--name", "mine"])
    assert [row["id"] for row in jsonl(tmp_path / "benchmarks/mine.jsonl")] == ["mine-1", "mine-2"]


def test_embedded_sets_go_to_their_own_modules(tmp_path):
    prepare.main(["arithmetic", "letters", "--data_dir", str(tmp_path / "both")])
    for name, command in (("arithmetic", arithmetic), ("letters", letters)):
        command.main(["--data_dir", str(tmp_path / "alone")])
        for file in (f"prompts/{name}.json", f"prompts/{name}_val.json", f"benchmarks/{name}.jsonl"):
            assert (tmp_path / "both" / file).read_bytes() == (tmp_path / "alone" / file).read_bytes()


@pytest.mark.parametrize("name", ["letters", "arithmetic_val", "letters_val", "gsm8k"])
def test_an_own_set_does_not_take_the_place_of_a_known_one(tmp_path, capsys, name):
    (tmp_path / "mine.jsonl").write_bytes(lines([{"q": "2 + 2", "a": 4}]))
    asked = ["--dataset", tmp_path / "mine.jsonl", "--prompt_key", "q", "--answer_key", "a"]
    error = failing(capsys, *asked, "--name", name, "--data_dir", tmp_path / "data")
    assert name in error and "is a set of this project" in error
    assert not (tmp_path / "data").exists()


# --- small parts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer, clean", [("a #### b #### 1,234 ", "1234"), ("#### -5", "-5"), ("7", "7")])
def test_after_hashes(answer, clean):
    assert after_hashes(answer) == clean


@pytest.mark.parametrize(
    "answer, clean", [("$\\frac12$", "\\frac12"), ("$a$, $b$", "$a$, $b$"), (" 3 ", "3"), ("$", "$")]
)
def test_without_dollars(answer, clean):
    assert without_dollars(answer) == clean


@pytest.mark.parametrize("level, number", [("Level 5", 5), (3, 3), ("Level ?", None), (None, None)])
def test_level_number(level, number):
    assert level_number(level) == number


def test_a_column_with_a_dot_in_its_name_comes_first():
    assert dig({"a.b": 1, "a": {"b": 2}}, "a.b", "x") == 1
    assert dig({"a": {"b": [5, 6]}}, "a.b.1", "x") == 6
    with pytest.raises(InputError, match=r"x has no column 'a\.7'"):
        dig({"a": [1]}, "a.7", "x")


# --- the real files ---------------------------------------------------------------------------------------------


@pytest.mark.data
def test_the_papers_own_files_over_http(shared_data, server, tmp_path):
    for file in (sources.MATH8K, sources.SCORES, sources.AIME24, sources.AMC23, sources.MATH500):
        server.files[f"/mirror/{file.path}"] = (shared_data / "limr" / file.name).read_bytes()
    names = ["math8k", "limr", "aime24", "amc23", "math500"]
    prepare.main([*names, "--release_url", f"{server.url}/mirror/", "--data_dir", str(tmp_path)])
    released = json.loads((shared_data / "limr/math.8k.json").read_text())
    assert read_prompts(tmp_path / "prompts/math8k.json") == released
    limr = read_prompts(tmp_path / "prompts/limr.json")
    assert len(limr) == 1389
    position = {row["id"]: index for index, row in enumerate(released)}
    places = [position[row["id"]] for row in limr]
    assert places == sorted(places)
    sizes = {name: len(jsonl(tmp_path / f"benchmarks/{name}.jsonl")) for name in names[2:]}
    assert sizes == {"aime24": 30, "amc23": 40, "math500": 500}
