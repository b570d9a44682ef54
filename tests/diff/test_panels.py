"""A whole diagram, as published ones are: model, layer, and its boxes. One slip gives one finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.in_process import report_on

MODEL = """\
import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(8, 8) for _ in range(4))
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        y = torch.softmax(q @ k.mT, -1) @ v
        return self.drop(self.o_proj(y))


class FeedForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.gate, self.down = nn.Linear(8, 16), nn.Linear(8, 16), nn.Linear(16, 8)
        self.act = nn.SiLU()

    def forward(self, x):
        return self.down(self.act(self.gate(x)) * self.up(x))


class Layer(nn.Module):
    def __init__(self, index):
        super().__init__()
        self.index = index
        self.norm1, self.norm2 = nn.RMSNorm(8), nn.RMSNorm(8)
        self.attn, self.mlp = Attention(), FeedForward()

    def forward(self, x):
        residual = x
        h = self.norm1(x)
        x = self.attn(h)
        x += residual
        h = self.norm2(x)
        x = x + self.mlp(h)
        return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(32, 8)
        self.layers = nn.ModuleList(Layer(index) for index in range(3))
        self.norm, self.head = nn.RMSNorm(8), nn.Linear(8, 32)

    def forward(self, ids):
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x))
"""
SPEC = """\
model:
  target: model.py:Net
  inputs:
    ids: {shape: [1, 6], dtype: int64, high: 32}
panels:
  model:
    title: Model
    scope: ""
    boxes:
      embed: {label: Embedding, module: embed}
      layers: {label: Layer k, module: layers.*, repeat: 3, detail: layer}
      norm: {label: RMSNorm, module: norm}
      head: {label: Linear, module: head}
  layer:
    title: Layer k
    scope: layers.*
    boxes:
      gqa: {label: Attention, module: [norm1, attn], detail: gqa}
      ffn: {label: FFN, module: [norm2, mlp], detail: ffn}
    residuals:
      - {around: gqa, line: solid}
      - {around: ffn, line: solid}
  gqa:
    title: (a) GQA
    boxes:
      norm: {label: RMSNorm, module: norm1}
      q: {label: Linear, module: attn.q_proj}
      k: {label: Linear, module: attn.k_proj}
      v: {label: Linear, module: attn.v_proj}
      scores: {label: ⊗, role: operator}
      softmax: {label: SoftMax, role: softmax}
      attend: {label: ⊗, role: operator}
      out: {label: Linear, module: attn.o_proj}
      drop: {label: Dropout, module: attn.drop}
    flow: [norm, [q, k], scores, softmax, attend, out, drop]
    edges:
      - [norm, v, attend]
    residuals:
      - {around: [norm, drop], line: dashed, realized_by: layer.gqa}
  ffn:
    title: (b) FFN
    boxes:
      norm: {label: RMSNorm, module: norm2}
      up: {label: Linear, module: mlp.up}
      gate: {label: Linear, module: mlp.gate}
      act: {label: SiLU, module: mlp.act}
      times: {label: ⊙, role: operator}
      down: {label: Linear, module: mlp.down}
    flow: [norm, [up, [gate, act]], times, down]
    residuals:
      - {around: [norm, down], line: dashed, realized_by: layer.ffn}
