"""A pool of worker processes in which one crash, hang or memory blow-up costs one case only."""

from __future__ import annotations

import multiprocessing
import resource
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

MEMORY = 8 * 2**30
"""Address space of one worker, bytes."""
WORKERS = 2

Item = TypeVar("Item")


@dataclass(frozen=True)
class Outcome:
    """The function's plain-data `value`, or the `error` that came instead, one line."""

    value: Any = None
    error: str | None = None


def run_all(
    function: Callable[[Item], Any], items: Iterable[Item], timeout: float, workers: int = WORKERS
) -> Iterator[tuple[Item, Outcome]]:
    """Yield `function` of each item, in the order of `items`; each may take `timeout` seconds."""
    queue = list(items)
    done: dict[int, Outcome] = {}
    pool = [_Worker(function) for _ in range(min(workers, len(queue)))]
    following = 0
    reported = 0
    try:
        while reported < len(queue):
            for worker in pool:
                if worker.index is None and following < len(queue):
                    worker.start(following, queue[following], timeout)
                    following += 1
            wait([worker.connection for worker in pool if worker.index is not None], timeout=0.5)
            for worker in pool:
                if worker.index is not None and (outcome := worker.poll()) is not None:
                    done[worker.index] = outcome
                    worker.index = None
            while reported in done:
                yield queue[reported], done.pop(reported)
                reported += 1
    finally:
        for worker in pool:
            worker.close()


class _Worker(Generic[Item]):
    """A child process that runs one item after the other; replaced when it dies or overruns."""

    def __init__(self, function: Callable[[Item], Any]) -> None:
        self.function = function
        self.index: int | None = None
        self._spawn()

    def _spawn(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, child = context.Pipe()
        self.process = context.Process(target=_serve, args=(child, self.function), daemon=True)
        self.process.start()
        child.close()

    def start(self, index: int, item: Item, timeout: float) -> None:
        self.index = index
        self.timeout = timeout
        self.deadline = time.monotonic() + timeout
        self.connection.send(item)

    def poll(self) -> Outcome | None:
        """Return the outcome, or None while the child is still at it."""
        try:
            if self.connection.poll():
                return self.connection.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            code = self.process.exitcode
            self._spawn()
            return Outcome(error=f"the process died (exit code {code})")
        if time.monotonic() > self.deadline:
            self.close()
            self._spawn()
            return Outcome(error=f"took more than {self.timeout:.0f} s")
        return None

    def close(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join()


def _serve(connection: Connection, function: Callable[[Any], Any]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    while True:
        try:
            item = connection.recv()
        except EOFError:
            return
        try:
            outcome = Outcome(value=function(item))
        except Exception as error:
            outcome = Outcome(error=_reason(error))
        connection.send(outcome)


def _reason(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message[:300]} ({place.filename.rsplit('/', 1)[-1]}:{place.lineno})"
