"""What the terms mean: each activation's formula, and what norms and softmax do to a group.

`name_of` says which term a group of operations computes, however it is written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from archcheck.vocabulary.arithmetic import REDUCTIONS, Lanes, UnknownValueError
from archcheck.vocabulary.groups import Group

_GRID = [-7.0, -5.2, -3.3, -2.4, -1.7, -1.2, -0.7, -0.3, -0.1, 0.15, 0.4, 0.8, 1.3, 1.9, 2.3, 3.1, 4.6, 6.7]
_CLOSE = 2e-5  # GELU's two forms are 5e-4 apart; constants are written with seven digits
_PROBES = [
    [3.1, -7.4, 12.3, 5.9, -0.8, 9.2, -4.7],
    [-6.2, 2.4, 8.8, -11.5, 7.3, 1.6, 4.1],
    [10.4, 6.7, -3.9, 2.2, -8.1, 5.5, 12.6],
    [-2.7, 9.1, 4.4, -5.3, 11.8, -7.7, 0.9],
]
_FIT = 2e-3  # a norm's eps shows, and does not matter


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


ACTIVATIONS: dict[str, Callable[[float], float]] = {
    "ReLU": lambda x: max(x, 0.0),
    "ReLU²": lambda x: max(x, 0.0) ** 2,
    "ReLU6": lambda x: min(max(x, 0.0), 6.0),
    "exact GELU": lambda x: x * (1 + math.erf(x / 2**0.5)) / 2,
    "tanh GELU": lambda x: x * (1 + math.tanh((2 / math.pi) ** 0.5 * (x + 0.044715 * x * x * x))) / 2,
    "QuickGELU": lambda x: x * _sigmoid(1.702 * x),
    "SiLU": lambda x: x * _sigmoid(x),
    "Sigmoid": _sigmoid,
    "LogSigmoid": lambda x: -math.log1p(math.exp(-x)),
    "Tanh": math.tanh,
    "Mish": lambda x: x * math.tanh(math.log1p(math.exp(x))),
    "Softplus": lambda x: math.log1p(math.exp(x)),
    "Softsign": lambda x: x / (1 + abs(x)),
    "Hardswish": lambda x: x * min(max(x + 3, 0.0), 6.0) / 6,
    "Hardsigmoid": lambda x: min(max(x + 3, 0.0), 6.0) / 6,
    "Hardtanh": lambda x: min(max(x, -1.0), 1.0),
    "ELU": lambda x: x if x > 0 else math.expm1(x),
    "SELU": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a group computes: a term's name, or `centred` for a tensor minus its mean."""

    name: str
    weighted: bool = False


def meaning(group: Group) -> Meaning | None:
    """Return what a group computes; None if the vocabulary has no term for it."""
    try:
        dims = group.dims
        return _activation(group) if dims is None else _statistics(group)
    except UnknownValueError:
        return None


def _activation(group: Group) -> Meaning | None:
    values = group.values(_GRID)
    for name, formula in ACTIVATIONS.items():
        if all(abs(formula(x) - y) <= _CLOSE * max(1.0, abs(y)) for x, y in zip(_GRID, values, strict=True)):
            return Meaning(name)
    slopes = [y / x for x, y in zip(_GRID, values, strict=True) if x < 0]
    is_right = all(abs(x - y) <= _CLOSE * x for x, y in zip(_GRID, values, strict=True) if x > 0)
    if is_right and all(abs(slope) < 1 - 1e-3 or group.parameters for slope in slopes):
        if group.parameters:
            return Meaning("PReLU")
        if max(slopes) - min(slopes) < _CLOSE and slopes[0] != 0:
            return Meaning("LeakyReLU")
    return None


def _statistics(group: Group) -> Meaning | None:
    values = [group.values(probe) for probe in _PROBES]
    small = [[x / 4 for x in probe] for probe in _PROBES]  # exp of the large ones leaves one alone
    count = max(group.count(at) for at in group.ops if group.flow.ops[at].name in REDUCTIONS)
    if all(_near(group.values(probe), _softmax(probe, count), 1e-6) for probe in small):
        return Meaning("SoftMax")
    centred = [_centred(probe) for probe in _PROBES]
    if all(_near(one, other, 1e-6) for one, other in zip(values, centred, strict=True)):
        return Meaning("centred")
    for name, cores in (
        ("LayerNorm", [_over_rms(c) for c in centred]),
        ("RMSNorm", list(map(_over_rms, _PROBES))),
    ):
        factors = _affine(values, cores)
        if factors:
            is_unit = name == "RMSNorm" and sum(map(abs, factors)) / len(factors) < count**-0.25
            return Meaning("L2 norm" if is_unit else name, bool(group.parameters))
    return None


def _affine(values: Sequence[Lanes], cores: Sequence[Lanes]) -> list[float] | None:
    """Return the factor of each lane if the values are factor · core + offset at all probes."""
    factors = []
    for lane in range(len(values[0])):
        ys, cs = [row[lane] for row in values], [row[lane] for row in cores]
        factor = (ys[0] - ys[1]) / (cs[0] - cs[1])
        offset = ys[0] - factor * cs[0]
        if factor == 0 or not all(
            abs(factor * c + offset - y) <= _FIT * abs(factor) for c, y in zip(cs, ys, strict=True)
        ):
            return None
        factors.append(factor)
    return factors


def _softmax(probe: Lanes, count: int) -> Lanes:
    """Return each lane's share of `count` elements, spread as the lanes are."""
    weights = [math.exp(x - max(probe)) for x in probe]
    return [weight / (sum(weights) / len(probe) * count) for weight in weights]


def _centred(probe: Lanes) -> Lanes:
    mean = sum(probe) / len(probe)
    return [x - mean for x in probe]


def _over_rms(probe: Lanes) -> Lanes:
    rms = math.sqrt(sum(x * x for x in probe) / len(probe))
    return [x / rms for x in probe]


def _near(one: Lanes, other: Lanes, within: float) -> bool:
    return all(abs(a - b) <= within * max(1.0, abs(b)) for a, b in zip(one, other, strict=True))
