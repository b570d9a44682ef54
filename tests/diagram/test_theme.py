"""Roles from words, colours from specs, colours for a dark page."""

from __future__ import annotations

import pytest

from archcheck.diagram.theme import THEMES, ThemeName, dark, ink_on, luminance, role_of
from archcheck.spec.css_colors import CSS_COLORS
from archcheck.spec.model import Box, Role


@pytest.mark.parametrize(
    ("name", "box", "role"),
    [
        ("x", Box(role=Role.MASK, label="RMSNorm"), Role.MASK),
        ("x", Box(label="RMSNorm"), Role.NORM),
        ("x", Box(label="Linear"), Role.LINEAR),
        ("x", Box(label="1×1 conv"), Role.CONVOLUTION),
        ("x", Box(label="SoftMax"), Role.SOFTMAX),
        ("gqa", Box(), Role.ATTENTION),
        ("x", Box(module="layers.0.mlp"), Role.FEED_FORWARD),
        ("x", Box(detail="panel"), Role.BLOCK),
        ("x", Box(label="formal"), Role.OTHER),
        ("x", Box(label="AdaptiveAvgPool2d"), Role.POOLING),
        ("x", Box(label="ConvTranspose2d"), Role.CONVOLUTION),
        ("x", Box(label="SiLU"), Role.ACTIVATION),
    ],
)
def test_role_of_a_box(name: str, box: Box, role: Role) -> None:
    assert role_of(name, box) is role


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", sorted(CSS_COLORS))
def test_labels_can_be_read_on_any_colour_that_a_spec_chooses(name: str) -> None:
    fill = CSS_COLORS[name]
    ink = ink_on(fill, THEMES["readme"])
    assert contrast(ink, fill) >= 3.9
    assert contrast(dark(ink), dark(fill, ground=True)) >= 4.5


@pytest.mark.parametrize("theme", list(ThemeName))
@pytest.mark.parametrize("role", list(Role))
def test_labels_can_be_read_on_their_boxes_in_light_and_dark(theme: ThemeName, role: Role) -> None:
    fill = THEMES[theme].roles[role]
    ink = ink_on(fill, THEMES[theme])
    assert contrast(ink, fill) >= 4.5
    assert contrast(dark(ink), dark(fill, ground=True)) >= 4.5
