"""Build the model, run it in every mode, and hold what ran as `Execution`s. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archcheck.diff.execution import Execution
from archcheck.errors import ArchcheckError, TargetError
from archcheck.model.building import build_model, materialize
from archcheck.model.inputs import Example, build_inputs, guess_inputs, not_guessed
from archcheck.model.isolation import contained
from archcheck.model.memory import seeded
from archcheck.residual import defects, find_products
from archcheck.spec.model import Mode, Model
from archcheck.tracing import Trace, trace
from archcheck.tracing.coverage import Coverage

Progress = Callable[[str], None]


def run_modes(
    model: Model, given: nn.Module | None, search: Sequence[Path], prove: bool, progress: Progress
) -> list[Execution]:
    """One execution for each mode of the spec, of the model `given` or else built from the spec.

    Raises TargetError where the model or its inputs can't be built, TraceError where it does not run.
    """
    with _as_before(given) if given is not None else nullcontext():
        return _run_modes(model, given, search, prove, progress)


def _run_modes(
    model: Model, given: nn.Module | None, search: Sequence[Path], prove: bool, progress: Progress
) -> list[Execution]:
    executions = []
    coverage = Coverage()
    for mode in _modes(model):
        traced, remarks = _run(model, mode, given, search, coverage, progress)
        if prove:
            from archcheck.tracing.ablation import prove as proved

            progress(f"proving by replay and ablation ({mode.name})")
            with _one_thread():
                remarks += proved(traced)
        progress("looking for residual connections")
        executions.append(execution(traced, mode.name, tuple(remarks)))
    executions[-1] = replace(executions[-1], remarks=(*executions[-1].remarks, *coverage.unrun()))
    return executions


def _modes(model: Model) -> list[Mode]:
    """The modes of a spec, evaluation alone where it names none."""
    named = model.modes or ["eval"]
    return [mode if isinstance(mode, Mode) else Mode(name=mode, train=mode == "train") for mode in named]


def execution(traced: Trace, mode: str, remarks: tuple[str, ...] = ()) -> Execution:
    """What the diff reads of a trace."""
    return Execution(
        mode=mode,
        flow=traced.dataflow,
        modules=traced.modules,
        joins=traced.joins,
        products=find_products(traced.dataflow),
        defects=defects.find(traced.dataflow, traced.joins, traced.modules),
        remarks=(*remarks, *traced.remarks),
    )


def _run(
    model: Model,
    mode: Mode,
    given: nn.Module | None,
    search: Sequence[Path],
    coverage: Coverage,
    progress: Progress,
) -> tuple[Trace, list[str]]:
    """The trace of one mode, on real values where the model is small enough or its code needs them."""
    inputs = {**model.inputs, **mode.inputs}
    if given is not None:
        return _trace(given, _contained, inputs, mode, search, coverage, progress), []
    progress(f"building {model.target}")
    built = build_model(model, arguments=mode.arguments, search=search)
    try:
        return _trace(built.module, built.running, inputs, mode, search, coverage, progress), [built.remark]
    except ArchcheckError:
        if built.device != "meta":
            raise
    built = materialize(built)
    return _trace(built.module, built.running, inputs, mode, search, coverage, progress), [built.remark]


def _trace(
    module: nn.Module, running: Callable[[], AbstractContextManager[None]], inputs: dict[str, Any],
    mode: Mode, search: Sequence[Path], coverage: Coverage, progress: Progress,
) -> Trace:  # fmt: skip
    module.train(mode.train)
    progress(f"running {type(module).__name__} ({mode.name})")
    examples = [build_inputs(module, inputs, search=search)] if inputs else guess_inputs(module)
    first: ArchcheckError | None = None
    for example in examples:
        try:
            with running(), _one_thread(), coverage.watching(), torch.set_grad_enabled(mode.train):
                return trace(module, *example.args, **example.kwargs)
        except ArchcheckError as error:
            first = first or error
    assert first is not None  # there is at least one example
    raise first if inputs else _not_guessed(module, examples[0], first)


def _not_guessed(module: nn.Module, tried: Example, error: ArchcheckError) -> TargetError:
    """That no guess ran, and why the most plausible one did not."""
    (problem,) = not_guessed(module).problems
    why = error.problems[0]
    where = f" ({why.file}:{why.line})" if why.file and why.line else ""
    message = f"{problem.message}; tried {tried.text}: {why.message}{where}"
    return TargetError(replace(problem, message=message))


@contextmanager
def _contained() -> Iterator[None]:
    """Where a caller's own model may be called: seeded, and what it does contained."""
    with contained("running the model", "TGT012"), seeded():
        yield


@contextmanager
def _as_before(module: nn.Module) -> Iterator[None]:
    """Leaves a caller's model as it was: each module's mode, and buffers that training mode writes to."""
    training = [(part, part.training) for part in module.modules()]
    buffers = [(buffer, buffer.detach().clone()) for buffer in module.buffers()]
    try:
        yield
    finally:
        for part, mode in training:
            part.training = mode
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Inputs are small: handing them to several threads costs more than it saves."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
