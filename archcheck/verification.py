"""The story: one spec, its model, what the code does, and how the two differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcheck.binding import bind
from archcheck.diff import compare
from archcheck.errors import ArchcheckError, TraceError
from archcheck.findings import Report, Status
from archcheck.settings import Setting, apply_settings
from archcheck.spec import LoadedSpec, load
from archcheck.spec.model import Mode, Model

if TYPE_CHECKING:
    from torch import nn

    from archcheck.execution import Execution

Progress = Callable[[str], None]


def verify(
    spec: str | Path | LoadedSpec, model: nn.Module | str | None = None, *, settings: Iterable[Setting] = (),
    rename: Mapping[str, str] | None = None, prove: bool = False, progress: Progress = lambda _: None,
) -> Report:  # fmt: skip
    """Check a spec against its model and return the `Report`; its `status` is the verdict.

    `model` puts another implementation under the same spec: a module, or a target
    (`pkg.module:factory`). `settings` override arguments of the model, `rename` maps module names of the
    spec to the model's. `prove` also replays each trace and ablates each residual. A spec or model that
    can't be read, built or traced gives status `error` with the problems; nothing is raised for those.
    """
    file = spec.file if isinstance(spec, LoadedSpec) else str(spec)
    try:
        loaded = spec if isinstance(spec, LoadedSpec) else load(spec)
        loaded = _adapted(loaded, model, settings, rename or {})
        return _verify(loaded, model, prove, progress)
    except ArchcheckError as error:
        return Report(file, Status.ERROR, problems=error.problems)


def _verify(loaded: LoadedSpec, model: nn.Module | str | None, prove: bool, progress: Progress) -> Report:
    from archcheck.running import run_modes  # imports torch

    given = None if isinstance(model, str) else model
    executions = run_modes(loaded.spec.model, given, [Path(loaded.file).parent], prove, progress)
    progress("comparing the diagram with the code")
    panels = [(execution, bind(loaded, execution.modules)) for execution in executions]
    findings, proofs = compare(loaded, panels)
    return Report(
        file=loaded.file,
        status=Status.DIFFERS if findings else Status.CONFORMS,
        title=loaded.spec.title,
        target=loaded.spec.model.target if given is None else type(given).__qualname__,
        findings=findings,
        proofs=proofs,
        residuals=_residuals(executions),
        remarks=_remarks(executions),
        notes=_notes(loaded),
    )


def _adapted(
    loaded: LoadedSpec, model: Any, settings: Iterable[Setting], rename: Mapping[str, str]
) -> LoadedSpec:
    """The spec with what the caller wants otherwise: another target, other arguments, other names."""
    from dataclasses import replace

    section = loaded.spec.model
    if isinstance(model, str):
        section = section.model_copy(update={"target": model})
    section = apply_settings(section, settings)
    section = section.model_copy(update={"rename": {**section.rename, **rename}})
    return replace(loaded, spec=loaded.spec.model_copy(update={"model": section}))


def modes_of(model: Model) -> list[Mode]:
    """The modes of a spec, evaluation alone where it names none."""
    named = model.modes or ["eval"]
    return [mode if isinstance(mode, Mode) else Mode(name=mode, train=mode == "train") for mode in named]


def _residuals(executions: list[Execution]) -> tuple[Any, ...]:
    """What was traced in any mode, each once, in order."""
    return tuple(dict.fromkeys(join.residual for execution in executions for join in execution.joins))


def _remarks(executions: list[Execution]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(remark for execution in executions for remark in execution.remarks))


def _notes(loaded: LoadedSpec) -> tuple[tuple[str, str], ...]:
    """The notes of the spec, with the place of each."""
    found = [("", loaded.spec.note)]
    for name, panel in loaded.spec.panels.items():
        found.append((name, panel.note))
        found += [(f"{name}.{box}", value.note) for box, value in panel.boxes.items()]
    return tuple((place, note) for place, note in found if note)


__all__ = ["TraceError", "modes_of", "verify"]
