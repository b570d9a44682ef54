"""Each fix that a finding proposes: applied by itself, the finding is gone and no other has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest

from archcheck.findings import Report
from archcheck.rules.codes import RuleCode
from archcheck.spec.editing import fixed
from tests.in_process import report_on
from tests.syncing.test_sync import MODEL, SPEC

FORWARD = "return x + self.mlp(self.norm(x))"
NORM = "      norm: {label: LayerNorm, module: norm}   # first\n"
MLP = "      mlp: {label: Linear, module: mlp}\n"
FLOW = "      - norm\n      - mlp\n"
EDGE = "    residuals:\n      - {around: [norm, mlp]}  # the stream\n"
PART = """\
class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(8), nn.Linear(8, 8)

    def forward(self, x):
        return self.mlp(self.norm(x))


"""
WHOLE = """\
    boxes:
      part: {label: Norm and projection, module: part, detail: part}
    residuals: [{around: part}]
  part:
    scope: layers.*.part
"""
EMBED = "    flow: [embed, layers, head]\n"


def with_late(kind: str) -> dict[str, str]:
    return {"self.mlp =": f"self.late = {kind}\n        self.mlp ="}


# By code: what is changed of the model and the spec, each of which is true before, and the fix.
CASES: dict[str, tuple[Mapping[str, str], str]] = {
    "RES001": ({FORWARD: "return self.mlp(self.norm(x))"}, "remove the edge"),
    "RES002": ({EDGE: ""}, "add {around: [norm, mlp], line: solid} to residuals"),
    "RES003": ({"[norm, mlp]}": "[norm, mlp], line: dashed}"}, "line: solid"),
    "RES004": ({"around: [norm, mlp]": "around: mlp"}, "around: [norm, mlp]"),
    "RES005": ({"around: [norm, mlp]": "around: norm"}, "around: [norm, mlp]"),
    "RES006": (
        {
            "self.norm = nn.LayerNorm(8)\n": "self.part = Part()\n",
            "        self.mlp = nn.Linear(8, 8)\n": "",
            FORWARD: "return x + self.part(x)",
            "class Net": f"{PART}class Net",
            "    boxes:\n      norm": f"{WHOLE}    boxes:\n      norm",
        },
        "line: dashed, realized_by: block.part",
    ),
    "RES009": (
        {FORWARD: "return x + 0.5 * self.mlp(self.norm(x))"},
        "kind: scaled, factor: 0.5, factor_on: branch",
    ),
    "RES010": ({FORWARD: "return self.norm(x + self.mlp(x))"}, "around: mlp, flow: [mlp, norm]"),
    "RES012": (
        {
            **with_late("nn.GELU()"),
            MLP: f"{MLP}      late: {{label: GELU, module: late}}\n",
            FLOW: f"{FLOW}      - late\n",
        },
        "remove late, flow: [norm, mlp]",
    ),
    "BOX001": ({"module: mlp": "module: ffn"}, "module: mlp"),
    "BOX002": (
        {NORM: "", "      - norm\n": "", "[norm, mlp]": "mlp"},
        "norm: {label: LayerNorm, module: norm, role: norm}, flow: [norm, mlp], around: [norm, mlp]",
    ),
    "BOX003": (
        {FLOW: "      - mlp\n      - norm\n", "[norm, mlp]": "[mlp, norm]"},
        "flow: [norm, mlp], around: [norm, mlp]",
    ),
    "BOX004": ({"repeat: 4": "repeat: 5"}, "repeat: 4"),
    "BOX005": ({"label: Block": "label: Block ×5"}, "label: Block ×4"),
    "BOX006": ({"label: LayerNorm": "label: RMSNorm"}, "label: LayerNorm"),
    "BOX007": (
        {NORM: f"{NORM}      act: {{label: GELU}}\n", "      - norm\n": "      - norm\n      - act\n"},
        "remove act, flow: [norm, mlp]",
    ),
    "BOX008": (
        {"self.norm(x))": "self.norm(x).tanh())"},
        "tanh: {label: Tanh, role: activation}, flow: [norm, tanh, mlp]",
    ),
    "FLOW001": ({EMBED: f"{EMBED}    edges: [[embed, head]]\n"}, "remove edges"),
    "FLOW002": (
        {
            **with_late("nn.Linear(8, 8)"),
            FORWARD: "y = self.norm(x)\n        return x + self.mlp(y) * self.late(y)",
            MLP: f"{MLP}      late: {{label: Linear, module: late}}\n      times: {{label: ⊙}}\n",
            FLOW: "      - norm\n      - mlp\n      - times\n    edges: [[late, times]]\n",
            "[norm, mlp]": "[norm, times]",
        },
        "edges: [[late, times], [norm, late]]",
    ),
    "MARK001": (
        {
            "self.norm(x))": "self.norm(x).tanh())",
            NORM: f"{NORM}      odd: {{label: Something}}\n",
            "      - norm\n": "      - norm\n      - odd\n",
        },
        "op: Tanh",
    ),
}

WITHOUT = {
    "RES007": "the code is wrong whatever a diagram says",
    "RES008": "the code is wrong whatever a diagram says",
    "RES011": "the code is wrong whatever a diagram says",
    "DIA001": "of a picture: archcheck render draws it anew",
    "BAS002": "of a baseline: archcheck verify --write-baseline writes it anew",
}


def changed(changes: Mapping[str, str]) -> tuple[str, str]:
    """A model and its spec, with every text that `changes` name replaced in both."""
    model, spec = MODEL, SPEC
    for old, new in changes.items():
        assert old in model + spec
        model, spec = model.replace(old, new), spec.replace(old, new)
    return model, spec


def marks(report: Report) -> Counter[tuple[str, str, str]]:
    return Counter((each.code, each.panel, each.edge) for each in report.findings)


def test_every_code_has_a_fix_that_is_tried_or_a_reason_why_not() -> None:
    assert {*CASES, *WITHOUT} == set(get_args(RuleCode))
    assert not CASES.keys() & WITHOUT.keys()


@pytest.mark.parametrize("code", CASES)
def test_after_a_fix_less_is_left(code: str, tmp_path: Path) -> None:
    changes, expected = CASES[code]
    model, spec = changed(changes)
    report = report_on(model, spec, tmp_path)
    (finding,) = [each for each in report.findings if each.code == code]
    assert str(finding.fix) == expected
    assert finding.fix is not None
    text = fixed(spec, finding.fix)
    assert text is not None
    left = report_on(model, text, tmp_path)
    assert left.problems == ()
    assert not marks(left) - marks(report)
    assert marks(left)[finding.code, finding.panel, finding.edge] == 0
