"""Workers in processes of their own: questions, time limits, and how they ended. No torch."""

from __future__ import annotations

import atexit
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from archcheck.commands.processes import ForkServer, FreshProcess, Job, no_worker
from archcheck.dataflow.cuts import Answers, Cuts
from archcheck.dataflow.join import Join
from archcheck.dataflow.probe import Probe
from archcheck.errors import Problem, TargetError, TraceError
from archcheck.seam.codec import decode, encode
from archcheck.seam.messages import Progress, RecordedRun, Request
from archcheck.seam.touched import Touched
from archcheck.worker.limits import Surroundings

TIMEOUT = 600.0
"""Seconds for one question to a worker; a slow machine builds and runs a large model in less."""


class Workers:
    """Where models are run: how many, in which Python, and for how long.

    `python` is the interpreter of another environment. Where forking is safe, several models share one
    process that has torch loaded and forks; else, and for a model that is the only one, each has a fresh one.
    """

    def __init__(self, python: str | None = None, timeout: float = TIMEOUT, *, fork: bool = True) -> None:
        self._python = python
        self._timeout = timeout
        self._fork = fork and sys.platform == "linux"
        self._server: ForkServer | None = None
        self._lock = threading.Lock()

    @contextmanager
    def worker(self, copied: tuple[str, str] | None = None) -> Iterator[RemoteWorker]:
        """Yield a worker for one model, in its folder or in the copy of `copied`; it ends with the block."""
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
            return FreshProcess(self._python)
        with self._lock:
            if self._server is None or not self._server.is_alive():
                self._server = ForkServer(self._python)
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
            return no_worker(f"{python} can't run models: {why}", "It needs torch, numpy, and Python 3.10.")
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


class _Elsewhere(Exception):  # noqa: N818 (it shows an error that was raised elsewhere)
    """The traceback of an error in a worker, for --debug."""


def _signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    short = " (the machine may be out of memory)" if name == "SIGKILL" else ""
    return f"the signal {name}, {(signal.strsignal(number) or '').lower()}{short}".rstrip(", ")
