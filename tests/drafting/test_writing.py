"""A spec as text: what is written is read back as it was."""

from __future__ import annotations

from typing import Any

import pytest

from archcheck.commands.init import file_of
from archcheck.drafting.writing import text_of
from archcheck.spec import loads

LABELS = [
    "RMSNorm",
    "3×3 conv, /2",
    "no",
    "1",
    "a: b",
    "#",
    "+",
    "two\nlines",
    "'quoted'",
    "[x]",
    "*",
    "⊗",
    "x #y",
]


@pytest.mark.parametrize("label", LABELS)
def test_labels_are_read_back(label: str) -> None:
    panels: dict[str, Any] = {"p": {"boxes": {"a": {"label": label}}, "scope": ""}}
    spec = loads(text_of({"title": label, "model": {"target": "m:f"}, "panels": panels})).spec
    assert (spec.panels["p"].boxes["a"].label, spec.title) == (label, label)


def test_a_long_box_has_a_line_for_each_key() -> None:
    box = {"label": "Layer", "module": "a." * 40 + "b", "role": "block", "detail": "p"}
    text = text_of(
        {"model": {"target": "m:f"}, "panels": {"p": {"boxes": {"a": box, "b": {"role": "norm"}}}}}
    )
    assert text.splitlines()[5:] == [
        "panels:",
        "  p:",
        "    boxes:",
        "      a:",
        "        label: Layer",
        f"        module: {box['module']}",
        "        role: block",
        "        detail: p",
        "      b: {role: norm}",
    ]


@pytest.mark.parametrize(
    ("target", "file"),
    [
        ("net.py:Net", "specs/net.yaml"),
        ("reference_models.minimind:build", "specs/minimind.yaml"),
        ("pkg.models:TinyGPT", "specs/tinygpt.yaml"),
        ("timm:resnet50", "specs/resnet50.yaml"),
        ("hf:configs/gpt2.json", "specs/configs-gpt2-json.yaml"),
    ],
)
def test_a_spec_is_named_after_its_model(target: str, file: str) -> None:
    assert str(file_of(target)) == file
