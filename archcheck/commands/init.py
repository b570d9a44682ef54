"""`archcheck init`: from a model, with no spec, to the spec that a person would have drawn of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archcheck.commands.run_modes import Start, by_default, run_modes
from archcheck.commands.settings import apply_settings
from archcheck.commands.verify import judged
from archcheck.drafting import draft
from archcheck.files import write_text
from archcheck.findings import Report
from archcheck.model.arguments import Setting
from archcheck.spec import loads
from archcheck.spec.model import Model, Spec


@dataclass(frozen=True)
class Written:
    """A spec that was written from the code, and the verdict on it."""

    text: str
    spec: Spec
    report: Report


def init(
    target: str, settings: Sequence[Setting], inputs: Mapping[str, Any], file: str,
    progress: Callable[[str], None], worker: Start = by_default,
) -> Written:  # fmt: skip
    """Run a model and write the spec that draws it; `file` is what the report calls it.

    Raises ArchcheckError where the model can't be built or run.
    """
    model = Model.model_construct(target=target, inputs=dict(inputs), modes=[])
    model = apply_settings(model, settings)
    with worker() as answering:
        (execution,) = run_modes(answering, model, [Path()], False, progress)
    progress("drawing the model")
    section: dict[str, Any] = {"target": target}
    section |= {"arguments": model.arguments} if model.arguments else {}
    section |= {"inputs": dict(execution.inputs)} if execution.inputs else {}
    drafted = draft(execution, {"title": execution.modules[""].type_name, "model": section})
    loaded = loads(drafted.text, file)
    return Written(drafted.text, loaded.spec, judged(loaded, [execution], (), target))


def write_spec(file: Path, text: str) -> None:
    """Write a spec, in a folder that is made for it if need be. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, text)


def file_of(target: str) -> Path:
    """Where a spec goes that is not told where: `specs/NAME.yaml`, after the file or module and the class."""
    module, _, name = target.rpartition(":")
    stem = Path(module).stem if module.endswith(".py") else module.rpartition(".")[2]
    word = stem if name in ("build", "model", "Model", "create_model", "") else name
    return Path("specs") / f"{re.sub(r'[^A-Za-z0-9]+', '-', word).strip('-').lower() or 'model'}.yaml"
