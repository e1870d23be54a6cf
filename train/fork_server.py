"""One process that has imported everything, and forks the processes of a CPU run: starting those is importing.

    python -m train.fork_server (SCRIPT | -m MODULE) [argument …]    in train/cpu.py's environment

imports `PRELOADED` once, then runs the program, as `python` would, in a fork of itself. The Ray that it starts
inherits LIM_FORK_SERVER: each Ray worker, and vLLM's engine process, calls `hand_over` as Python starts
(train/site/sitecustomize.py); the server forks a process with the same arguments, environment, folder and open files,
and the one that was started stays as a stand-in, which passes signals on and ends as the fork ends. A process that
cannot be handed over goes on as it would have. LIM_RAY_TMP is the folder for the server's socket.

The server imports nothing that starts a thread or brings Ray: neither would live on in a fork. Forks end with the
server. Linux only. A run on GPUs, or on a Ray cluster that was there before, has no such server; LIM_FORK_SERVER=0 in
the environment of a training leaves it out.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from train import progress

SOCKET = "LIM_FORK_SERVER"
# What the driver and its actors import, up to Ray and what imports it; one that is missing here is imported later, in
# each process that needs it.
PRELOADED = (
    "torch.utils.tensorboard",
    "transformers.models.llama.modeling_llama",
    "deepspeed",
    "datasets",
    "peft",
    "vllm.v1.worker.cpu_worker",
    "vllm.v1.engine",
    "train.samples",
)
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
ANSWERS = 60.0  # seconds for the other end of a socket; one that is gone answers at once
MOST_FILES = 253  # that a message may carry (SCM_MAX_FD)
PR_SET_PDEATHSIG = 1


class Program(NamedTuple):
    """A Python program as its command line has it: what is run, its arguments, environment and folder."""

    kind: str  # script, module or code
    what: str
    arguments: Sequence[str]
    environment: dict[str, str]
    folder: str

    def run(self) -> None:
        """Become this program, with all that has been imported so far."""
        import runpy

        if "numpy" in sys.modules:  # Python's own generator does so by itself
            sys.modules["numpy"].random.seed()
        os.chdir(self.folder)
        # Only what differs: where the rest lies, Ray finds the place for a process's title.
        for name in os.environ.keys() - self.environment.keys():
            del os.environ[name]
        os.environ.update({n: v for n, v in self.environment.items() if os.environ.get(n) != v})
        sys.argv = ["-c" if self.kind == "code" else self.what, *self.arguments]
        if self.kind == "script":
            sys.path[0] = str(Path(self.what).parent)
            runpy.run_path(self.what, run_name="__main__")
        elif self.kind == "module":
            sys.path[0] = self.folder
            runpy.run_module(self.what, run_name="__main__", alter_sys=True)
        else:
            sys.path[0] = ""
            exec(compile(self.what, "<string>", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})


class Server:
    """Forks programs that come through `listener`."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.awake, self.wakes = socket.socketpair()
        self.selector = selectors.DefaultSelector()
        self.stand_ins: dict[int, socket.socket] = {}  # by the fork's process id

    def serve(self, first: Program) -> Program | int:
        """In a fork, the program to run. In the server, the exit code of `first`; a signal's is negative."""
        first_pid = self.fork()
        if first_pid == 0:
            return first
        for number in PASSED_ON:
            signal.signal(number, lambda number, _frame: send(first_pid, number))
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # wakes the selector
        for end in (self.awake, self.wakes):
            end.setblocking(False)
        signal.set_wakeup_fd(self.wakes.fileno(), warn_on_full_buffer=False)
        self.selector.register(self.awake, selectors.EVENT_READ)
        self.selector.register(self.listener, selectors.EVENT_READ)
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.awake:
                    self.awake.recv(4096)
                elif key.fileobj is self.listener:
                    program = self.accept()
                    if program is not None:
                        return program
                else:  # a stand-in says nothing more: it was killed, and so is its fork
                    self.selector.unregister(key.fileobj)
                    send(key.data, signal.SIGKILL)
            for pid, code in ended():
                if pid == first_pid:
                    return code
                self.tell(pid, code)

    def accept(self) -> Program | None:
        """Fork the program that comes through a connection; in the fork, that program."""
        connection, _ = self.listener.accept()
        connection.settimeout(ANSWERS)
        try:
            program, files = receive(connection)
        except (OSError, ValueError):  # its process goes on by itself
            connection.close()
            return None
        pid = self.fork()
        if pid == 0:
            connection.close()
            put(files)
            return program
        for file in files.values():
            os.close(file)
        self.stand_ins[pid] = connection
        self.selector.register(connection, selectors.EVENT_READ, pid)
        with contextlib.suppress(OSError):
            connection.sendall(f"{pid}\n".encode())
        return None

    def tell(self, pid: int, code: int) -> None:
        """Tell the stand-in of a fork how that ended."""
        connection = self.stand_ins.pop(pid, None)
        if connection is None:
            return
        with contextlib.suppress(KeyError):
            self.selector.unregister(connection)
        with contextlib.suppress(OSError):
            connection.sendall(f"{code}\n".encode())
        connection.close()

    def fork(self) -> int:
        """`os.fork`; the fork holds nothing of the server's and ends with it."""
        server = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            return pid
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != server:
            os._exit(1)
        signal.set_wakeup_fd(-1)
        for number in (*PASSED_ON, signal.SIGCHLD):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        for held in (self.listener, self.awake, self.wakes, self.selector, *self.stand_ins.values()):
            held.close()
        return 0


