"""Traces and judges every model of the zoo, and writes what came of it to a table.

    python benchmarks/zoo.py [--family causal-lm] [--only REGEX] [--output docs/zoo.md]

Each class of `transformers` that can be built offline (see `zoo_models`) is traced, its trace replayed,
its residual connections found, and each of them put to the proof by finite changes that `--prove` makes. Each
runs in a child process. The exit code is 1 if a model that runs is not traced, not replayed bit for bit, or
found to be otherwise by finite changes.
"""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
import transformers
from torch import Tensor, nn

from benchmarks.zoo_models import FAMILIES, Case, cases
from benchmarks.zoo_pool import Outcome, run_all

if TYPE_CHECKING:
    from archcheck import Trace

TIMEOUT = 180.0
"""Seconds that one case may take."""


@dataclass(frozen=True)
class Row:
    """What was seen of one case, as plain data.

    `status` says how far it came: `not built`, `not traced`, `not replayed`, `refuted by --prove` or `ok`,
    and `reason` why no further. `layout` names how its residuals are laid out, `counts` how many each.
    """

    name: str
    family: str
    status: str
    reason: str = ""
    residuals: int = 0
    kinds: tuple[tuple[str, int], ...] = ()
    layout: str = ""
    counts: tuple[tuple[str, int], ...] = ()
    parameters: int = 0
    nodes: int = 0
    build_seconds: float = 0.0
    trace_seconds: float = 0.0


