"""Reading a log of many files from an S3-compatible server that answers late: side by side against one at a time.

    python -m venv /tmp/moto && /tmp/moto/bin/pip install 'moto[server]==5.2.5'
    python scripts/bench_object_store.py --server /tmp/moto/bin/python

The server is moto's, on this machine, with `--delay` seconds added to each request. The log is written twice, as
this project's own (Parquet) and as verl's (JSON lines). `--workers 1` of `lim_selection.py` reads one file after the
other. Each way runs in a process of its own, in turns; the chosen prompts must be the same.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from pyarrow import fs

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lim.logs.reward_log import write_run, write_step  # noqa: E402
from lim.utils.cli import Parser  # noqa: E402
from lim.utils.errors import InputError, run_cli  # noqa: E402
from lim.utils.files import sha256_of, write_json  # noqa: E402

BUCKET, PER_FILE, SAMPLES = "bench", 64, 4
SERVER = """
import sys, time
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
moto = DomainDispatcherApplication(create_backend_app)
def late(environ, start):
    time.sleep({delay} if environ["REQUEST_METHOD"] in ("GET", "HEAD") else 0)
    return moto(environ, start)
server = make_server("127.0.0.1", 0, late, threaded=True)
print(server.port, flush=True)
server.serve_forever()
"""


def make_logs(folder: Path, files: int, epochs: int) -> None:
    """`own/` and `verl/` with the same samples, and prompts.json; each epoch's prompts are shuffled anew."""
    rng = np.random.default_rng(0)
    per_epoch = files // epochs
    prompts = [f"What is {number} plus {number}?" for number in range(per_epoch * PER_FILE)]
    rates = rng.random(len(prompts))
    write_json(folder / "prompts.json", [{"prompt": text, "answer": "1"} for text in prompts])
    write_run(folder / "own", {"recipe": "made up"})
    (folder / "verl").mkdir()
    for step in range(1, per_epoch * epochs + 1):
        at, epoch = (step - 1) % per_epoch, 1 + (step - 1) // per_epoch
        order = np.random.default_rng(epoch).permutation(len(prompts))[at * PER_FILE : (at + 1) * PER_FILE]
        numbers = np.repeat(order, SAMPLES)
        reward = (rng.random(len(numbers)) < rates[numbers] * epoch / epochs).astype(float).tolist()
        columns = {"prompt_id": [str(number) for number in numbers], "epoch": [epoch] * len(numbers)}
        columns |= {"step": [step] * len(numbers), "sample": list(range(SAMPLES)) * PER_FILE, "reward": reward}
        write_step(folder / "own", step, columns)
        rows = [
            {"input": prompts[number], "output": "x" * 500, "score": value, "step": step}
            for number, value in zip(numbers.tolist(), reward, strict=True)
        ]
        (folder / "verl" / f"{step}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def main(argv: list[str] | None = None) -> None:
    parser = Parser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--server", required=True, metavar="PYTHON", help="a Python that has moto's server")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--delay", type=float, default=0.05, help="seconds added to each request")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args(argv)
    server = subprocess.Popen(
        [args.server, "-c", SERVER.format(delay=args.delay)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        if not port:
            raise InputError(f"--server {args.server}: moto's server did not start; install moto[server] there")
        with tempfile.TemporaryDirectory() as name:
            bench(Path(name), port, args.files, args.epochs, args.repeats)
    finally:
        server.terminate()
        server.wait()


def bench(folder: Path, port: str, files: int, epochs: int, repeats: int) -> None:
    """Make the logs, put them on the server, and print the seconds of each way of reading them."""
    make_logs(folder, files, epochs)
    options = f"endpoint_override=127.0.0.1%3A{port}&scheme=http&region=us-east-1&allow_bucket_creation=true"
    store, _ = fs.FileSystem.from_uri(f"s3://x:x@{BUCKET}?{options}")
    store.create_dir(BUCKET)
    fs.copy_files(str(folder / "own"), f"{BUCKET}/own", destination_filesystem=store)
    fs.copy_files(str(folder / "verl"), f"{BUCKET}/verl", destination_filesystem=store)
    seconds: dict[tuple[str, str], list[float]] = {}
    chosen: dict[str, set[str]] = {"own": set(), "verl": set()}
    for _ in range(repeats):
        for log, way in ((log, way) for log in chosen for way in ("default", "one at a time")):
            output = folder / "chosen.json"
            words = [sys.executable, str(ROOT / "lim_selection.py"), "--output_path", str(output)]
            words += ["--train_samples_path", f"s3://x:x@{BUCKET}/{log}?{options}", "--top_k", "100"]
            words += ["--original_prompts_path", str(folder / "prompts.json")]
            words += ["--workers", "1"] if way == "one at a time" else []
            started = time.perf_counter()
            done = subprocess.run(words, capture_output=True, text=True)
            if done.returncode:
                raise InputError(f"{log}, {way}: {done.stderr.strip()[-300:]}")
            seconds.setdefault((log, way), []).append(time.perf_counter() - started)
            chosen[log].add(sha256_of(output))
            print(f"  {log}, {way}: {seconds[log, way][-1]:.1f} s", flush=True)
    for log, digests in chosen.items():
        together, alone = (statistics.median(seconds[log, way]) for way in ("default", "one at a time"))
        print(
            f"{log}: {files} files in {together:.1f} s, one at a time in {alone:.1f} s: {alone / together:.1f} times"
        )
        if len(digests) > 1:
            raise SystemExit(f"{log}: the ways chose different prompts")


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
