"""The main story: one spec, its model, what the code does, and how the two differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcheck.commands.run_modes import Start, by_default, in_this_process, run_modes
from archcheck.commands.settings import apply_settings
from archcheck.connections import Residual
from archcheck.diff import compare
from archcheck.diff.binding import bind
from archcheck.errors import ArchcheckError, Problem
from archcheck.findings import Report, Status
from archcheck.model.arguments import Setting
from archcheck.spec import LoadedSpec, load
from archcheck.spec.edges import edge_id
from archcheck.spec.model import Model, Spec
from archcheck.syncing import tried
from archcheck.waivers import BY_COMMENTS, Waivers, waive

if TYPE_CHECKING:
    from torch import nn

    from archcheck.diff.execution import Execution

Progress = Callable[[str], None]

_MOST_TRIES, _OPS_TRIED = 100, 15_000  # comparisons to try fixes, and operations in all of them: some seconds

_PATH = re.compile(r"([^.\[\]]+)|\[(\d+)\]")  # the keys and indices of a place in a spec


def verify(
    spec: str | Path | LoadedSpec,
    model: nn.Module | str | None = None,
    *,
    settings: Sequence[Setting] = (),
    inputs: Mapping[str, Any] | None = None,
    rename: Mapping[str, str] | None = None,
    prove: bool = False,
    strict: bool = False,
    waivers: Waivers = BY_COMMENTS,
    progress: Progress = lambda _: None,
    failed: Callable[[ArchcheckError], object] = lambda _: None,
    worker: Start = by_default,
) -> Report:
    """Check a spec against its model and return the `Report`; its `status` is the verdict.

    `model` puts another implementation under the same spec: a module, or a target (`pkg.module:factory`).
    `settings` override arguments of the model and `inputs` its inputs; `rename` maps module names of the spec
    to the model's. `prove` also replays each trace and checks each residual by finite changes. `strict` makes
    each mark that is not proved a finding. `waivers` accept findings, as comments (`# archcheck:
    ignore[RES002] reason`) do.

    A spec or model that can't be read, built or traced gives status `error` with the problems; nothing is
    raised for those, but `failed` is called with the error. A named model is built and run by a `worker`, in
    a process of its own; a given module runs in this one, and is left as it was.
    """
    file = spec.file if isinstance(spec, LoadedSpec) else str(spec)
    loaded = None
    try:
        loaded = spec if isinstance(spec, LoadedSpec) else load(spec)
        adapt = partial(
            adapted, model=model, settings=settings, inputs=inputs or {}, rename=rename or {}, strict=strict
        )
        loaded = adapt(loaded)
        return waive(_verify(loaded, model, prove, progress, worker, adapt), waivers)
    except ArchcheckError as error:
        failed(error)
        if loaded is None:
            return Report(file, Status.ERROR, problems=error.problems)
        problems = tuple(_placed(problem, loaded, model) for problem in error.problems)
        return Report(file, Status.ERROR, loaded.spec.title, _target(loaded, model), problems=problems)


def assert_conforms(model: nn.Module | str | None, spec: str | Path, **options: Any) -> Report:
    """Check `model` (None: the spec's own) against a spec, for tests; `options` are those of `verify`.

    Returns the report. Raises AssertionError, with the report as its text, where the model differs from the
    spec or could not be checked.
    """
    report = verify(spec, model, **options)
    if report.status is not Status.CONFORMS:
        from archcheck.reporters.text import plain_text

        raise AssertionError(plain_text([report]))
    return report


def _verify(
    loaded: LoadedSpec,
    model: nn.Module | str | None,
    prove: bool,
    progress: Progress,
    worker: Start,
    adapt: Callable[[LoadedSpec], LoadedSpec],
) -> Report:
    executions, published = run(loaded, model, prove, progress, worker)
    progress("comparing the diagram with the code")
    target = _target(loaded, model)
    report = judged(loaded, executions, published, target)
    if not report.findings:
        return report
    progress("trying the fixes")
    size = sum(len(execution.flow.ops) for execution in (*executions, *published))
    return tried(
        report,
        loaded,
        lambda changed: judged(adapt(changed), executions, published, target),
        dict.fromkeys(name for execution in executions for name in execution.modules),
        min(_MOST_TRIES, max(1, _OPS_TRIED // max(1, size))),
    )


def run(
    loaded: LoadedSpec, model: nn.Module | str | None, prove: bool, progress: Progress, worker: Start
) -> tuple[list[Execution], list[Execution]]:
    """Return what a spec's model does in every mode, and at its published size. Raises ArchcheckError."""
    folders = [Path(loaded.file).parent, Path()]
    if isinstance(model, str):  # what the command line names is looked for from where it was typed
        folders.reverse()
    elif model is not None:
        worker = partial(in_this_process, model)
    with worker() as answering:
        executions = run_modes(answering, loaded.spec.model, folders, prove, progress)
    published: list[Execution] = []
    if loaded.spec.model.published and (model is None or isinstance(model, str)):
        with worker() as answering:
            published = run_modes(answering, at_published_size(loaded.spec.model), folders, False, progress)
    return executions, published


def judged(
    loaded: LoadedSpec, executions: list[Execution], published: Sequence[Execution], target: str
) -> Report:
    """Return the verdict on a spec, from runs of its model in every mode and at its `published` size."""
    known = [name for execution in executions for name in execution.modules]
    panels, sized = (
        [(execution, bind(loaded, execution.modules, known)) for execution in each]
        for each in (executions, published)
    )
    compared = compare(loaded, panels, sized)
    status = Status.DIFFERS if compared.findings else Status.CONFORMS
    return Report(
        file=loaded.file,
        status=Status.ERROR if compared.problems else status,
        title=loaded.spec.title,
        target=target,
        findings=compared.findings,
        proofs=compared.proofs,
        marks=compared.marks,
        problems=compared.problems,
        residuals=_residuals(executions),
        remarks=_remarks(executions),
        notes=_notes(loaded),
        picture=partial(picture_of, loaded.spec),
    )


def at_published_size(model: Model) -> Model:
    """Return the model at its published size, in evaluation alone."""
    return model.model_copy(update={"arguments": {**model.arguments, **model.published}, "modes": ["eval"]})


def adapted(
    loaded: LoadedSpec,
    model: Any,
    settings: Sequence[Setting],
    inputs: Mapping[str, Any],
    rename: Mapping[str, str],
    strict: bool,
) -> LoadedSpec:
    """Return the spec with the caller's changes: another target, other arguments, other names."""
    section = loaded.spec.model
    if isinstance(model, str):
        section = section.model_copy(update={"target": model})
    section = apply_settings(section, settings, inputs)
    section = section.model_copy(update={"rename": {**section.rename, **rename}})
    strict = strict or loaded.spec.strict
    return replace(loaded, spec=loaded.spec.model_copy(update={"model": section, "strict": strict}))


def _target(loaded: LoadedSpec, model: nn.Module | str | None) -> str:
    """Return the name of what is checked, for the report."""
    given = model is not None and not isinstance(model, str)
    return type(model).__qualname__ if given else loaded.spec.model.target


def _placed(problem: Problem, loaded: LoadedSpec, model: Any) -> Problem:
    """Return a problem with a place in the spec (`model.inputs.x`) but no line, with that place's line."""
    if isinstance(model, str):
        problem = _with_way_out(problem)
    if problem.file or not problem.path:
        return problem
    if isinstance(model, str) and problem.path == "model.target":  # not what the spec says, but --model
        return replace(problem, path="")
    keys = [int(index) if index else name for name, index in _PATH.findall(problem.path)]
    place = loaded.place(*keys)
    return replace(problem, file=place.file, line=place.line, column=place.column)


def _with_way_out(problem: Problem) -> Problem:
    """Add how to drop an argument or input of the spec that another implementation does not take."""
    match = re.fullmatch(r"model\.(?:arguments|inputs)\.([\w.]+)", problem.path)
    if problem.code not in ("TGT005", "TGT008") or match is None or "takes no" not in problem.message:
        return problem
    name = match[1].replace(".arguments.", ".")
    return replace(problem, hint=f"{problem.hint} To drop it: --unset {name}".strip())


def picture_of(spec: Spec, report: Report) -> str:
    """Return a spec as SVG, with the verdict of `report`."""
    from archcheck.diagram import draw, render  # only who looks at the picture pays for it

    return render(draw(spec, report), ".svg").decode()


def _residuals(executions: list[Execution]) -> tuple[Residual, ...]:
    """Return the residuals traced in any mode, each once, in order, with its modes if not all have it."""
    modes: dict[Residual, list[str]] = {}
    for execution in executions:
        for residual in dict.fromkeys(join.residual for join in execution.joins):
            modes.setdefault(residual, []).append(execution.mode)
    return tuple(
        residual if len(found) == len(executions) else replace(residual, modes=tuple(found))
        for residual, found in modes.items()
    )


def _remarks(executions: list[Execution]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(remark for execution in executions for remark in execution.remarks))


def _notes(loaded: LoadedSpec) -> tuple[tuple[str, str], ...]:
    """Return the notes of the spec, with the place of each."""
    found = [("", loaded.spec.note)]
    for name, panel in loaded.spec.panels.items():
        found.append((name, panel.note))
        found += [(f"{name}.{box}", value.note) for box, value in panel.boxes.items()]
        found += [(f"{name}.{edge_id(edge)}", edge.note) for edge in panel.residuals]
    return tuple((place, note) for place, note in found if note)
