"""A model at a glance: its parts folded by repetition, with where the norms stand and what gates."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from archcheck.commands.inspect import inspect
from archcheck.commands.run_modes import in_this_process
from archcheck.drafting import structure
from archcheck.findings import Part, Report
from archcheck.reporters.inspection import residual_lines, tree_lines


@cache
def inspected(target: str) -> Report:
    return inspect(target, [], {}, False, False, lambda _: None, worker=in_this_process)[0]


def tree(target: str, *, deep: bool = False) -> list[str]:
    whole = inspected(target).tree
    assert whole is not None
    return tree_lines(whole, deep=deep)


def test_minimind() -> None:
    assert tree("reference_models.minimind:build") == [
        "MiniMindForCausalLM",
        "  model    MiniMind",
        "    embed_tokens   Token embedding",
        "    layers.0–7 ×8  MiniMind block, pre-norm",
        "      input_layernorm           RMSNorm",
        "      self_attn                 Grouped-query attention, 8 heads, 4 KV heads",
        "      post_attention_layernorm  RMSNorm",
        "      mlp                       SwiGLU feed-forward",
        "    norm           RMSNorm",
        "  lm_head  Linear",
    ]
    assert "        q_proj  Linear Q" in tree("reference_models.minimind:build", deep=True)


@pytest.mark.parametrize(
    ("model", "line"),
    [
        ("PostNormEncoder", "  layers.0–1 ×2  PostNorm layer, post-norm"),
        ("SandwichModel", "  blocks.0–1 ×2  Sandwich block, sandwich norm"),
        ("ParallelModel", "  blocks.0–1 ×2  Parallel block, pre-norm, parallel"),
        ("ResNet50", "  stage4.1–2 ×2  Bottleneck (as stage1.1–2)"),
    ],
)
def test_blocks_in_the_words_of_the_field(model: str, line: str) -> None:
    assert line in tree(f"reference_models.gallery:{model}")


def test_residuals_that_differ_in_numbers_are_one_line() -> None:
    file = f"{Path('reference_models', 'gallery.py')}:170"
    residuals = inspected("reference_models.gallery:ResNet50").residuals
    lines = [line.replace(f"{Path.cwd()}/", "") for line in residual_lines(residuals, fold=True)]
    branch = "around conv1, bn1, relu1, conv2, ..., bn3 from input"
    assert lines == [
        f"stage*.0: projection {branch} through shortcut ({file}) (4 times)",
        f"stage*.*: identity {branch} ({file}) (12 times)",
    ]


def test_where_it_can_not_be_planned_the_modules_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Part:
        raise KeyError("layer")

    monkeypatch.setattr(structure, "structure", fail)
    report, _ = inspect(
        "reference_models.gallery:PostNormEncoder",
        [],
        {},
        False,
        False,
        lambda _: None,
        worker=in_this_process,
    )
    assert report.tree is not None
    lines = tree_lines(report.tree, deep=False)
    assert lines[:8] == [
        "PostNorm encoder",
        "  embed   Embedding",
        "  layers  ModuleList",
        "    0  PostNorm layer",
        "      attention  Attention",
        "      norm1      LayerNorm",
        "      ffn        MLP",
        "      norm2      LayerNorm",
    ]
    assert (
        report.remarks[-1] == "the modules are listed as they are: archcheck itself failed: KeyError: 'layer'"
    )