"""

# What is written in the model instead of what, and the findings: code, place, layers if not all.
SLIPS: dict[str, tuple[list[tuple[str, str]], list[tuple[str, ...]]]] = {
    "none": ([], []),
    "no residual in layer 1": (
        [("x += residual", "x = x if self.index == 1 else x + residual")],
        [("RES001", "layer.gqa", "1")],
    ),
    "a residual in the first layer only": (
        [("x = x + self.mlp(h)", "h = self.mlp(h)\n        x = x + h if self.index == 0 else h")],
        [("RES001", "layer.ffn", "1, 2")],
    ),
    "around the stack too": (
        [("x = layer(x)", "x = x + layer(x)")],
        [("RES002", "model.")],
    ),
    "the embedding added after every layer": (
        [("x = self.embed(ids)", "x = first = self.embed(ids)"), ("x = layer(x)", "x = layer(x) + first")],
        [("RES002", "model.")],
    ),
    "in FFN too, from behind the norm": (
        [("return self.down(", "return x + self.down(")],
        [("RES002", "ffn.")],
    ),
    "taken after the norm": (
        [("residual = x\n        h = self.norm1(x)", "residual = h = self.norm1(x)")],
        [("RES004", "layer.gqa")],
    ),
    "taken after the second norm": (
        [("x = x + self.mlp(h)", "x = h + self.mlp(h)")],
        [("RES004", "layer.ffn")],
    ),
    "the layer's input used again": (
        [("x = x + self.mlp(h)", "x = residual + self.mlp(h)")],
        [("RES004", "layer.ffn")],
    ),
    "a dropout after the sum": (
        [
            ("self.drop(self.o_proj(y))", "self.o_proj(y)"),
            ("x += residual", "x = self.attn.drop(x + residual)"),
        ],
        [("RES005", "gqa.norm..drop")],
    ),
    "in the attention instead of the layer": (
        [("return self.drop(", "return x + self.drop("), ("        x += residual\n", "")],
        [("RES006", "layer.gqa")],
    ),
    "added to itself": (
        [("x = x + self.mlp(h)", "x = self.mlp(h)\n        x = x + x")],
        [("RES008", "layer.ffn")],
    ),
    "multiplied": ([("x = x + self.mlp(h)", "x = x * self.mlp(h)")], [("RES009", "layer.ffn")]),
    "subtracted": ([("x = x + self.mlp(h)", "x = x - self.mlp(h)")], [("RES009", "layer.ffn")]),
    "scaled, where a sum is drawn": (
        [("x = x + self.mlp(h)", "x = x + 0.5 * self.mlp(h)")],
        [("RES009", "layer.ffn")],
    ),
    "post-norm": (
        [
            ("h = self.norm1(x)", "h = x"),
            ("x += residual", "x = self.norm1(x + residual)"),
            ("h = self.norm2(x)", "h = x"),
            ("x = x + self.mlp(h)", "x = self.norm2(x + self.mlp(h))"),
        ],
        [("RES010", "layer.gqa"), ("RES010", "layer.ffn")],
    ),
    "the two norms swapped": (
        [("self.norm2(x)", "self.norm0(x)"), ("self.norm1(x)", "self.norm2(x)"), ("norm0", "norm1")],
        [("RES010", "layer.gqa")],
    ),
    "an in-place activation on the stream": (
        [("h = self.norm1(x)", "h = self.norm1(F.relu_(x))")],
        [("RES011", "layer.gqa")],
    ),
    "computed and dropped": ([("x = x + self.mlp(h)", "h = self.mlp(h)")], [("RES012", "layer.ffn")]),
    "summed and dropped": ([("x = x + self.mlp(h)", "h = x + self.mlp(h)")], [("RES012", "layer.ffn")]),
    "one norm for both": (
        [("h = self.norm2(x)", "h = self.norm1(x)")],
        [("RES012", "ffn.norm")],
    ),
    "the gate alone": (
        [("self.act(self.gate(x)) * self.up(x)", "self.act(self.gate(x))")],
        [("RES012", "ffn.up")],
    ),
    "all layers but the last": (
        [("in self.layers:\n", "in self.layers[:-1]:\n")],
        [("RES012", "layer.", "2")],
    ),
    "FFN before GQA": (
        [
            ("h = self.norm1(x)", "h = self.norm2(x)"),
            ("x = self.attn(h)", "x = self.mlp(h)"),
            ("x += residual\n        h = self.norm2(x)", "x += residual\n        h = self.norm1(x)"),
            ("x = x + self.mlp(h)", "x = x + self.attn(h)"),
        ],
        [("BOX003", "layer.gqa->ffn")],
    ),
    "GQA and FFN side by side": (
        [("h = self.norm2(x)", "h = self.norm2(residual)")],
        [("FLOW001", "layer.gqa->ffn")],
    ),
    "no dropout": (
        [("        self.drop = nn.Dropout(0.1)\n", ""), ("self.drop(self.o_proj(y))", "self.o_proj(y)")],
        [("BOX001", "gqa.drop")],
    ),
    "norms on the queries": (
        [
            ("self.drop = nn.Dropout(0.1)", "self.drop, self.q_norm = nn.Dropout(0.1), nn.RMSNorm(8)"),
            ("self.q_proj(x),", "self.q_norm(self.q_proj(x)),"),
        ],
        [("BOX002", "gqa.")],
    ),
    "another number of layers": ([("range(3)", "range(2)")], [("BOX004", "model.layers")]),
}


@pytest.mark.parametrize(("changes", "findings"), SLIPS.values(), ids=SLIPS)
def test_slip(changes: list[tuple[str, str]], findings: list[tuple[str, ...]], tmp_path: Path) -> None:
    model = MODEL
    for old, new in changes:
        assert model.count(old) == 1, old
        model = model.replace(old, new)
    report = report_on(model, SPEC, tmp_path)
    assert report.problems == ()
    told = []
    for finding in report.findings:
        partly = len(finding.layers) < finding.layer_count
        layers = [", ".join(map(str, finding.layers))] if partly else []
        told.append((finding.code, f"{finding.panel}.{finding.edge}", *layers))
    assert told == findings
