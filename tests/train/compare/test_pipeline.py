import errno
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from lim.utils.errors import InputError
from lim.utils.files import lock, locked
from train.compare.pipeline import Pipeline, Stage, content_hash

COUNT = "import sys, pathlib; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text() + 'x' if p.exists() else 'x')"


def stage(folder: Path, name: str = "count", **changes) -> Stage:
    out = folder / f"{name}.out"
    kinds = {
        "name": name,
        "title": f"Stage {name}",
        "command": [sys.executable, "-c", COUNT, str(out)],
        "outputs": [out],
    }
    return Stage(**{**kinds, **changes})


def run(folder: Path, *stages: Stage) -> str:
    out = io.StringIO()
    Pipeline(stages, folder / "stages.json", Console(file=out, width=200)).run()
    return out.getvalue()


def test_a_finished_stage_is_skipped_until_its_inputs_change(tmp_path):
    source = tmp_path / "in.txt"
    source.write_text("1")
    one = stage(tmp_path, inputs=[source])
    assert "[1/1] Stage count · about" in run(tmp_path, one)
    assert "skipped" in run(tmp_path, one)
    assert (tmp_path / "count.out").read_text() == "x"
    source.write_text("2")
    assert "skipped" not in run(tmp_path, one)
    assert (tmp_path / "count.out").read_text() == "xx"


def test_a_stage_runs_again_when_its_output_is_gone(tmp_path):
    one = stage(tmp_path)
    run(tmp_path, one)
    (tmp_path / "count.out").unlink()
    assert "skipped" not in run(tmp_path, one)


def test_what_was_made_from_other_inputs_is_cleared_and_what_was_cut_off_is_kept(tmp_path):
    source, made = tmp_path / "in.txt", tmp_path / "count.out"
    source.write_text("1")
    fails = [sys.executable, "-c", "import sys; open(sys.argv[1], 'a').write('x'); sys.exit(3)", str(made)]
    one = stage(tmp_path, inputs=[source], clears=[made], command=fails)
    with pytest.raises(InputError, match=r"stage 1 of 1 \(count\) failed with exit code 3"):
        run(tmp_path, one)
    with pytest.raises(InputError):
        run(tmp_path, one)
    assert made.read_text() == "xx", "same inputs: the second run goes on from what the first left"
    source.write_text("2")
    with pytest.raises(InputError):
        run(tmp_path, one)
    assert made.read_text() == "x", "other inputs: what was there is cleared first"


def test_a_trained_run_is_put_aside_not_removed(tmp_path):
    source, folder = tmp_path / "in.txt", tmp_path / "run"
    source.write_text("1")
    trains = (
        "import pathlib, sys; folder = pathlib.Path(sys.argv[1]); folder.mkdir(); "
        "(folder / 'step_1.parquet').write_text(sys.argv[2])"
    )
    for content in ("1", "2", "3"):
        source.write_text(content)
        command = [sys.executable, "-c", trains, str(folder), content]
        shown = run(tmp_path, stage(tmp_path, inputs=[source], clears=[folder], command=command, outputs=[folder]))
        assert ("kept as" in shown) == (content != "1")
    kept = {path.parent.name: path.read_text() for path in tmp_path.glob("run*/step_1.parquet")}
    assert kept == {"run": "3", "run.old-1": "1", "run.old-2": "2"}


def test_a_stage_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"did not write .*count\.out"):
        run(tmp_path, stage(tmp_path, command=[sys.executable, "-c", ""]))


def test_a_missing_input_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.txt: missing"):
        run(tmp_path, stage(tmp_path, inputs=[tmp_path / "nothing.txt"]))


def test_content_hash_sees_names_and_content_but_not_hidden_files(tmp_path):
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "a").write_text("1")
    first = content_hash([folder])
    (folder / ".partial").write_text("x")
    assert content_hash([folder]) == first
    (folder / "a").rename(folder / "b")
    assert content_hash([folder]) != first


