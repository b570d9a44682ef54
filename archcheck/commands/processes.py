"""Workers in processes of their own: start, messages, time limits, and how they ended. No torch."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from archcheck.dataflow.cuts import Answers, Cuts
from archcheck.dataflow.join import Join
from archcheck.dataflow.probe import Probe
from archcheck.errors import Problem, TargetError, TraceError
from archcheck.seam.codec import decode, encode
from archcheck.seam.messages import Progress, RecordedRun, Request
from archcheck.seam.touched import Touched
from archcheck.worker.channel import Channel
from archcheck.worker.limits import Surroundings, kill_group

TIMEOUT = 600.0
"""Seconds for one question to a worker; a slow machine builds and runs a large model in less."""

_MOST_OUTPUT = 2**20
_PACKAGE = str(Path(__file__).parents[1])
# Only the package becomes importable: what is beside it may belong to another Python.
_BOOT = """\
import sys
sys.path[:] = [entry for entry in sys.path if entry]
from importlib.util import module_from_spec, spec_from_file_location
folder = sys.argv[1]
spec = spec_from_file_location("archcheck", folder + "/__init__.py", submodule_search_locations=[folder])
module = sys.modules["archcheck"] = module_from_spec(spec)
spec.loader.exec_module(module)
from archcheck.worker.serving import main
main()
"""


class Workers:
    """Where models are run: how many, in which Python, and for how long.

    `python` is the interpreter of another environment. Where forking is safe, several models share one
    process that has torch loaded and forks; else, and for a model that is the only one, each has a fresh one.
    """

    def __init__(self, python: str | None = None, timeout: float = TIMEOUT, *, fork: bool = True) -> None:
        self._python = python
        self._timeout = timeout
        self._fork = fork and sys.platform == "linux"
        self._server: _ForkServer | None = None
        self._lock = threading.Lock()

    @contextmanager
    def worker(self, copied: tuple[str, str] | None = None) -> Iterator[RemoteWorker]:
        """Yield a worker for one model; its process ends with the block.

        With a folder and its copy in `copied`, the model is the one in the copy.
        """
        surroundings = Surroundings.here(same_python=self._python is None)
        if copied is not None:
            surroundings = surroundings.moved(*copied)
        job = self._job()
        try:
            yield RemoteWorker(job, self._timeout, self._python, surroundings)
        finally:
            job.close()

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            if self._server is not None:
                self._server.close()
            self._server = None

    def _job(self) -> Job:
        if not self._fork:
            return _FreshProcess(self._python)
        with self._lock:
            if self._server is None or not self._server.is_alive():
                self._server = _ForkServer(self._python)
            return self._server.fork()


@cache
def shared_workers() -> Workers:
    """Return the workers of this process, for callers that have none of their own."""
    workers = Workers()
    atexit.register(workers.close)
    return workers


class RemoteWorker:
    """A `Worker` in another process. Only the worker's own complete last message counts as an answer."""

    def __init__(self, job: Job, timeout: float, python: str | None, surroundings: Surroundings) -> None:
        self._job = job
        self._timeout = timeout
        self._python = python
        self._surroundings = surroundings
        self._doing = ""

    def run(self, request: Request, progress: Progress) -> list[RecordedRun]:
        """Ask the first question: build the model and run it."""
        question = ["run", encode(Request, request), encode(Surroundings, self._surroundings)]
        answer: list[RecordedRun] = decode(list[RecordedRun], self._ask(question, progress))
        return answer

    def prove(self, joins: Sequence[Sequence[Join]], progress: Progress) -> list[list[str]]:
        """Ask the second question."""
        answer: list[list[str]] = self._ask(["prove", encode(Sequence[Sequence[Join]], joins)], progress)
        return answer

    def probe(self, probes: Sequence[Sequence[Probe]], progress: Progress) -> list[str]:
        """Ask the third question."""
        answer: list[str] = self._ask(["probe", encode(Sequence[Sequence[Probe]], probes)], progress)
        return answer

    def measure(self, cuts: Cuts, progress: Progress) -> Answers:
        """Ask the fourth question."""
        answer: Answers = decode(Answers, self._ask(["measure", encode(Cuts, cuts)], progress))
        return answer

    def touched(self) -> Touched | None:
        """Ask the last question."""
        answer: Touched | None = decode(Touched | None, self._ask(["touched"], lambda _: None))
        return answer

    def _ask(self, question: list[Any], progress: Progress) -> Any:
        deadline = time.monotonic() + self._timeout
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionError):
                self._job.channel.send(question, deadline)
            while True:
                kind, *body = self._job.channel.receive(deadline) or ("ended",)
                if kind == "answer":
                    return body[0]
                if kind == "ready":
                    self._doing = "it was starting"
                    deadline = time.monotonic() + self._timeout  # loading torch is not the model's time
                    self._job.output.show()
                elif kind == "progress":
                    self._doing = str(body[0])
                    progress(self._doing)
                else:
                    raise self._error(kind, body)
        except TimeoutError:
            raise self._problem("TGT014", f"did not end within {self._timeout:g} seconds") from None
        except (ConnectionError, ValueError, TypeError):  # the model wrote into the channel
            raise self._ended() from None

    def _error(self, kind: str, body: list[Any]) -> Exception:
        if kind == "problems":
            error = TraceError(decode(tuple[Problem, ...], body[0]))
        else:
            return self._ended()
        error.__cause__ = _Elsewhere(body[-1])
        return error

    def _ended(self) -> TargetError:
        """Return the error for a process that is gone or has closed its channel."""
        if not self._job.wait(2.0):
            return self._problem("TGT013", "closed the connection to archcheck")
        status = self._job.status or 0
        if not self._doing:
            self._job.output.discard()
            python = self._python or sys.executable
            why = self._job.output.tail or f"it ended with code {status}"
            return _no_worker(f"{python} can't run models: {why}", "It needs torch, numpy, and Python 3.10.")
        if status >= 0:
            return self._problem("TGT013", f"ended the process with code {status}")
        return self._problem("TGT013", f"was ended by {_signal(-status)}")

    def _problem(self, code: str, what: str) -> TargetError:
        hint = {
            "TGT013": "Its own messages, if any, are on standard error.",
            "TGT014": "Look for an endless loop or a wait, or allow more time with --timeout SECONDS.",
        }[code]
        message = f"the model {what} while {self._doing or 'torch was loaded'}"
        return TargetError.of(code, message, hint, "model.target")


