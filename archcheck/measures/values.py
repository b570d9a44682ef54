"""Measures as values: of one residual connection or of one that is only drawn, over all seeds."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from archcheck.connections import Residual

MEASURES: Mapping[str, str] = {
    "branch_ratio": "norm of the branch, over that of the skip path at the sum",
    "cosine": "cosine between branch and skip path",
    "growth": "norm of the sum, over that of the source",
    "influence": "1 - cosine between the source and the sum (block influence)",
    "gradient": "norm of the gradient at the source",
    "gradient_ratio": "share of that gradient that passes the skip path",
    "gradient_without_skip": "norm of the gradient at the source with this skip path cut",
    "gradient_without_branch": "norm of the gradient at the source with this branch cut",
    "gradient_without_skips": "norm of the gradient at the source with every skip path cut",
    "effect_without_skip": "relative change of the output with this skip path cut",
    "effect_without_branch": "relative change of the output with this branch cut",
    "kl_without_skip": "KL divergence of the output's distribution with this skip path cut",
    "kl_without_branch": "KL divergence of the output's distribution with this branch cut",
    "loss_without_skip": "loss with this skip path cut",
    "loss_without_branch": "loss with this branch cut",
}
WHAT_IFS: Mapping[str, str] = {
    "added_ratio": "norm of the source that would be added, over that of what it would be added to",
    "stream": "norm of the last source as it is",
    "stream_with": "norm of the last source with the residual added in every layer",
    "gradient": "norm of the gradient at the first source as it is",
    "gradient_with": "norm of the gradient at the first source with the residual added in every layer",
    "effect_with": "relative change of the output with the residual added in every layer",
    "kl_with": "KL divergence of the output's distribution with the residual added in every layer",
    "loss_with": "loss with the residual added in every layer",
}


@dataclass(frozen=True, slots=True)
class Statistic:
    """Mean and standard deviation (0 for a single value) over the seeds."""

    mean: float
    spread: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Statistic:
        """Return the statistic of some values."""
        return cls(fmean(values), stdev(values) if len(values) > 1 else 0.0)


@dataclass(frozen=True, slots=True)
class Measured:
    """The measures of one executed residual connection.

    `name` is the drawn edge (`layer.gqa`), or the modules on the branch if nothing is drawn; `stack` and
    `layer` are its position in a stack of equal layers. `values` has the MEASURES that could be taken.
    """

    name: str
    stack: str
    layer: int | None
    residual: Residual
    values: Mapping[str, Statistic]


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The effect that a residual would have that is drawn but not executed (WHAT_IFS)."""

    name: str
    drawn: str
    layers: int
    values: Mapping[str, Statistic]


@dataclass(frozen=True, slots=True)
class Measures:
    """All measures of a model; `remarks` say what could not be measured, and what the numbers do not show."""

    file: str
    title: str
    target: str
    seeds: int
    residuals: tuple[Measured, ...]
    what_ifs: tuple[WhatIf, ...] = ()
    remarks: tuple[str, ...] = ()


def by_edge(residuals: Iterable[Measured], measure: str) -> dict[str, float]:
    """Return the mean size of a measure for each drawn edge, over its layers."""
    found: dict[str, list[float]] = {}
    for each in residuals:
        if measure in each.values:
            found.setdefault(each.name, []).append(abs(each.values[measure].mean))
    return {name: fmean(values) for name, values in found.items()}


def over_seeds(runs: Sequence[Mapping[str, float | None]]) -> dict[str, Statistic]:
    """Return the statistics of each measure that every run has."""
    names = [name for name in (*MEASURES, *WHAT_IFS) if all(run.get(name) is not None for run in runs)]
    return {name: Statistic.of([run[name] or 0.0 for run in runs]) for name in dict.fromkeys(names)}


# -- bounds -------------------------------------------------------------------------------------------

_BOUND = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*")
_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True, slots=True)
class Bound:
    """A condition under which the command fails: `gradient_ratio < 1e-3`."""

    measure: str
    sign: str
    limit: float

    def __str__(self) -> str:
        return f"{self.measure} {self.sign} {self.limit:g}"

    @classmethod
    def parse(cls, text: str) -> Bound:
        """Read a bound. Raises ValueError, with what to write instead."""
        match = _BOUND.fullmatch(text)
        try:
            name, sign, limit = match[1], match[2], float(match[3])  # type: ignore[index]
        except (TypeError, ValueError):
            raise ValueError("Write MEASURE < NUMBER, such as 'gradient_ratio < 1e-3'.") from None
        if name not in MEASURES:
            raise ValueError(f"Unknown measure '{name}'. Choose one of {', '.join(MEASURES)}.")
        return cls(name, sign, limit)

    def broken_by(self, residuals: Iterable[Measured]) -> list[Measured]:
        """Return the residuals whose mean fulfils the condition."""
        fails = _COMPARE[self.sign]
        return [
            each
            for each in residuals
            if self.measure in each.values and fails(each.values[self.measure].mean, self.limit)
        ]
