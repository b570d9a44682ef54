"""What a drawn factor may be written as."""

from __future__ import annotations

import doctest

import pytest

from archcheck.spec import factors


def test_examples() -> None:
    assert doctest.testmod(factors).failed == 0


@pytest.mark.parametrize(
    ("text", "value"), [("1/√2", 0.5**0.5), ("-0.5", -0.5), ("2^-2", 0.25), ("(1 + 1)/4", 0.5), (3, 3.0)]
)
def test_value(text: str | float, value: float) -> None:
    assert factors.factor_value(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    ["", "half", "1/0", "9**9**9", "True", "x", "sqrt(1, 2)", "__import__('os')", "(" * 200, "1j", "1e999"],
)
def test_no_value(text: str) -> None:
    with pytest.raises(ValueError, match=r"^.+$"):
        factors.factor_value(text)
