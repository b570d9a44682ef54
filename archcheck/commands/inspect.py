"""`archcheck inspect`: the parts and residual connections of a model, without a spec."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from archcheck.commands.run_modes import Start, by_default, run_modes
from archcheck.commands.settings import apply_settings
from archcheck.diff.execution import Execution
from archcheck.errors import ArchcheckError, own_failure
from archcheck.findings import Part, Report, Status
from archcheck.model.arguments import Setting
from archcheck.spec.model import Model, Spec

Outline = Callable[[], Spec]


def inspect(
    target: str,
    settings: Sequence[Setting],
    inputs: Mapping[str, Any],
    train: bool,
    prove: bool,
    progress: Callable[[str], None],
    failed: Callable[[ArchcheckError], object] = lambda _: None,
    worker: Start = by_default,
) -> tuple[Report, Outline | None]:
    """Return what one run of `target` executes, as a report, and (on demand) the spec that draws it.

    The status is `differs` if the code has a defect that needs no diagram (RES007, RES008, RES011, RES012).
    """
    from archcheck.residual.defects import merged

    # Not validated: what a spec may say of a target's length is no matter here.
    model = Model.model_construct(target=target, modes=["train"] if train else [])
    try:
        model = apply_settings(model, settings, inputs)
        with worker() as answering:
            (execution,) = run_modes(answering, model, [Path()], prove, progress)
        findings = merged(execution.defects)
        progress("reading its structure")
        tree, remarks = _tree(execution)
    except ArchcheckError as error:
        failed(error)
        # Without a spec there are no places to point to.
        problems = tuple(replace(problem, path="") for problem in error.problems)
        return Report(target, Status.ERROR, target=target, problems=problems), None
    report = Report(
        file=target,
        status=Status.DIFFERS if findings else Status.CONFORMS,
        target=target,
        findings=findings,
        residuals=tuple(join.residual for join in execution.joins),
        remarks=(*execution.remarks, *remarks),
        tree=tree,
    )

    def outline() -> Spec:
        from archcheck.commands.init import drafted

        return drafted(execution, model).loaded.spec

    return report, outline


def _tree(execution: Execution) -> tuple[Part, tuple[str, ...]]:
    """Return what the model is made of; module by module, with a remark, if that analysis fails."""
    from archcheck.drafting.structure import modules, structure

    try:
        return structure(execution), ()
    except Exception as error:
        why = own_failure(error)
        return modules(execution), (f"the modules are listed as they are: {why.message}",)
