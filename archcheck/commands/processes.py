"""Processes that run one model each, started afresh or forked, and what they print."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from archcheck.errors import TargetError
from archcheck.worker.channel import Channel
from archcheck.worker.limits import kill_group

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


class FreshProcess(Job):
    """A worker that was started for one model."""

    def __init__(self, python: str | None) -> None:
        self._process, ours, printed = _start(python, "once", socket.SOCK_STREAM)
        super().__init__(ours, printed)
        threading.Thread(target=self._reap, daemon=True).start()

    def kill(self) -> None:
        """End its process group."""
        kill_group(self._process.pid)

    def _reap(self) -> None:
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        kill_group(self._process.pid)  # what it left running
        self.ended(self._process.wait())


class ForkServer:
    """A process with torch loaded that forks a child for each model."""

    def __init__(self, python: str | None) -> None:
        self._owner = os.getpid()
        self._process, self._control, printed = _start(python, "fork", socket.SOCK_SEQPACKET)
        self._output = _Output(printed)
        self._jobs: dict[int, Job] = {}
        self._count = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def is_alive(self) -> bool:
        """Return whether this process started it and it still runs."""
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
        """End a child and those that it started."""
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(["kill", number]).encode())

    def close(self) -> None:
        """End the server, unless it belongs to another process."""
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
    def __init__(self, end: socket.socket, printed: int, server: ForkServer, number: int) -> None:
        super().__init__(end, printed)
        self._server = server
        self._number = number

    def kill(self) -> None:
        self._server.kill(self._number)


def _start(
    python: str | None, how: str, kind: socket.SocketKind
) -> tuple[subprocess.Popen[bytes], socket.socket, int]:
    """Start a worker in a session of its own; return it, our end of its channel, and what it prints."""
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
        raise no_worker(f"{command[0]} can't be started: {error.strerror}", hint) from error
    finally:
        theirs.close()
        os.close(prints)
    return process, ours, printed


class _Output:
    """Passes what a model prints to standard error, up to a limit, once shown; `tail`: its last line."""

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


def no_worker(message: str, hint: str) -> TargetError:
    """Return the error that Python can't run models."""
    return TargetError.of("TGT015", message, hint)
