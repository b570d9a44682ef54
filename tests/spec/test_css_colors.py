"""Colours as specs write them."""

from __future__ import annotations

import pytest

from archcheck.spec.css_colors import as_hex


@pytest.mark.parametrize(
    ("value", "expected"),
    [("#ABC", "#aabbcc"), ("#a1b2c3", "#a1b2c3"), ("Teal", "#008080"), ("gray", "#808080")],
)
def test_a_colour(value: str, expected: str) -> None:
    assert as_hex(value) == expected


@pytest.mark.parametrize("value", ["", "rgb(1,2,3)", 'red"; x="', "#12", "nosuchcolour"])
def test_not_a_colour(value: str) -> None:
    assert as_hex(value) is None
