"""Run the model in every mode, and hold the runs as `Execution`s."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from archcheck.commands.workers import shared_workers
from archcheck.dataflow.pause import no_collection
from archcheck.dataflow.probe import Probe
from archcheck.diff.execution import Execution
from archcheck.residual import defects, find_products, search
from archcheck.seam.messages import Progress, RecordedRun, Request, RunMode, Worker
from archcheck.spec.model import Mode as SpecMode
from archcheck.spec.model import Model
from archcheck.vocabulary import probes

if TYPE_CHECKING:
    from torch import nn

Start = Callable[[], AbstractContextManager[Worker]]
"""Starts a worker for one model."""


def by_default() -> AbstractContextManager[Worker]:
    """Return a worker in a process of its own, where the system supports that."""
    if os.name == "nt":
        return in_this_process()
    return shared_workers().worker()


@contextmanager
def in_this_process(given: nn.Module | None = None) -> Iterator[Worker]:
    """Yield a worker in this process, for the model `given` or one to be built."""
    from archcheck.worker.session import Session  # imports torch

    yield Session(given)


def run_modes(
    worker: Worker, model: Model, folders: Sequence[Path], prove: bool, progress: Progress
) -> list[Execution]:
    """Return one execution for each mode of the spec, with the model that the worker builds or holds.

    `folders` are those in which a relative target is looked up. Raises TargetError if the model or its inputs
    can't be built, TraceError if it does not run.
    """
    runs = worker.run(request(model, folders), progress)
    progress("looking for residual connections")
    executions = [execution(run) for run in runs]
    if not prove:
        return executions
    proved = worker.prove([each.joins for each in executions], progress)
    probed = worker.probe([_probes(each) for each in executions], progress)
    return [
        replace(each, remarks=(*each.remarks, *remarks, remark))
        for each, remarks, remark in zip(executions, proved, probed, strict=True)
    ]


def _probes(execution: Execution) -> list[Probe]:
    """Return the claims about the operations of a run, to be tested."""
    return probes(execution.flow, execution.recognition)


def request(model: Model, folders: Sequence[Path]) -> Request:
    """Return the spec's `model` as a question to a worker."""
    modes = [
        mode if isinstance(mode, SpecMode) else SpecMode(name=mode, train=mode == "train")
        for mode in model.modes or ["eval"]
    ]
    return Request(
        model.target,
        model.arguments,
        model.inputs,
        tuple(RunMode(mode.name, mode.train, mode.arguments, mode.inputs) for mode in modes),
        tuple(str(folder) for folder in folders),
    )


def execution(run: RecordedRun) -> Execution:
    """Return a run in the form that the diff reads."""
    with no_collection():
        found = search(run.flow)
        return Execution(
            mode=run.mode,
            flow=run.flow,
            modules=run.modules,
            joins=found.joins,
            products=find_products(run.flow),
            defects=defects.find(run.flow, found.joins, run.modules),
            remarks=(*run.remarks, *found.remarks),
            inputs=run.inputs,
        )
