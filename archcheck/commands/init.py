"""`archcheck init`: from a model, without a spec, to the spec that a person would draw."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archcheck.commands.run_modes import Start, by_default, run_modes
from archcheck.commands.settings import apply_settings
from archcheck.commands.verify import judged
from archcheck.diff.execution import Execution
from archcheck.drafting import Draft, draft
from archcheck.files import write_text
from archcheck.findings import Report
from archcheck.model.arguments import Setting
from archcheck.spec import loads
from archcheck.spec.model import Model, Spec


@dataclass(frozen=True)
class DraftedSpec:
    """A spec that was written from the code, and the verdict on it."""

    text: str
    spec: Spec
    report: Report


def init(
    target: str,
    settings: Sequence[Setting],
    inputs: Mapping[str, Any],
    file: str,
    progress: Callable[[str], None],
    worker: Start = by_default,
) -> DraftedSpec:
    """Run a model and write the spec that draws it, named `file`. Raises ArchcheckError where it can't."""
    model = apply_settings(Model.model_construct(target=target, modes=[]), settings, inputs)
    with worker() as answering:
        (execution,) = run_modes(answering, model, [Path()], False, progress)
    progress("drawing the model")
    made = drafted(execution, model)
    loaded = loads(made.text, file)
    report = judged(loaded, [execution], (), target)
    if made.closed:
        titles = ", ".join(dict.fromkeys(made.closed))
        remark = f"no panel opens {titles}: not all of what is inside could be proved"
        report = replace(report, remarks=(*report.remarks, remark))
    return DraftedSpec(made.text, loaded.spec, report)


def drafted(execution: Execution, model: Model) -> Draft:
    """Return the spec of a run of a model."""
    section: dict[str, Any] = {"target": model.target}
    section |= {"arguments": model.arguments} if model.arguments else {}
    section |= {"inputs": dict(execution.inputs)} if execution.inputs else {}
    section |= {"modes": [execution.mode]} if execution.mode != "eval" else {}
    return draft(execution, {"title": execution.modules[""].type_name, "model": section})


def write_spec(file: Path, text: str) -> None:
    """Write a spec, creating its folder if need be. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, text)


def file_of(target: str) -> Path:
    """Return where a spec goes by default: `specs/NAME.yaml`, after the file or module and the class."""
    module, _, name = target.rpartition(":")
    stem = Path(module).stem if module.endswith(".py") else module.rpartition(".")[2]
    word = stem if name in ("build", "model", "Model", "create_model", "") else name
    return Path("specs") / f"{re.sub(r'[^A-Za-z0-9]+', '-', word).strip('-').lower() or 'model'}.yaml"
