"""What the looks of a figure say beside its labels: colours, grey, counts, labels at edges, widths."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcheck.findings import MarkKind, Report, Verdict
from archcheck.reporters.common import verdict
from tests.in_process import report_on

MODEL = """\
import torch
from torch import nn
import torch.nn.functional as F


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x):
        q, k, v = (f(x).view(*x.shape[:2], 2, 4).transpose(1, 2) for f in (self.q, self.k, self.v))
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.attn, self.mlp = nn.LayerNorm(8), Attention(), nn.Linear(8, 8)

    def forward(self, x):
        x = x + self.attn(self.norm(x))
        return x + torch.sigmoid(self.mlp(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(3))

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x
"""
SPEC = """\
strict: true
model:
  target: model.py:Net
  inputs:
    x: {shape: [1, 4, 8]}
panels:
  model:
    boxes:
      x: {label: x, role: input}
      blocks: {label: Block, module: blocks.*, repeat: 3, detail: block, role: block}
  block:
    scope: blocks.*
    boxes:
      norm: {label: LayerNorm, module: norm, role: norm}
      attn: {label: Attention, module: attn, role: attention}
      mlp: {label: Linear, module: mlp, role: linear}
      act: {label: Sigmoid, role: activation}
    residuals:
      - {around: [norm, attn], label: skip}
      - {around: [mlp, act]}
"""


def report(folder: Path, *changes: tuple[str, str]) -> Report:
    spec = SPEC
    for old, new in changes:
        assert old in spec
        spec = spec.replace(old, new)
    return report_on(MODEL, spec, folder)


def told(found: Report) -> list[tuple[str, str, str]]:
    return [(each.code, f"{each.panel}.{each.edge}", each.message) for each in found.findings]


def numbers(found: Report) -> list[tuple[str, Verdict]]:
    return [(mark.name, mark.verdict) for mark in found.marks if mark.kind is MarkKind.NUMBER]


def test_the_figure_is_true_as_it_is(tmp_path: Path) -> None:
    found = report(tmp_path)
    assert (told(found), found.problems) == ([], ())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "role: norm",
            "role: attention",
            ("BOX006", "block.norm", "LayerNorm has the role attention, but norm computes LayerNorm"),
        ),
        (
            "role: activation",
            "role: norm",
            ("BOX006", "block.act", "Sigmoid has the role norm, but the code computes Sigmoid"),
        ),
        (
            "module: attn, role: attention",
            "module: attn, role: feed_forward",
            ("BOX006", "block.attn", "Attention has the role feed_forward, but attn computes MHA"),
        ),
        (
            "module: attn, role: attention",
            "module: attn, inactive: true",
            ("BOX006", "block.attn", "Attention is greyed out as not chosen, but attn runs in every call"),
        ),
        (
            "label: Sigmoid,",
            "label: Sigmoid, inactive: true,",
            ("BOX006", "block.act", "Sigmoid is greyed out as not chosen, but the code runs in every call"),
        ),
        (
            "label: skip",
            "label: concat",
            (
                "RES009",
                "block.norm..attn",
                "the residual around LayerNorm … Attention is labelled 'concat', "
                "but the code computes a plain sum",
            ),
        ),
        (
            "label: skip",
            "label: × 0.5",
            (
                "RES009",
                "block.norm..attn",
                "the residual around LayerNorm … Attention is labelled '× 0.5', "
                "but the code computes a plain sum",
            ),
        ),
        (
            "module: mlp, role: linear",
            "module: mlp, role: linear, repeat: 2",
            ("BOX004", "block.mlp", "Linear is drawn ×2 but runs once"),
        ),
        (
            "{label: Attention, module: attn, role: attention}",
            '{label: "Attention，8 头", module: attn}',
            ("BOX005", "block.attn", "the label 'Attention，8 头' says 8 heads, but the model has 2"),
        ),
        (
            "label: Block, ",
            "label: Block ×5, ",
            ("BOX005", "model.blocks", "the label 'Block ×5' says 5 modules, but the model has 3"),
        ),
        (
            "    scope: blocks.*\n",
            "    scope: blocks.*\n    except: [blocks.1]\n",
            (
                "MARK001",
                "model.blocks",
                "the modules Block is not proved: no panel opens 1 of its 3 modules, such as blocks.1",
            ),
        ),
        (
            "label: Linear,",
            'label: "Linear, 512",',
            (
                "MARK001",
                "block.mlp",
                "the number Linear, 512 is not proved: the model that ran has 8; "
                "give the arguments of the full size under the model's published",
            ),
        ),
        (
            "label: Attention,",
            "label: Sliding-window attention,",
            (
                "MARK001",
                "block.attn",
                "the label Sliding-window attention is not proved: "
                "the run does not show whether it is window",
            ),
        ),
    ],
)
def test_what_is_not_true_is_one_finding_at_the_mark(
    old: str, new: str, expected: tuple[str, str, str], tmp_path: Path
) -> None:
    assert told(report(tmp_path, (old, new))) == [expected]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("label: Linear,", 'label: "Linear, 8",'),
        ("label: Attention,", 'label: "Attention, 2 heads",'),
        ("label: Attention,", "label: Causal attention,"),
        ("role: linear", "role: other"),
        ("label: skip", "label: ⊕ residual"),
    ],
)
def test_what_is_true_is_proved(old: str, new: str, tmp_path: Path) -> None:
    assert told(report(tmp_path, (old, new))) == []


def test_a_number_is_a_mark(tmp_path: Path) -> None:
    changes = [
        ("label: Linear,", 'label: "Linear, 512",'),
        ("label: Attention,", 'label: "Attention, 2 heads",'),
    ]
    found = report(tmp_path, ("strict: true\n", ""), *changes)
    assert numbers(found) == [("attn", Verdict.PROVED), ("mlp", Verdict.UNCHECKED)]


@pytest.mark.parametrize(
    ("old", "new", "fix"),
    [
        ("role: linear", "role: norm", "role: linear"),
        ("label: skip", "label: concat", "remove label"),
        ("module: mlp,", "module: mlp, inactive: true,", "remove inactive"),
    ],
)
def test_fixes_of_looks(old: str, new: str, fix: str, tmp_path: Path) -> None:
    assert [str(each.fix) for each in report(tmp_path, (old, new)).findings] == [fix]


QKV = """\
model:
  target: model.py:Attention
  inputs:
    x: {shape: [1, 4, 8]}
panels:
  model:
    boxes:
      q: {label: Linear Q, module: q}
      k: {label: Linear K, module: k}
      v: {label: Linear V, module: v}
      mix: {label: Attention}
    flow: [[q, k, v], mix]
"""


@pytest.mark.parametrize(
    ("old", "new", "boxes"),
    [
        ("module: q", "module: q", []),
        (
            "Linear Q, module: q}\n      k: {label: Linear K",
            "Linear K, module: q}\n      k: {label: Linear Q",
            "qk",
        ),
        ("label: Linear V", "label: W_q", "v"),
        ("label: Linear V", "label: Value projection", ""),
    ],
)
def test_a_linear_q_makes_the_query(old: str, new: str, boxes: str, tmp_path: Path) -> None:
    assert old in QKV
    found = report_on(MODEL, QKV.replace(old, new), tmp_path).findings
    assert [(each.code, each.edge) for each in found] == [("BOX006", box) for box in boxes]


def test_a_box_is_opened_by_a_panel_of_its_own_modules(tmp_path: Path) -> None:
    changes = [
        ("module: attn, role: attention", "module: attn, role: attention, detail: inner"),
        ("  block:\n", "  inner:\n    scope: blocks.*.mlp\n    boxes: {all: {label: inside}}\n  block:\n"),
    ]
    found = [each for each in report(tmp_path, *changes).findings if each.edge == "attn"]
    assert [(each.code, each.message) for each in found] == [
        ("BOX006", "Attention is opened by the panel inner, but that panel shows other modules")
    ]


VALUES = """
  heads:
    scope: blocks.*.attn
    boxes:
      wq: {label: Linear, module: q}
      wk: {label: Linear, module: k}
      wv: {label: Linear, module: v}
      q: {label: Q, role: linear}
      scores: {label: ⊗}
      softmax: {label: SoftMax}
      mix: {label: ⊗}
    flow: [[[[[wq, q], wk], scores, softmax], wv], mix]
"""


def test_a_value_has_the_colour_of_what_makes_it(tmp_path: Path) -> None:
    told_of = {}
    for role in ("linear", "attention", "norm", "softmax"):
        spec = SPEC.replace("strict: true\n", "") + VALUES.replace("Q, role: linear", f"Q, role: {role}")
        told_of[role] = [message for _, _, message in told(report_on(MODEL, spec, tmp_path))]
    assert told_of == {
        "linear": [],
        "attention": [],
        "norm": ["Q has the role norm, but the code computes query"],
        "softmax": ["Q has the role softmax, but the code computes query"],
    }


def test_what_is_not_drawn_is_counted_beside_the_marks(tmp_path: Path) -> None:
    found = report(tmp_path, ("      act: {label: Sigmoid, role: activation}\n", ""), ("[mlp, act]", "mlp"))
    assert [each.code for each in found.findings] == ["BOX008"]
    assert verdict(found) == "differs: 1 finding, 14 of 14 marks proved, 1 not drawn"


def test_a_false_label_is_told_beside_a_norm_on_the_wrong_side(tmp_path: Path) -> None:
    norm, attn = (line for line in SPEC.splitlines() if "module: norm" in line or "module: attn" in line)
    found = report(
        tmp_path,
        (f"{norm}\n{attn}", f"{attn}\n{norm.replace('LayerNorm', 'RMSNorm')}"),
        ("[norm, attn]", "attn"),
    )
    assert [(code, place) for code, place, _ in told(found)] == [
        ("BOX006", "block.norm"),
        ("RES010", "block.attn"),
    ]
