"""Panels without a box: what led to it and what it led to are not left loose."""

from __future__ import annotations

from typing import Any

import pytest

from archcheck.spec.arranging import without
from archcheck.spec.flow import flow_edges
from archcheck.spec.model import Panel


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ({"flow": ["a", "x", "b", "c"]}, ["ab", "bc"]),
        ({"flow": ["a", ["x", "b"], "c"]}, ["ab", "bc"]),
        ({"edges": [["a", "x"], ["x", "b"], ["b", "c"]]}, ["ab", "bc"]),
        ({"edges": [["a", "x", "b"], ["a", "b"], ["b", "c"]]}, ["ab", "bc"]),
        ({"edges": [["a", "b"], ["b", "x"], ["a", "x"], ["x", "c"]]}, ["ab", "bc"]),
        ({"edges": [["a", "b"], ["x", "c"], ["a", "x"], ["b", "c"]]}, ["ab", "bc"]),
    ],
)
def test_the_gap_that_a_box_leaves_is_closed(lines: dict[str, Any], left: list[str]) -> None:
    panel = Panel.model_validate({"boxes": {name: {} for name in "axbc"}, **lines})
    assert sorted(one + other for one, other in flow_edges(without(panel, "x"))) == left
