"""Measures as text, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby

from archcheck.measures.values import MEASURES, WHAT_IFS, Measured, Measures, Statistic

_HEADS = {
    "branch_ratio": "branch/stream",
    "cosine": "cosine",
    "growth": "growth",
    "influence": "influence",
    "gradient": "gradient",
    "gradient_ratio": "via skip",
    "gradient_without_skip": "skip cut",
    "gradient_without_branch": "branch cut",
    "gradient_without_skips": "all cut",
    "effect_without_skip": "output: skip cut",
    "effect_without_branch": "branch cut",
    "kl_without_skip": "KL: skip cut",
    "kl_without_branch": "branch cut",
    "loss_without_skip": "loss: skip cut",
    "loss_without_branch": "branch cut",
}


def to_text(measures: Measures, *, verbose: bool = False) -> str:
    """Return a table for each stack of residuals, then what the drawn ones would do, then remarks.

    `verbose` adds the spread over the seeds to each number, and what each column means.
    """
    lines = [f"{measures.title}, {measures.target}" if measures.title else measures.target]
    for _, group in groupby(measures.residuals, key=lambda each: (each.stack, each.name)):
        lines += ["", *_table(list(group), verbose)]
    for what_if in measures.what_ifs:
        layers = f"in {what_if.layers} layers" if what_if.layers > 1 else "in one place"
        lines += ["", f"what if: {what_if.drawn} ({layers})"]
        lines += [f"  {WHAT_IFS[name]}: {_shown(value, verbose)}" for name, value in what_if.values.items()]
    if verbose:
        used = [name for name in MEASURES if any(name in each.values for each in measures.residuals)]
        width = max((len(name) for name in used), default=0)
        lines += ["", *(f"{name:{width}}  {MEASURES[name]}" for name in used)]
    return "\n".join([*lines, "", *measures.remarks]) + "\n"


def _table(rows: Sequence[Measured], verbose: bool) -> list[str]:
    first = rows[0]
    names = [name for name in _HEADS if any(name in row.values for row in rows)]
    cells = [["layer", *(_HEADS[name] for name in names)]]
    for row in rows:
        layer = "" if row.layer is None else str(row.layer)
        shown = [_shown(row.values[name], verbose) if name in row.values else "-" for name in names]
        cells.append([layer, *shown])
    if all(row.layer is None for row in rows):
        cells = [row[1:] for row in cells]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    place = first.residual.location
    head = f"{first.name} ({first.residual.kind.value}{f', {place}' if place else ''})"
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    return [head, *(f"  {line}" for line in lines)]


def _shown(value: Statistic, verbose: bool) -> str:
    return f"{_number(value.mean)} ±{_number(value.spread)}" if verbose else _number(value.mean)


def _number(value: float) -> str:
    """Return a number with three significant digits: `0.123`, `12.3`, `1.23e-05`."""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:#.3g}".rstrip(".")
    return f"{value:.2e}"


def to_json(measures: Measures) -> str:
    """Return all measures, with their mean and spread; the same names as in CSV and `--fail-if`."""
    return json.dumps({"version": 1, **_as_json(measures)}, indent=2, ensure_ascii=False) + "\n"


def _as_json(measures: Measures) -> dict[str, object]:
    return {
        "file": measures.file,
        "title": measures.title,
        "target": measures.target,
        "seeds": measures.seeds,
        "residuals": [
            {
                "name": each.name,
                "stack": each.stack,
                "layer": each.layer,
                "kind": each.residual.kind.value,
                "scope": each.residual.scope,
                "branch": list(each.residual.branch),
                "location": asdict(each.residual.location) if each.residual.location else None,
                "measures": _statistics(each.values),
            }
            for each in measures.residuals
        ],
        "what_ifs": [
            {
                "name": each.name,
                "drawn": each.drawn,
                "layers": each.layers,
                "measures": _statistics(each.values),
            }
            for each in measures.what_ifs
        ],
        "remarks": list(measures.remarks),
    }


def _statistics(values: Mapping[str, Statistic]) -> dict[str, dict[str, float]]:
    return {name: asdict(value) for name, value in values.items()}


def to_csv(measures: Measures) -> str:
    """Return one row for each residual, two columns (mean and spread) for each measure."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    columns = [column for name in MEASURES for column in (name, f"{name}_spread")]
    table.writerow(["model", "name", "stack", "layer", "kind", *columns])
    for each in measures.residuals:
        cells = [cell for name in MEASURES for cell in _mean_and_spread(each.values.get(name))]
        layer = "" if each.layer is None else each.layer
        table.writerow([measures.file, each.name, each.stack, layer, each.residual.kind.value, *cells])
    return text.getvalue()


def _mean_and_spread(value: Statistic | None) -> tuple[float | str, float | str]:
    return (value.mean, value.spread) if value is not None else ("", "")


WRITERS: Mapping[str, Callable[[Measures, bool], str]] = {
    "text": lambda measures, verbose: to_text(measures, verbose=verbose),
    "json": lambda measures, _: to_json(measures),
    "csv": lambda measures, _: to_csv(measures),
}