def _no_worker(message: str, hint: str) -> TargetError:
    return TargetError.of("TGT015", message, hint)


class _Elsewhere(Exception):  # noqa: N818 (it shows an error that was raised elsewhere)
    """The traceback of an error in a worker, for --debug."""


def _signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    short = " (the machine may be out of memory)" if name == "SIGKILL" else ""
    return f"the signal {name}, {(signal.strsignal(number) or '').lower()}{short}".rstrip(", ")


# -- processes ----------------------------------------------------------------------------------------


class Job:
    """A process that runs one model, seen from the judge."""

    def __init__(self, end: socket.socket, printed: int) -> None:
        self.channel = Channel(end)
        self.output = _Output(printed)
        self.status: int | None = None
        self._has_ended = threading.Event()

    def ended(self, status: int) -> None:
        """Note that the process has ended with this exit code; called once, from another thread."""
        self.status = status
        self._has_ended.set()
        self.channel.end()

    def wait(self, seconds: float) -> bool:
        """Return whether the process ends within this time."""
        return self._has_ended.wait(seconds)

    def kill(self) -> None:
        """End the process and those that it started."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the channel; a process that does not end then is killed."""
        self.channel.hang_up()
        if not self.wait(1.0):
            self.kill()
            self.wait(10.0)
        self.output.close()
        self.channel.close()


class _FreshProcess(Job):
    """A worker that was started for one model."""

    def __init__(self, python: str | None) -> None:
        self._process, ours, printed = _start(python, "once", socket.SOCK_STREAM)
        super().__init__(ours, printed)
        threading.Thread(target=self._reap, daemon=True).start()

    def kill(self) -> None:
        kill_group(self._process.pid)

    def _reap(self) -> None:
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        kill_group(self._process.pid)  # what it left running
        self.ended(self._process.wait())