def main(argv: Sequence[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else list(argv)
    if "LIM_RUN_DIR" in os.environ:
        progress.emit(Path(os.environ["LIM_RUN_DIR"]), "stage", text="loading OpenRLHF, vLLM and DeepSpeed")
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    path = Path(os.environ["LIM_RAY_TMP"]) / "fork"
    kind = "module" if arguments[0] == "-m" else "script"
    what, *rest = arguments[kind == "module" :]
    first = Program(kind, what, rest, dict(os.environ), os.getcwd())
    reason = unsafe()
    if reason:
        sys.stderr.write(f"train.fork_server: {reason}, so nothing is forked\n")
        first.run()
        return 0
    gc.collect()
    gc.freeze()  # a fork's collector leaves alone, and so does not copy, what was imported
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(64)
        outcome = Server(listener).serve(first._replace(environment={**os.environ, SOCKET: str(path)}))
    if isinstance(outcome, Program):
        outcome.run()
        return 0
    path.unlink(missing_ok=True)
    end_as(outcome)


def unsafe() -> str | None:
    """Why this process must not be forked, if so."""
    if len(os.listdir("/proc/self/task")) > 1:
        return "an import started a thread"
    if "ray" in sys.modules:  # its core reads a worker's environment as it is imported
        return "an import brought Ray"
    return None


def serving(command: Sequence[str]) -> list[str]:
    """`python …` as a command under a server."""
    return [command[0], "-m", "train.fork_server", *command[1:]]


def hand_over() -> None:
    """Let LIM_FORK_SERVER run this process's program, if it is one for it, and end as that ends; else return.

    For the start of a process: it must not have opened a file or handled a signal yet.
    """
    program = program_of(sys.orig_argv)
    if program is None:
        return
    files = inherited_files()
    request = json.dumps([program, sorted(files)]).encode() + b"\n"
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.settimeout(ANSWERS)
            connection.connect(os.environ[SOCKET])
            sent = socket.send_fds(connection, [request], sorted(files))
            connection.sendall(request[sent:])
            lines = connection.makefile("r")
            pid = int(lines.readline())
        except (OSError, ValueError):
            return
        connection.settimeout(None)
        for number in PASSED_ON:
            signal.signal(number, lambda number, _frame: send(pid, number))
        code = lines.readline()
    end_as(int(code) if code else -signal.SIGKILL)


def program_of(command: Sequence[str]) -> Program | None:
    """The program of a command line that is one for the server: a Ray worker, or a process of multiprocessing's."""
    *_, flag, code, last = ["", "", *command]
    if flag == "-c" and last == "--multiprocessing-fork":
        return Program("code", code, [last], dict(os.environ), os.getcwd())
    from importlib.util import find_spec

    ray = find_spec("ray")
    if ray is None or ray.origin is None:
        return None
    worker = str(Path(ray.origin).parent / "_private" / "workers" / "default_worker.py")
    if worker not in command:
        return None
    return Program("script", worker, command[command.index(worker) + 1 :], dict(os.environ), os.getcwd())


def inherited_files() -> set[int]:
    """Descriptors of the files that are open here."""
    listed, there = {int(name) for name in os.listdir("/proc/self/fd")}, set()
    for number in listed:
        with contextlib.suppress(OSError):  # that of the listing itself is closed again
            os.fstat(number)
            there.add(number)
    return there


def receive(connection: socket.socket) -> tuple[Program, dict[int, int]]:
    """The program that a process hands over, and its files: descriptor there → here. Raises OSError or ValueError."""
    text, files, _, _ = socket.recv_fds(connection, 2**16, MOST_FILES)
    while not text.endswith(b"\n"):
        more = connection.recv(2**16)
        if not more:
            raise ValueError("the request is cut off")
        text += more
    program, numbers = json.loads(text)
    return Program(*program), dict(zip(numbers, files, strict=True))


def put(files: dict[int, int]) -> None:
    """Move files to the descriptors they had."""
    above = max([*files, *files.values()]) + 1
    moved = {number: fcntl.fcntl(file, fcntl.F_DUPFD, above) for number, file in files.items()}
    for file in files.values():
        os.close(file)
    for number, file in moved.items():
        os.dup2(file, number)
        os.close(file)


def ended() -> list[tuple[int, int]]:
    """(process id, exit code) of the children that have ended; a signal's code is negative."""
    found = []
    with contextlib.suppress(ChildProcessError):
        while (child := os.waitpid(-1, os.WNOHANG))[0]:
            found.append((child[0], os.waitstatus_to_exitcode(child[1])))
    return found


def send(pid: int, number: int) -> None:
    """Send a signal to a process that may have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def end_as(code: int) -> NoReturn:
    """End this process with an exit code, or by the signal that a negative one stands for."""
    if code < 0:
        with contextlib.suppress(OSError):  # SIGKILL has no handler to reset
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 1)


if __name__ == "__main__":
    raise SystemExit(main())
