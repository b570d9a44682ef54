"""Draws the models of libraries as `archcheck init` does, and tells which specs are not proved at once.

    python benchmarks/init_zoo.py transformers|timm|torchvision [--family causal-lm] [--only REGEX] [--each N]

For each model: how many panels were drawn, which could not be proved and stay closed, what stands against
the spec, and what becomes of it when one mark, drawn by chance, is changed. The exit code is 1 if a model
that runs gets a spec that does not conform.
"""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import argparse
import json
import random
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from ruamel.yaml import YAML

from archcheck.commands.run_modes import execution
from archcheck.diff import compare
from archcheck.diff.binding import bind
from archcheck.diff.execution import Execution
from archcheck.drafting import draft
from archcheck.errors import SpecError
from archcheck.findings import Finding
from archcheck.seam.messages import RecordedRun
from archcheck.spec.load import loads
from archcheck.tracing import record
from benchmarks.mutation.spec_operators import mutations
from benchmarks.spec_mutants import flow_lines, names
from benchmarks.zoo_pool import run_all

TIMEOUT = 180.0


@dataclass(frozen=True)
class Row:
    """What came of one model: `status` is `conforms`, `differs` or `not run`.

    `changed` tells what became of the spec with one mark changed.
    """

    name: str
    status: str
    reason: str = ""
    panels: int = 0
    drawn: int = 0
    residuals: int = 0
    closed: tuple[str, ...] = ()
    seconds: float = 0.0
    changed: str = ""


def check(item: tuple[str, str, str]) -> Row:
    """Draws one model; `item` has the library, the name, and a folder for the spec or ""."""
    library, name, folder = item
    torch.set_num_threads(1)
    try:
        model, args, kwargs = _built(library, name)
        with torch.no_grad():
            recording = record(model, *args, **kwargs)
    except Exception as error:
        return Row(name, "not run", f"{type(error).__name__}: {error}"[:150])
    ran = execution(RecordedRun("eval", recording.dataflow, recording.modules, ()))
    start = time.perf_counter()
    made = draft(ran, {"title": type(model).__name__, "model": {"target": f"{library}:{name}"}})
    seconds = time.perf_counter() - start
    if folder:
        Path(folder, f"{name}.yaml").write_text(made.text, encoding="utf-8")
    panels = made.loaded.spec.panels
    return Row(
        name,
        "differs" if made.findings else "conforms",
        "; ".join(map(_told, made.findings[:3])),
        len(panels),
        sum(len(panel.residuals) for panel in panels.values()),
        len(ran.joins),
        made.closed,
        seconds,
        "" if made.findings else _changed(made.text, ran),
    )


def _changed(text: str, ran: Execution) -> str:
    """Return what becomes of a spec with one mark changed.

    A finding that names it or one elsewhere, or nothing.
    """
    data = YAML(typ="safe", pure=True).load(text)
    found = list(mutations(data, flow_lines))
    if not found:
        return "no mark"
    mutation = random.Random(text).choice(found)
    what = f"{mutation.operator}, {mutation.panel}, {mutation.what}"
    try:
        loaded = loads(json.dumps(mutation.data))
    except SpecError:
        return f"refused: {what}"
    findings = compare(loaded, [(ran, bind(loaded, ran.modules))]).findings
    if not findings:
        return f"UNNOTICED: {what}"
    return f"{'named' if any(names(each, mutation) for each in findings) else 'elsewhere'}: {what}"


def _told(finding: Finding) -> str:
    return f"{finding.code} {finding.panel} {finding.edge}: {finding.message}"


def _built(library: str, name: str) -> tuple[Any, Any, Any]:
    if library == "transformers":
        from benchmarks.zoo_models import cases

        return next(case for case in cases() if case.name == name).build()
    from benchmarks.zoo_vision import runnable

    model, call = runnable(library, name)
    return model, call, {}


def _names(library: str, family: str | None) -> Iterator[tuple[str, str]]:
    """Yield the names with what groups them."""
    if library == "transformers":
        from benchmarks.zoo_models import cases

        yield from ((case.name, case.name) for case in cases() if family in (None, case.family))
        return
    from benchmarks.zoo_vision import names

    yield from ((name, re.split(r"[_\d.]", name)[0]) for name in names(library))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("library", choices=("transformers", "timm", "torchvision"))
    parser.add_argument("--family")
    parser.add_argument("--only", default="", metavar="REGEX")
    parser.add_argument("--each", type=int, default=1, metavar="N", help="models of each family of a library")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each Nth of these")
    parser.add_argument("--shuffle", action="store_true", help="in an order drawn by chance")
    parser.add_argument("--folder", default="", help="where to write the specs (default: nowhere)")
    options = parser.parse_args()
    taken: dict[str, int] = {}
    chosen = []
    known = list(_names(options.library, options.family))
    if options.shuffle:
        random.Random(0).shuffle(known)
    for name, group in known:
        if re.search(options.only, name) and taken.get(group, 0) < options.each:
            taken[group] = taken.get(group, 0) + 1
            chosen.append((options.library, name, options.folder))
    rows = []
    for item, outcome in run_all(check, chosen[:: options.every], TIMEOUT):
        row = Row(item[1], "failed", outcome.error) if outcome.error is not None else outcome.value
        rows.append(row)
        print(
            f"{row.status:<9} {row.name:<45} {row.panels:2} panels {row.drawn:2} edges of {row.residuals:3} "
            f"{row.seconds:5.1f} s {row.reason} {'closed: ' + ', '.join(row.closed) if row.closed else ''} "
            f"{row.changed}",
            flush=True,
        )
    ran = [row for row in rows if row.status != "not run"]
    good = sum(row.status == "conforms" for row in ran)
    print(f"{good} of {len(ran)} conform, {sum(not row.closed for row in ran)} with nothing closed")
    changed = [row.changed.partition(":")[0] for row in ran if row.changed]
    print("one mark changed:", *(f"{changed.count(word)} {word}" for word in sorted(set(changed))))
    return int(good < len(ran))


if __name__ == "__main__":
    raise SystemExit(main())
