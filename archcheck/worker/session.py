"""One model, built and run in every mode: the answers to the judge's questions. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from traceback import clear_frames
from typing import Any

import torch
from torch import Tensor, nn

from archcheck.dataflow.cuts import Answers, Cuts
from archcheck.dataflow.join import Join
from archcheck.dataflow.probe import Probe
from archcheck.errors import ArchcheckError, TargetError, TraceError
from archcheck.model.arguments import override
from archcheck.model.building import BuiltModel, build_model, materialize
from archcheck.model.checkpoint import arrays_of, load_weights
from archcheck.model.guessing import guess_inputs, missing_names, not_guessed
from archcheck.model.inputs import Example
from archcheck.model.isolation import contained
from archcheck.model.memory import seed, seeded
from archcheck.seam.messages import Progress, RecordedRun, Request, RunMode
from archcheck.seam.touched import Touched
from archcheck.tracing import Recording, record
from archcheck.tracing.coverage import Coverage
from archcheck.worker.watching import Watch

Running = Callable[[], AbstractContextManager[None]]


class Session:
    """Answers the questions of `seam.messages.Worker` about the `given` model, or the request's."""

    def __init__(self, given: nn.Module | None = None) -> None:
        self._given = given
        self._recordings: list[tuple[Recording, RunMode]] = []
        self._targets: Tensor | None = None
        self._watch: Watch | None = None

    def run(self, request: Request, progress: Progress) -> list[RecordedRun]:
        """Return a run for each mode. Raises TargetError (can't be built) or TraceError (does not run)."""
        folders = tuple(str(Path(folder).resolve()) for folder in request.search)  # a model may change ours
        request = replace(request, search=folders)
        if request.watch:
            self._watch = Watch()
        runs = []
        coverage = Coverage()
        for mode in request.modes:
            with as_before(self._given):
                recording, inputs, remarks = self._record(request, mode, coverage, progress)
            self._recordings.append((recording, mode))
            remarks = (*remarks, *recording.remarks)
            runs.append(RecordedRun(mode.name, recording.dataflow, recording.modules, remarks, inputs))
        runs[-1] = replace(runs[-1], remarks=(*runs[-1].remarks, *coverage.unrun()))
        return runs

    def prove(self, joins: Sequence[Sequence[Join]], progress: Progress) -> list[list[str]]:
        """Return what replay and changes prove of each run's residuals. Raises TraceError."""
        from archcheck.tracing.proof import prove

        remarks = []
        for (recording, mode), found in zip(self._recordings, joins, strict=True):
            progress(f"proving by replay and finite changes ({mode.name})")
            with as_before(self._given), _one_thread():
                recording.model.train(mode.train)
                remarks.append(prove(recording, found))
        return remarks

    def probe(self, probes: Sequence[Sequence[Probe]], progress: Progress) -> list[str]:
        """Return what the operations of each run do on other inputs. Raises TraceError."""
        from archcheck.tracing.behaviour import witness

        remarks = []
        for (recording, mode), claimed in zip(self._recordings, probes, strict=True):
            progress(f"proving what operations compute ({mode.name})")
            with as_before(self._given), _one_thread():
                remarks.append(witness(recording.recorder, claimed))
        return remarks

    def measure(self, cuts: Cuts, progress: Progress) -> Answers:
        """Return what the residuals of the first run do to signal and gradient. Raises TargetError."""
        from archcheck.tracing.measurement import MeasurementError, Objective, measure

        recording, _ = self._recordings[0]
        objective = Objective(cuts.seed, self._targets)
        try:
            with as_before(self._given), _one_thread():
                places, additions = measure(
                    recording.graph_module, recording.replay, cuts.places, objective, cuts.additions, progress
                )
        except MeasurementError as error:
            raise TargetError.of("TGT018", str(error)) from error
        return Answers(tuple(places), tuple(additions))

    def touched(self) -> Touched | None:
        """Return what building and running touched, if the request asked to watch it."""
        return self._watch.touched() if self._watch is not None else None

    def _record(
        self, request: Request, mode: RunMode, coverage: Coverage, progress: Progress
    ) -> tuple[Recording, dict[str, Any], tuple[str, ...]]:
        """Return the run of one mode and its inputs, on real values if it is small or its code needs them."""
        inputs = {**request.inputs, **mode.inputs}
        if request.data:
            arrays = arrays_of(Path(request.data))
            self._targets = arrays.pop("targets", None)
            inputs = {**inputs, **arrays}
        search = [Path(folder) for folder in request.search]

        def run(module: nn.Module, running: Running) -> tuple[Recording, dict[str, Any]]:
            with running():
                module.train(mode.train)
            progress(f"running {type(module).__name__} ({mode.name})")
            with coverage.watching(), torch.set_grad_enabled(mode.train or request.gradients):
                return _recorded(module, running, inputs, search)

        if self._given is not None:
            return *run(self._given, _contained), ()
        with seed(request.seed):
            built = _built(request, mode, search, progress)
        if request.weights:
            load_weights(built.module, Path(request.weights))
        try:
            return *run(built.module, built.running), (built.remark,)
        except ArchcheckError:
            if built.device != "meta":
                raise
        built = materialize(built)
        return *run(built.module, built.running), (built.remark,)