def test_sigterm_reaches_the_stage_and_the_next_run_resumes(tmp_path):
    child = "import signal, sys, time, pathlib; p = pathlib.Path(sys.argv[1]);\n"
    child += "signal.signal(signal.SIGTERM, lambda *_: (p.write_text('ended'), sys.exit(1)));\n"
    child += "pathlib.Path(sys.argv[2]).touch(); time.sleep(60)"
    marker, ready = tmp_path / "ended", tmp_path / "ready"
    driver = f"""
import sys
from pathlib import Path
from rich.console import Console
from lim.utils.errors import run_cli
from train.compare.pipeline import Pipeline, Stage
stage = Stage("wait", "Wait", {[sys.executable, "-c", child, str(marker), str(ready)]!r}, [Path({str(marker)!r})])
sys.exit(run_cli(lambda: Pipeline([stage], Path({str(tmp_path / "s.json")!r}), Console()).run()))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", driver], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=-1
    )
    deadline = time.monotonic() + 30
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=20)[1].decode()
    assert said == "interrupted; what is finished is kept: run the same command again to resume\n"
    assert process.returncode == 130
    assert marker.read_text() == "ended"
    assert json.loads((tmp_path / "s.json").read_text())["wait"]["finished"] is None


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_process_at_a_time_runs_a_pipeline(tmp_path, jobs):
    pipeline = Pipeline([stage(tmp_path)], tmp_path / "stages.json", Console(file=io.StringIO()))
    with locked(tmp_path / ".stages.json.lock", "held"):
        with pytest.raises(InputError, match=r"stages\.json: another process is writing it"):
            pipeline.run(jobs)
        assert not (tmp_path / "count.out").exists()
    pipeline.run(jobs)
    assert (tmp_path / "count.out").read_text() == "x"


def test_what_another_process_finished_in_between_is_not_run_again(tmp_path):
    late = Pipeline([stage(tmp_path)], tmp_path / "stages.json", Console(file=io.StringIO()))
    run(tmp_path, stage(tmp_path))
    late.run()
    assert (tmp_path / "count.out").read_text() == "x"


def test_side_by_side_stages_wait_for_their_inputs(tmp_path):
    first, second = tmp_path / "first.out", tmp_path / "second.out"
    slow = "import sys, time; time.sleep(0.5); open(sys.argv[1], 'w').write('made')"
    stages = [
        stage(tmp_path, "first", command=[sys.executable, "-c", slow, str(first)]),
        stage(tmp_path, "alone"),
        stage(tmp_path, "second", inputs=[first], command=["cp", str(first), str(second)]),
    ]
    out = io.StringIO()
    Pipeline(stages, tmp_path / "stages.json", Console(file=out, width=200)).run(jobs=2)
    assert second.read_text() == "made"
    ends = [line for line in out.getvalue().splitlines() if line.startswith("✓")]
    assert ends[-1].startswith("✓ Stage second") and len(ends) == 3
    again = io.StringIO()
    Pipeline(stages, tmp_path / "stages.json", Console(file=again, width=200)).run(jobs=2)
    assert again.getvalue().count("skipped") == 3


def test_side_by_side_a_failure_names_its_log_and_starts_no_more(tmp_path):
    fails = stage(tmp_path, "fails", command=[sys.executable, "-c", "print('oh no'); raise SystemExit(4)"])
    after = stage(tmp_path, "after", inputs=fails.outputs)
    with pytest.raises(InputError, match=r"exit code 4; its output is in .*fails\.log"):
        Pipeline([fails, after], tmp_path / "stages.json", Console(file=io.StringIO())).run(jobs=2)
    assert (tmp_path / "logs" / "fails.log").read_text() == "oh no\n"
    assert not (tmp_path / "after.out").exists()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.EIO])
def test_a_file_system_without_locks_is_gone_on_with(tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, "no")

    monkeypatch.setattr("fcntl.flock", refuse)
    with open(tmp_path / "f", "w") as file:
        if number == errno.EIO:
            with pytest.raises(OSError, match="no"):
                lock(file, "held")
        else:
            lock(file, "held")
