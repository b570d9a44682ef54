"""Operations on plain numbers: what a recorded group of operations computes, on lanes of floats.

A lane is one element of the group over which a norm or a softmax looks: reductions go over all lanes.
Standard library only: nothing of torch is called.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from archcheck.dataflow.run import Op

Lanes = list[float]


class UnknownValueError(Exception):
    """The group has an operation that is unknown here, or has no value at the probe."""


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def _softplus(x: float) -> float:
    return x if x > 30 else math.log1p(math.exp(x))


def _gelu(x: float) -> float:
    return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))


def _tanh_gelu(x: float) -> float:
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _elu(x: float, alpha: float = 1.0) -> float:
    return x if x > 0 else alpha * math.expm1(x)


def _clip(x: float, low: float | None, high: float | None) -> float:
    x = x if low is None else max(x, low)
    return x if high is None else min(x, high)


def _power(x: float, exponent: float) -> float:
    value: float | complex = x**exponent
    if isinstance(value, complex):
        raise ValueError
    return value


UNARY: dict[str, Callable[[float], float]] = {
    "neg": lambda x: -x,
    "exp": math.exp,
    "exp2": lambda x: 2.0**x,
    "log": math.log,
    "log1p": math.log1p,
    "expm1": math.expm1,
    "sqrt": math.sqrt,
    "rsqrt": lambda x: 1 / math.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x * x,
    "abs": abs,
    "absolute": abs,
    "erf": math.erf,
    "erfc": math.erfc,
    "tanh": math.tanh,
    "sigmoid": _sigmoid,
    "expit": _sigmoid,
    "logsigmoid": lambda x: -_softplus(-x),
    "log_sigmoid": lambda x: -_softplus(-x),
    "relu": lambda x: max(x, 0.0),
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "silu": lambda x: x * _sigmoid(x),
    "mish": lambda x: x * math.tanh(_softplus(x)),
    "sin": math.sin,
    "cos": math.cos,
    "atan": math.atan,
    "arctan": math.atan,
    "sign": lambda x: math.copysign(1.0, x) if x else 0.0,
    "hardswish": lambda x: x * _clip(x + 3, 0, 6) / 6,
    "hardsigmoid": lambda x: _clip(x + 3, 0, 6) / 6,
    "softsign": lambda x: x / (1 + abs(x)),
    "selu": lambda x: 1.0507009873554805 * _elu(x, 1.6732632423543772),
    "logical_not": lambda x: float(not x),
}
BINARY: dict[str, Callable[[float, float], float]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "rsub": lambda x, y: y - x,
    "mul": lambda x, y: x * y,
    "multiply": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "divide": lambda x, y: x / y,
    "true_divide": lambda x, y: x / y,
    "reciprocal_div": lambda x, y: y / x,
    "pow": _power,
    "rpow": lambda x, y: _power(y, x),
    "maximum": max,
    "minimum": min,
    "clamp_min": max,
    "clamp_max": min,
    "gt": lambda x, y: float(x > y),
    "ge": lambda x, y: float(x >= y),
    "lt": lambda x, y: float(x < y),
    "le": lambda x, y: float(x <= y),
    "eq": lambda x, y: float(x == y),
    "ne": lambda x, y: float(x != y),
    "logaddexp": lambda x, y: max(x, y) + math.log1p(math.exp(-abs(x - y))),
}
# With arguments by name, and what they are without.
_WITH: dict[str, Callable[..., float]] = {
    "gelu": lambda x, approximate="none": _tanh_gelu(x) if approximate == "tanh" else _gelu(x),
    "leaky_relu": lambda x, negative_slope=0.01: x if x > 0 else negative_slope * x,
    "elu": lambda x, alpha=1.0: _elu(x, alpha),
    "celu": lambda x, alpha=1.0: x if x > 0 else alpha * math.expm1(x / alpha),
    "softplus": lambda x, beta=1.0, threshold=20.0: _softplus(beta * x) / beta,
    "hardtanh": lambda x, min_val=-1.0, max_val=1.0: _clip(x, min_val, max_val),
    "clamp": lambda x, min=None, max=None: _clip(x, min, max),
    "clip": lambda x, min=None, max=None: _clip(x, min, max),
    "threshold": lambda x, threshold=0.0, value=0.0: x if x > threshold else value,
}
REDUCTIONS = frozenset(
    """
    mean sum var std norm linalg_norm vector_norm linalg_vector_norm amax max amin min logsumexp
    var_mean std_mean
    """.split()
)
# What hands on each value as it is.
CASTS = frozenset(
    """
    to type float half double bfloat16 type_as contiguous clone detach alias cpu cuda _to_copy positive
    checkpoint_name
    """.split()
)
POINTWISE = frozenset([*UNARY, *BINARY, *_WITH, "where", "addcmul", "lerp", "masked_fill"])


def pointwise(op: Op, operands: Sequence[Lanes]) -> Lanes:
    """Return the operation on each lane. Raises UnknownValueError if it has no value there."""
    try:
        return [_value(op, values) for values in zip(*operands, strict=True)]
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise UnknownValueError from error


def _value(op: Op, values: tuple[float, ...]) -> float:
    name = op.name
    if name in _WITH and len(values) == 1:
        arguments = {key: value for key, value in op.arguments.items() if key != "inplace"}
        return _WITH[name](values[0], **arguments)
    if len(values) == 1 and name in BINARY:
        number = op.numbers[0]
        is_base = name == "pow" and op.roles.get("exponent") == 0
        return _power(number, values[0]) if is_base else BINARY[name](values[0], number)
    if len(values) == 1 and name in UNARY:
        return UNARY[name](values[0])
    if len(values) == 2 and name in BINARY:
        alpha = op.numbers[0] if op.numbers and name in ("add", "sub") else 1.0
        return BINARY[name](values[0], alpha * values[1])
    if name in ("where", "masked_fill"):
        return _choice(op, values)
    if name == "addcmul" and len(values) == 3:
        return values[0] + (op.numbers[0] if op.numbers else 1.0) * values[1] * values[2]
    if name == "lerp" and len(values) >= 2:
        weight = values[2] if len(values) == 3 else op.numbers[0]
        return values[0] + weight * (values[1] - values[0])
    raise ValueError(name)


def _choice(op: Op, values: tuple[float, ...]) -> float:
    def given(name: str) -> float:
        place = op.roles.get(name)
        return values[place] if place is not None else float(op.arguments[name])

    if op.name == "where":
        return given("input") if values[op.roles["condition"]] else given("other")
    return given("value") if values[op.roles["mask"]] else given("input")


def reduction(op: Op, lanes: Lanes, count: int) -> list[Lanes]:
    """Return the reduction over all lanes, as if there were `count`: one value, or two for `var_mean`."""
    name, size = op.name, len(lanes)
    mean = sum(lanes) / size
    if name == "mean":
        return [[mean] * size]
    if name == "sum":
        return [[mean * count] * size]
    if name in ("amax", "max", "amin", "min"):
        return [[max(lanes) if "max" in name else min(lanes)] * size]
    if name in ("var", "std", "var_mean", "std_mean"):
        unbiased = op.arguments.get("unbiased", True)
        freedom = max(count - int(1 if unbiased is None else unbiased), 1)
        variance = sum((lane - mean) ** 2 for lane in lanes) / size * count / freedom
        spread = math.sqrt(variance) if "std" in name else variance
        return [[spread] * size, [mean] * size]
    if name == "logsumexp":
        return [[math.log(sum(map(math.exp, lanes)) / size * count)] * size]
    if op.arguments.get("p", 2) not in (2, 2.0, None, "fro"):
        raise UnknownValueError
    return [[math.sqrt(sum(lane * lane for lane in lanes) / size * count)] * size]