class _ForkServer:
    """A process with torch loaded that forks a child for each model."""

    def __init__(self, python: str | None) -> None:
        self._owner = os.getpid()
        self._process, self._control, printed = _start(python, "fork", socket.SOCK_SEQPACKET)
        self._output = _Output(printed)
        self._jobs: dict[int, Job] = {}
        self._count = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def is_alive(self) -> bool:
        return os.getpid() == self._owner and self._process.poll() is None

    def fork(self) -> Job:
        """Fork a child for one model."""
        ours, theirs = socket.socketpair()
        printed, prints = os.pipe()
        self._count += 1
        job = self._jobs[self._count] = _Child(ours, printed, self, self._count)
        with contextlib.suppress(OSError):  # it has ended, as the job will find
            message = json.dumps(["fork", self._count]).encode()
            socket.send_fds(self._control, [message], [theirs.fileno(), prints])
        theirs.close()
        os.close(prints)
        return job

    def kill(self, number: int) -> None:
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(["kill", number]).encode())

    def close(self) -> None:
        if os.getpid() != self._owner:
            return
        self._control.shutdown(socket.SHUT_RDWR)
        self._process.wait()
        self._output.close()
        self._control.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while message := self._control.recv(4096):
                _, number, status = json.loads(message)
                self._jobs.pop(number).ended(status)
        status = self._process.wait()
        for job in self._jobs.values():  # torch could not be loaded, or somebody killed the server
            job.output.tail = self._output.tail
            job.ended(status)


class _Child(Job):
    def __init__(self, end: socket.socket, printed: int, server: _ForkServer, number: int) -> None:
        super().__init__(end, printed)
        self._server = server
        self._number = number

    def kill(self) -> None:
        self._server.kill(self._number)


def _start(
    python: str | None, how: str, kind: socket.SocketKind
) -> tuple[subprocess.Popen[bytes], socket.socket, int]:
    """Start a worker: the process, our end of its channel, and where to read what it prints.

    It has a session of its own, so that an interrupt from the terminal reaches only the judge.
    """
    command = [python or sys.executable, "-c", _BOOT, _PACKAGE, how]
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    printed, prints = os.pipe()
    try:
        process = subprocess.Popen(
            command,
            stdin=theirs.fileno(),
            stdout=prints,
            stderr=prints,
            start_new_session=True,
            env={"PYTORCH_JIT": "0", **os.environ},  # scripted code runs as the original Python
        )
    except OSError as error:
        ours.close()
        os.close(printed)
        hint = "Name a Python interpreter, such as .venv/bin/python."
        raise _no_worker(f"{command[0]} can't be started: {error.strerror}", hint) from error
    finally:
        theirs.close()
        os.close(prints)
    return process, ours, printed


class _Output:
    """Passes a model's output on to standard error as it comes, up to a limit.

    Nothing is shown before `show` is called; `tail` is the last line so far.
    """

    def __init__(self, handle: int) -> None:
        self.tail = ""
        self._shown = threading.Event()
        self._left = _MOST_OUTPUT
        self._thread = threading.Thread(target=self._pump, args=(handle,), daemon=True)
        self._thread.start()

    def show(self) -> None:
        self._shown.set()

    def discard(self) -> None:
        """Show nothing of what has arrived."""
        self._left = 0
        self.close()

    def close(self) -> None:
        self._shown.set()
        self._thread.join(0.5)  # what still holds the other end has left the worker's process group

    def _pump(self, handle: int) -> None:
        held = b""
        with open(handle, "rb", buffering=0) as pipe, contextlib.suppress(OSError, ValueError):
            while part := pipe.read(2**16):
                lines = part.decode(errors="replace").split("\n")
                self.tail = next((line for line in reversed(lines) if line.strip()), self.tail)
                held = (held + part)[:_MOST_OUTPUT]
                if self._shown.is_set():
                    self._write(held)
                    held = b""
        self._shown.wait()
        self._write(held)

    def _write(self, part: bytes) -> None:
        if not self._left or not part:
            return
        text = part[: self._left].decode(errors="replace")
        self._left -= min(len(part), self._left)
        if not self._left:
            text += "\narchcheck: the model printed more than 1 MB; the rest was dropped\n"
        with contextlib.suppress(Exception):  # standard error may be closed or unread
            sys.stderr.write(text)
            sys.stderr.flush()