def check(case: Case) -> Row:
    """Build, trace, replay and judge one case; never raises for what the model does."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    start = time.perf_counter()
    try:
        model, args, kwargs = case.build()
    except Exception as error:
        return Row(case.name, case.family, "not built", _reason(error))
    built = time.perf_counter() - start
    with torch.no_grad():
        return _judged(case, model, args, kwargs, built)


def _judged(case: Case, model: nn.Module, args: Any, kwargs: Any, built: float) -> Row:
    from archcheck import trace
    from benchmarks.zoo_layout import CallOrder, layouts, summary

    def inputs() -> tuple[Any, Any]:
        torch.manual_seed(2)
        return _cloned(args), _cloned(kwargs)

    expected = _run(model, *inputs())
    is_repeatable = _same(expected, _run(model, *inputs()))
    start = time.perf_counter()
    try:
        args_, kwargs_ = inputs()
        traced = trace(model, *args_, **kwargs_)
        residuals = traced.residuals
    except Exception as error:
        return Row(case.name, case.family, "not traced", _reason(error), build_seconds=built)
    seconds = time.perf_counter() - start
    counts = layouts(residuals, CallOrder(model, *inputs()))
    row = {
        "residuals": len(residuals),
        "kinds": tuple(sorted(Counter(residual.kind.value for residual in residuals).items())),
        "layout": summary(counts),
        "counts": tuple(sorted(counts.items())),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "build_seconds": built,
        "trace_seconds": seconds,
    }
    try:
        row["nodes"] = len(traced.graph_module.graph.nodes)
        replayed = _run(traced.graph_module, *inputs())
    except Exception as error:
        return Row(case.name, case.family, "not replayed", _reason(error), **row)
    if not _same(expected, replayed):
        why = "" if is_repeatable else " (nor are two runs of the model itself)"
        return Row(case.name, case.family, "not replayed", f"the outputs are not identical{why}", **row)
    disagreements = refuted(traced)
    if disagreements:
        return Row(case.name, case.family, "refuted by --prove", "; ".join(disagreements), **row)
    return Row(case.name, case.family, "ok", **row)


def refuted(traced: Trace) -> list[str]:
    """Return the residuals that finite changes contradict: what `verify --prove` would refuse."""
    from archcheck.errors import TraceError
    from archcheck.tracing.proof import prove

    try:
        prove(traced.recording, traced.joins)
    except TraceError as error:
        return [str(problem) for problem in error.problems]
    return []


def _run(model: nn.Module, args: Any, kwargs: Any) -> Any:
    return model(*args, **kwargs)


def _cloned(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: _cloned(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_cloned(item) for item in value)
    return value


def _same(one: Any, other: Any) -> bool:
    """Return whether two outputs hold the same tensors, bit for bit (a NaN equals itself)."""
    left, right = list(_tensors(one)), list(_tensors(other))
    return len(left) == len(right) and all(
        a.shape == b.shape and a.dtype == b.dtype and torch.equal(a.nan_to_num(), b.nan_to_num())
        for a, b in zip(left, right, strict=True)
    )


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:240]}"


def table(rows: Iterable[Row]) -> str:
    """Return the rows as Markdown: how far each family came, the layouts with their models, the failures."""
    rows = sorted(rows, key=lambda row: (_families().index(row.family), row.name))
    judged = [row for row in rows if row.layout]
    parts = [
        "# The zoo",
        f"Every class that `transformers` {transformers.__version__} maps to a task, as a small model with "
        "random weights, traced by `benchmarks/zoo.py`. The file is written by that script.",
        "## How far each family came",
        *_family_table(rows),
        "## Residual layouts",
        *_layout_tables(judged),
        "## What was not judged, and why",
        *_failures(rows),
    ]
    return "\n".join(parts) + "\n"


def _families() -> list[str]:
    return [*FAMILIES, "base"]


def _family_table(rows: list[Row]) -> Iterator[str]:
    yield "\n| family | classes | run | traced | replayed exactly | finite changes agree |"
    yield "|---|--:|--:|--:|--:|--:|"
    for family in [*_families(), "all"]:
        here = [row for row in rows if family in (row.family, "all")]
        if not here:
            continue
        run = [row for row in here if row.status != "not built"]
        traced = [row for row in run if row.status != "not traced"]
        replayed = [row for row in traced if row.status != "not replayed"]
        agreed = [row for row in replayed if row.status == "ok"]
        yield f"| {family} | {len(here)} | {len(run)} | {len(traced)} | {len(replayed)} | {len(agreed)} |"
    yield ""


def _layout_tables(rows: list[Row]) -> Iterator[str]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.layout, []).append(row)
    ordered = sorted(groups, key=lambda layout: (-len(groups[layout]), layout))
    yield "\n| layout | classes |\n|---|--:|"
    for layout in ordered:
        yield f"| {layout} | {len(groups[layout])} |"
    for layout in ordered:
        yield f"\n### {layout}\n\n| class | family | residuals | of them |\n|---|---|--:|---|"
        for row in groups[layout]:
            yield f"| {row.name} | {row.family} | {row.residuals} | {_counts(row.counts)} |"
    yield ""


def _counts(counts: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts)


def _failures(rows: list[Row]) -> Iterator[str]:
    yield "\n| class | family | status | reason |\n|---|---|---|---|"
    for row in rows:
        if row.status != "ok":
            reason = row.reason.replace("|", "\\|").replace("<", "&lt;")
            yield f"| {row.name} | {row.family} | {row.status} | {reason} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--family", choices=_families())
    parser.add_argument("--only", default="", metavar="REGEX", help="classes whose name matches")
    parser.add_argument("--output", type=Path, help="where to write the table (default: nowhere)")
    options = parser.parse_args()
    chosen = [
        case
        for case in cases()
        if options.family in (None, case.family) and re.search(options.only, case.name)
    ]
    rows = []
    for case, outcome in run_all(check, chosen, TIMEOUT):
        row = _row(case, outcome)
        rows.append(row)
        print(
            f"{row.status:<17}{row.name:<48}{row.residuals:4} residuals {row.trace_seconds:6.2f} s  "
            f"{row.reason or row.layout}",
            flush=True,
        )
    print("\n".join(_family_table(rows)))
    print(f"traced in {sum(row.trace_seconds for row in rows):.1f} s")
    if options.output:
        partial = options.output.with_suffix(".part")
        partial.write_text(table(rows), encoding="utf-8")
        partial.replace(options.output)
    return int(any(row.status not in ("ok", "not built") for row in rows))


def _row(case: Case, outcome: Outcome) -> Row:
    if outcome.error is not None:
        return Row(case.name, case.family, "not traced", outcome.error)
    return outcome.value


if __name__ == "__main__":
    raise SystemExit(main())
