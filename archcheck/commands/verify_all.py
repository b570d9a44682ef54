"""Many specs at once: their models run in processes of their own, reports come in the specs' order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from archcheck.commands.run_modes import Start, in_this_process
from archcheck.commands.workers import TIMEOUT, Workers
from archcheck.findings import Report
from archcheck.seam.messages import Progress

Check = Callable[[Path, Progress], Report]


@contextmanager
def workers(
    count: int, python: str | None = None, timeout: float = TIMEOUT, *, in_process: bool = False
) -> Iterator[Start]:
    """Yield what starts workers for `count` models, in another environment's Python if one is named."""
    if in_process or os.name == "nt":
        yield in_this_process
        return
    several = Workers(python, timeout, fork=count > 1)
    try:
        yield several.worker
    finally:
        several.close()


def verify_all(
    specs: Sequence[Path], check: Check, jobs: int, progress: Progress
) -> Iterator[Callable[[], Report]]:
    """Yield for each spec, in order, a function that returns its report or raises what the check raised.

    Up to `jobs` specs, the next in order, are checked at the same time.
    """
    if len(specs) == 1 or jobs == 1:
        for number, spec in enumerate(specs, 1):
            count = f"{number} of {len(specs)}: " if len(specs) > 1 else ""
            yield partial(check, spec, _counted(progress, count))
        return
    with ThreadPoolExecutor(jobs) as pool:
        done: list[Future[Report]] = []

        def told(_: Future[Report]) -> None:
            progress(f"{sum(each.done() for each in done)} of {len(specs)} specs checked")

        try:
            for spec in specs:
                done.append(pool.submit(check, spec, lambda _: None))
                done[-1].add_done_callback(told)
            for future in done:
                yield future.result
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _counted(progress: Progress, count: str) -> Progress:
    return lambda doing: progress(count + doing)


def cores() -> int:
    """Return how many models can run at the same time."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
