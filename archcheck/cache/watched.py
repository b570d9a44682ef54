"""A worker that is asked to watch what its model touches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from archcheck.dataflow.cuts import Answers, Cuts
from archcheck.dataflow.join import Join
from archcheck.dataflow.probe import Probe
from archcheck.seam.messages import Progress, RecordedRun, Request, Worker
from archcheck.seam.touched import Touched


@contextmanager
def watched(
    start: Callable[[], AbstractContextManager[Worker]], seen: list[Touched | None]
) -> Iterator[Worker]:
    """Start a watching worker with `start`; at its end, add what it touched to `seen`."""
    with start() as worker:
        yield _Watched(worker)
        seen.append(worker.touched())


class _Watched:
    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.prove: Callable[[Sequence[Sequence[Join]], Progress], list[list[str]]] = worker.prove
        self.probe: Callable[[Sequence[Sequence[Probe]], Progress], list[str]] = worker.probe
        self.measure: Callable[[Cuts, Progress], Answers] = worker.measure
        self.touched: Callable[[], Touched | None] = worker.touched

    def run(self, request: Request, progress: Progress) -> list[RecordedRun]:
        return self._worker.run(replace(request, watch=True), progress)
