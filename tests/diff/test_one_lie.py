"""One lie, one finding: what follows from a wrong mark is not told beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.in_process import report_on

MODEL = """\
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(8, 8) for _ in range(4))
        self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.ffn = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))

    def forward(self, x):
        weights = torch.softmax(self.q(x) @ self.k(x).transpose(-1, -2), -1)
        x = self.norm1(x + self.out(weights @ self.v(x)))
        return self.norm2(x + self.ffn(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(2))

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x.sum(1)
"""
SPEC = """\
strict: true
model:
  target: model.py:Net
  inputs:
    x: {shape: [1, 4, 8]}
panels:
  model:
    scope: ""
    boxes:
      blocks: {label: Block, module: blocks.*, repeat: 2}
      sum: {label: sum of the tokens, op: sum}
    flow: [blocks, sum]
  block:
    scope: blocks.*
    boxes:
      x: {label: vectors, role: input}
      q: {label: Linear, module: q}
      k: {label: Linear, module: k}
      v: {label: Linear, module: v}
      scores: {label: ⊗}
      softmax: {label: SoftMax}
      attend: {label: ⊗}
      out: {label: Linear, module: out}
      norm1: {label: LayerNorm, module: norm1}
      ffn: {label: MLP, module: ffn}
      norm2: {label: LayerNorm, module: norm2}
    flow: [x, [v, [[q, k], scores, softmax]], attend, out, norm1, ffn, norm2]
    residuals:
      - {from: x, to: out}
      - {around: ffn}
"""
LIES = {
    "a line past a residual": (
        [("    residuals:", "    edges: [[norm1, norm2]]\n    residuals:")],
        [("FLOW001", "norm1->norm2")],
    ),
    "a line from the input past a residual": (
        [("    residuals:", "    edges: [[x, norm1]]\n    residuals:")],
        [("FLOW001", "x->norm1")],
    ),
    "a ghost between two operations": (
        [
            ("scores, softmax]]", "scores, ghost, softmax]]"),
            ("      softmax:", "      ghost: {label: Sigmoid}\n      softmax:"),
        ],
        [("BOX007", "ghost")],
    ),
    "a line left out inside a residual": (
        [
            ("[v, [[q, k], scores, softmax]], attend", "v, attend"),
            (
                "    residuals:",
                "    edges: [[x, q, scores], [x, k, scores], [softmax, attend]]\n    residuals:",
            ),
        ],
        [("FLOW002", "scores->softmax")],
    ),
    "a product left out": (
        [("      attend: {label: ⊗}\n", ""), ("softmax]], attend, out", "softmax]], out")],
        [("BOX008", "")],
    ),
    "a norm drawn as a sum": ([("norm2: {label: LayerNorm", "norm2: {label: ⊕")], [("BOX006", "norm2")]),
    "an attention drawn as a product": ([("out: {label: Linear", "out: {label: ⊗")], [("BOX006", "out")]),
    "a layer drawn as an attention": ([("{label: Block,", "{label: Attention,")], [("BOX006", "blocks")]),
    "a layer drawn as a feed-forward": ([("{label: Block,", "{label: MLP,")], [("BOX006", "blocks")]),
    "a dashed residual around an input": (
        [("      - {around: ffn}\n", "      - {around: ffn}\n      - {around: x, line: dashed}\n")],
        [("RES001", "x")],
    ),
    "a sum that is not drawn": (
        [("      sum: {label: sum of the tokens, op: sum}\n", ""), ("[blocks, sum]", "[blocks]")],
        [("BOX008", "")],
    ),
}


@pytest.mark.parametrize(("changes", "findings"), LIES.values(), ids=LIES)
def test_one_lie_is_one_finding(
    changes: list[tuple[str, str]], findings: list[tuple[str, str]], tmp_path: Path
) -> None:
    spec = SPEC
    for old, new in changes:
        assert spec.count(old) == 1, old
        spec = spec.replace(old, new)
    report = report_on(MODEL, spec, tmp_path)
    assert report.problems == ()
    assert [(each.code, each.edge) for each in report.findings] == findings


def test_the_true_diagram_is_proved(tmp_path: Path) -> None:
    report = report_on(MODEL, SPEC, tmp_path)
    assert (report.problems, report.findings) == ((), ())


GATED = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.f, self.gate = nn.LayerNorm(8), nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x, c):
        return x + self.gate(c) * self.f(self.norm(x))
"""


@pytest.mark.parametrize(
    ("around", "codes"), [("[norm, times]", []), ("[norm, f]", ["RES005"]), ("[times, times]", ["RES004"])]
)
def test_an_edge_ends_where_the_operation_is_that_a_box_stands_for(
    around: str, codes: list[str], tmp_path: Path
) -> None:
    spec = (
        "model: {target: 'model.py:Net', inputs: {x: {shape: [2, 8]}, c: {shape: [2, 8]}}}\n"
        "panels: {net: {boxes: {x: {role: input}, c: {role: input}, norm: {label: LayerNorm, module: norm},\n"
        "  f: {label: Linear, module: f}, gate: {label: Linear, module: gate}, times: {label: ⊙}},\n"
        f"  flow: [x, norm, f, times], edges: [[c, gate, times]], residuals: [{{around: {around}}}]}}}}\n"
    )
    assert [each.code for each in report_on(GATED, spec, tmp_path).findings] == codes


RELU = """\
from torch import nn
from torch.nn.functional import relu


class Output(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(8, 8)

    def forward(self, hidden, x):
        return x + self.dense(hidden)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.output = nn.Linear(8, 8), Output()

    def forward(self, x):
        return SUM


class Sum(Net):
    def forward(self, x):
        return self.output(self.a(x), x)
"""


@pytest.mark.parametrize(
    ("code", "codes"),
    [
        ("relu(x + self.a(x))", []),
        ("relu(x + relu(self.a(x)))", ["BOX008"]),
        ("x + relu(self.a(x))", ["RES010"]),
    ],
)
def test_an_activation_after_the_sum_is_not_taken_for_one_before_it(
    code: str, codes: list[str], tmp_path: Path
) -> None:
    spec = (
        "model: {target: 'model.py:Net', inputs: {x: {shape: [2, 8]}}}\n"
        "panels: {net: {boxes: {a: {label: Linear, module: a}, act: {label: ReLU}}, omit: [output],\n"
        "  residuals: [{around: a}]}}\n"
    )
    report = report_on(RELU.replace("SUM", code), spec, tmp_path)
    assert [each.code for each in report.findings] == codes


@pytest.mark.parametrize("label", ["Sum", "⊕", "Add"])
def test_a_module_that_makes_the_sum_may_project_a_term(label: str, tmp_path: Path) -> None:
    spec = (
        "model: {target: 'model.py:Sum', inputs: {x: {shape: [2, 8]}}}\n"
        "panels: {net: {boxes: {a: {label: Linear, module: a},\n"
        f"  out: {{label: {label}, module: output}}}},\n"
        "  residuals: [{around: [a, out], line: dashed}]}}\n"
    )
    assert report_on(RELU, spec, tmp_path).findings == ()
