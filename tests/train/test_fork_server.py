"""Processes forked from one that has imported everything: what they are given, how they end, what is left of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from train import cpu, fork_server

ROOT = Path(__file__).resolve().parents[2]
# A worker of a Ray that is none: what it sees goes to descriptor 1, and to the one that is its last argument.
WORKER = """
import json, os, signal, sys, time
seen = {"arguments": sys.argv[1:], "folder": os.getcwd(), "given": os.environ.get("GIVEN"), "pid": os.getpid(),
        "wave": "wave" in sys.modules, "path": sys.path[0], "name": __name__}
what = sys.argv[1]
if what == "wait":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(9))
if what == "draw":
    seen["drawn"] = sys.modules["numpy"].random.random()
print(json.dumps(seen), flush=True)
if what == "write":
    os.write(int(sys.argv[2]), b"through")
if what == "wait":
    time.sleep(100)
if what == "fail":
    raise RuntimeError("as it should")
if what == "die":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(7)
"""
HELPERS = """
import json, os, signal, subprocess, sys, time
worker = os.environ["FAKE_WORKER"]
def start(*arguments, **options):
    command = [sys.executable, "-u", worker, *map(str, arguments)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, **options)
def tell(**facts):
    print(json.dumps(facts), flush=True)
"""


@pytest.fixture
def run(tmp_path):
    """Starts a driver's code under a server that has imported `wave`; returns the process."""
    fake = tmp_path / "packages" / "ray" / "_private" / "workers" / "default_worker.py"
    fake.parent.mkdir(parents=True)
    fake.write_text(WORKER)
    (tmp_path / "packages" / "ray" / "__init__.py").write_text("")
    (tmp_path / "packages" / "threaded.py").write_text(
        "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    )
    folder = tmp_path / "short"
    folder.mkdir()
    started = []

    def start(code: str, *arguments: str, preloaded: str = "wave") -> subprocess.Popen[str]:
        driver = tmp_path / "driver.py"
        driver.write_text(HELPERS + code)
        server = (
            f"import sys; from train import fork_server; fork_server.PRELOADED = ({preloaded!r},); "
            f"raise SystemExit(fork_server.main({[str(driver), *arguments]!r}))"
        )
        env = {
            **os.environ,
            **cpu.environment(1),
            "LIM_RAY_TMP": str(folder),
            "FAKE_WORKER": str(fake),
            "PYTHONPATH": os.pathsep.join([str(cpu.SITE), str(ROOT), str(tmp_path / "packages")]),
        }
        process = subprocess.Popen(
            [sys.executable, "-c", server],
            env=env,
            cwd=tmp_path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.kill()
        process.communicate()
        psutil.wait_procs(family, 5)


def facts(process: subprocess.Popen[str], code: int = 0) -> dict:
    """What the driver told last, once the server has ended with `code`."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    return json.loads(out.splitlines()[-1])


def test_a_worker_gets_all_that_it_was_started_with(run, tmp_path):
    code = """
os.mkdir("elsewhere")
reader, writer = os.pipe()
child = start("write", writer, env={**os.environ, "GIVEN": "this"}, cwd="elsewhere", pass_fds=[writer])
os.close(writer)
out, _ = child.communicate()
tell(seen=json.loads(out), code=child.returncode, through=os.read(reader, 100).decode(), own=child.pid)
"""
    told = facts(run(code))
    seen = told["seen"]
    assert told["code"] == 7 and told["through"] == "through"
    assert (
        seen["arguments"][0] == "write" and seen["given"] == "this" and seen["folder"] == str(tmp_path / "elsewhere")
    )
    assert seen["wave"] and seen["name"] == "__main__" and seen["pid"] != told["own"]
    assert seen["path"].endswith("ray/_private/workers")


def test_forks_draw_random_numbers_of_their_own(run):
    code = """
workers = [start("draw") for _ in range(3)]
tell(drawn=[json.loads(worker.communicate()[0])["drawn"] for worker in workers])
"""
    assert len(set(facts(run(code, preloaded="numpy.random"))["drawn"])) == 3


def test_the_driver_has_its_arguments_and_its_exit_code_is_the_servers(run):
    told = facts(run("tell(arguments=sys.argv[1:], wave='wave' in sys.modules); sys.exit(5)", "a", "b c"), code=5)
    assert told == {"arguments": ["a", "b c"], "wave": True}
    assert facts(run("tell(x=1); os.kill(os.getpid(), signal.SIGKILL)"), code=-signal.SIGKILL) == {"x": 1}


def test_a_stand_in_ends_as_its_fork_does(run):
    code = """
failed, died = start("fail", stderr=subprocess.PIPE), start("die")
err = failed.communicate()[1]
died.communicate()
tell(failed=failed.returncode, err=err.splitlines()[-1], died=died.returncode)
"""
    assert facts(run(code)) == {"failed": 1, "err": "RuntimeError: as it should", "died": -signal.SIGKILL}


def test_signals_reach_a_fork(run):
    code = """
told, killed = start("wait"), start("wait")
pids = [json.loads(child.stdout.readline())["pid"] for child in (told, killed)]
told.terminate()
killed.kill()
codes = [child.wait() for child in (told, killed)]
end = time.monotonic() + 20
while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < end:
    time.sleep(0.05)
tell(codes=codes, left=[os.path.exists(f"/proc/{pid}") for pid in pids])
"""
    assert facts(run(code)) == {"codes": [9, -signal.SIGKILL], "left": [False, False]}


def test_a_process_of_multiprocessing_is_forked_too(run):
    code = """
import multiprocessing
def probe(number):
    return number, "wave" in sys.modules
def leave(code):
    sys.exit(code)
if __name__ == "__main__":
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(2) as pool:
        found = pool.map(probe, range(4))
    process = spawn.Process(target=leave, args=(3,))
    process.start()
    process.join()
    tell(found=found, code=process.exitcode)
"""
    assert facts(run(code)) == {"found": [[number, True] for number in range(4)], "code": 3}


def test_forks_end_with_the_server(run):
    server = run("child = start('wait'); tell(pid=json.loads(child.stdout.readline())['pid']); child.wait()")
    assert server.stdout is not None
    pid = json.loads(server.stdout.readline())["pid"]
    family = [psutil.Process(pid), *psutil.Process(server.pid).children(recursive=True)]
    server.send_signal(signal.SIGKILL)
    server.wait()
    assert not psutil.wait_procs(family, 20)[1]


def test_a_signal_to_the_server_is_the_drivers(run):
    server = run("signal.signal(signal.SIGTERM, lambda *_: sys.exit(4)); tell(ready=1); time.sleep(100)")
    assert server.stdout is not None and server.stdout.readline()
    server.terminate()
    assert server.wait(20) == 4


def test_without_its_server_a_worker_runs_by_itself(tmp_path, run):
    told = facts(
        run(
            "os.environ['LIM_FORK_SERVER'] += '.gone'; child = start('go'); "
            "tell(seen=json.loads(child.communicate()[0]), own=child.pid, code=child.returncode)"
        )
    )
    assert told["seen"]["pid"] == told["own"] and not told["seen"]["wave"] and told["code"] == 7


@pytest.mark.parametrize(("module", "reason"), [("threaded", "started a thread"), ("ray", "brought Ray")])
def test_nothing_is_forked_where_an_import_forbids_it(run, module, reason):
    server = run("tell(there='LIM_FORK_SERVER' in os.environ)", preloaded=module)
    out, err = server.communicate(timeout=60)
    assert json.loads(out) == {"there": False} and reason in err and server.returncode == 0


def test_other_programs_are_left_alone():
    assert fork_server.program_of([sys.executable, "-u", "/somewhere/log_monitor.py"]) is None
    assert fork_server.program_of([sys.executable, "-c", "print('default_worker.py')"]) is None


def test_what_is_preloaded_may_be_forked():
    """In the environment of a run: all modules are there, none starts a thread or brings Ray."""
    code = (
        "from train import fork_server as f; import importlib; "
        "[importlib.import_module(n) for n in f.PRELOADED]; print(f.unsafe())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **cpu.environment(1)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.stdout.splitlines()[-1] == "None", done.stderr[-2000:]
