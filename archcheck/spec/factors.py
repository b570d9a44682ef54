"""The value of a drawn factor: a number, or an expression such as 1/sqrt(2)."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,
}
_LIMIT = 100
_ROOT = re.compile(r"√\s*(\d+(?:\.\d+)?)")


def factor_value(text: str | float) -> float:
    """Return the number that a factor expresses, with `sqrt` and the operators + - * / and **.

    Raises ValueError if it is not a finite number.

    >>> factor_value(0.2), factor_value("1/4"), round(factor_value("1/sqrt(2)"), 4), factor_value("2**-1")
    (0.2, 0.25, 0.7071, 0.5)
    """
    if not isinstance(text, str):
        return float(text)
    if len(text) > _LIMIT:
        raise ValueError("too long")
    written = _ROOT.sub(r"sqrt(\1)", text.strip())
    for sign, python in (("√", "sqrt"), ("^", "**"), ("−", "-"), ("·", "*")):
        written = written.replace(sign, python)
    try:
        value = _value(ast.parse(written, mode="eval").body)
    except (SyntaxError, ArithmeticError, RecursionError, MemoryError) as error:
        raise ValueError(str(error)) from None
    if not math.isfinite(value):
        raise ValueError("not finite")
    return value


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return _OPERATORS[type(sign)](_value(left), _value(right))
        case ast.Call(func=ast.Name(id="sqrt"), args=[argument], keywords=[]):
            return math.sqrt(_value(argument))
    raise ValueError("neither a number nor an expression of numbers")