def _built(request: Request, mode: RunMode, search: Sequence[Path], progress: Progress) -> BuiltModel:
    progress(f"building {request.target}")
    return build_model(request.target, override(request.arguments, mode.arguments.items()), search)


def _recorded(
    module: nn.Module, running: Running, inputs: dict[str, Any], search: Sequence[Path]
) -> tuple[Recording, dict[str, Any]]:
    """Return the first of the calls that suit the model, recorded, and what it was made from."""
    first: ArchcheckError | None = None
    tried: list[Example] = []
    for example in guess_inputs(module, inputs, search=search, running=running):
        tried.append(example)
        try:
            with running(), _one_thread():
                recording = record(module, *example.args, **example.kwargs)
            _check_it_shows_something(recording)
            return recording, dict(example.inputs)
        except ArchcheckError as error:
            first = first or error
            _let_go(error)
    assert first is not None  # there is at least one example
    raise _not_guessed(module, inputs, tried, first) if missing_names(module, inputs) else first


def _let_go(error: BaseException | None) -> None:
    """Free what the frames of a failed run hold: its tensors."""
    while error is not None:
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _check_it_shows_something(recording: Recording) -> None:
    """Raise TraceError (TRC005) for a run that had no values to show anything."""
    given = {name: value for name, value in recording.arguments.items() if isinstance(value, Tensor)}
    made = [value for value in _values(recording.output) if isinstance(value, Tensor) and not value.is_meta]
    if given and not any(value.numel() for value in given.values()):
        what, path = f"the input '{next(iter(given))}' is empty", f"model.inputs.{next(iter(given))}"
    elif made and all(not value.numel() or bool(value.isnan().all()) for value in made):
        what, path = "the model's output is empty, or NaN throughout", "model.inputs"
    else:
        return
    hint = "Give inputs with at least one element in every dimension, whose values the model can use."
    message = f"{what}, so the run says nothing about the model"
    raise TraceError.of("TRC005", message, hint, path)


def _values(output: Any) -> list[Any]:
    parts = output.values() if isinstance(output, Mapping) else output
    if not isinstance(output, Mapping | tuple | list):
        return [output]
    return [value for part in parts for value in _values(part)]


def _not_guessed(
    module: nn.Module, inputs: Mapping[str, Any], tried: Sequence[Example], error: ArchcheckError
) -> TargetError:
    """Return the error that no guess ran, and why the most plausible one did not."""
    (problem,) = not_guessed(module, inputs, tried).problems
    why = error.problems[0]
    where = f" ({why.file}:{why.line})" if why.file and why.line else ""
    message = f"{problem.message}; tried {tried[0].text}: {why.message}{where}"
    return TargetError(replace(problem, message=message))


@contextmanager
def _contained() -> Iterator[None]:
    """Prepare to call a caller's own model: seed, and contain what it does."""
    with contained("running the model", "TGT012"), seeded():
        yield


@contextmanager
def as_before(module: nn.Module | None) -> Iterator[None]:
    """Leave a caller's model as it was: each module's mode, and buffers that a run writes to."""
    if module is None:
        yield
        return
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
    """Use one thread: inputs are small, and handing them to several costs more than it saves."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
