"""Measures as curves over depth: one row of charts for each stack of layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from archcheck.diagram.plot import Chart, Series
from archcheck.measures.values import Measured, Measures


def charts_of(measures: Measures) -> list[list[Chart]]:
    """Return, for each stack, the branch against the stream, and the gradient with and without skip paths."""
    rows = []
    for stack, group in groupby(measures.residuals, key=lambda each: each.stack):
        residuals = [list(each) for _, each in groupby(group, key=lambda each: each.name)]
        ratio = [_series(each, each[0].name, "branch_ratio", at) for at, each in enumerate(residuals)]
        gradient = [_series(each, each[0].name, "gradient", at) for at, each in enumerate(residuals)]
        without = [
            _series(each, f"{each[0].name}, all skips cut", "gradient_without_skips", at, "dashed")
            for at, each in enumerate(residuals)
        ]
        across = f"layer of {stack}" if stack.endswith("*") else stack
        rows.append(
            [
                Chart("branch / stream", across, tuple(ratio)),
                Chart("gradient at the source", across, (*gradient, *without), log=True),
            ]
        )
    return rows


def _series(
    residuals: Sequence[Measured], label: str, measure: str, color: int, line: str = "solid"
) -> Series:
    points = [
        (float(place if each.layer is None else each.layer), each.values[measure].mean)
        for place, each in enumerate(residuals)
        if measure in each.values
    ]
    return Series(label, tuple(points), color, line)
