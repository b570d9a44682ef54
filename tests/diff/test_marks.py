"""Every mark: labels, boxes without a module, what is left out, lines, and how marks are counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcheck.findings import MarkKind, Report, Verdict, count_of
from tests.in_process import report_on

MODEL = """\
import torch
from torch import nn


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.up, self.gate, self.down = nn.Linear(8, 16), nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x):
        x = self.norm(x)
        return self.down(torch.nn.functional.silu(self.gate(x)) * self.up(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.ffn = Gated()

    def forward(self, x):
        return self.ffn(x)
"""
SPEC = """\
strict: true
model:
  target: model.py:Net
  inputs:
    x: {shape: [1, 4, 8]}
panels:
  ffn:
    scope: ffn
    boxes:
      x: {label: vectors, role: input}
      norm: {label: LayerNorm, module: norm}
      up: {label: Linear, module: up}
      gate: {label: Linear, module: gate}
      act: {label: SiLU}
      times: {label: ⊙}
      down: {label: Linear, module: down}
      y: {label: softmax of the logits, outside: true}
    flow: [x, norm, [up, [gate, act]], times, down, y]
"""


def report(folder: Path, *changes: tuple[str, str], model: str = MODEL) -> Report:
    """The report on the spec with these texts replaced."""
    spec = SPEC
    for old, new in changes:
        assert old in spec
        spec = spec.replace(old, new)
    return report_on(model, spec, folder)


def test_all_marks_of_a_true_diagram_are_proved(tmp_path: Path) -> None:
    found = report(tmp_path)
    assert (found.findings, found.problems) == ((), ())
    assert count_of(found.marks) == "19 of 19 marks proved, 1 outside the model"
    assert [mark.name for mark in found.marks if mark.kind is MarkKind.CLAIM] == [
        "norm",
        "up",
        "gate",
        "down",
    ]


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ([("LayerNorm", "RMSNorm")], ("BOX006", "norm", "RMSNorm is drawn, but norm computes LayerNorm")),
        ([("SiLU", "GELU")], ("BOX007", "act", "GELU is drawn, but the code computes SiLU there")),
        (
            [("      act: {label: SiLU}\n", ""), ("[gate, act]", "gate")],
            ("BOX008", "", "SiLU is computed here but not drawn"),
        ),
        (
            [("[up, [gate, act]]", "[[up, act], gate]")],
            ("FLOW001", "up->act", "a line goes from Linear to SiLU, but no data flows along it"),
        ),
        (
            [
                ("[up, [gate, act]], times", "gate, act, times"),
                ("down, y]", "down, y]\n    edges: [[up, times]]"),
            ],
            ("FLOW002", "norm->up", "data flows from LayerNorm to Linear, but no line shows it"),
        ),
        (
            [("times, down", "down, times")],
            ("BOX003", "down->times", "Linear is drawn before ⊙, but runs after it"),
        ),
        (
            [("      act: {label: SiLU}", "      act: {label: the unit}")],
            (
                "MARK001",
                "act",
                "the box the unit is not proved: its label names no known operation; name one with op, "
                "such as SiLU, or write outside: true",
            ),
        ),
    ],
)
def test_one_lie_is_one_finding(
    changes: list[tuple[str, str]], finding: tuple[str, str, str], tmp_path: Path
) -> None:
    found = [(each.code, each.edge, each.message) for each in report(tmp_path, *changes).findings]
    assert found[:1] == [finding]
    assert {code for code, _, _ in found[1:]} <= {
        "BOX008"
    }  # of a box that names nothing, what is there instead


@pytest.mark.parametrize(
    ("code", "term"),
    [
        (".flip(1)", "flip"),
        (".roll(1, 1)", "cyclic shift"),
        (".sort(-1).values", "sort"),
        (".abs()", "absolute value"),
        (".pow(2)", "power"),
        (".clamp(-2, 3)", "clamp"),
        (".round()", "rounding"),
        (".cumsum(1)", "running sum"),
    ],
)
def test_a_strict_spec_draws_what_changes_values(code: str, term: str, tmp_path: Path) -> None:
    model = MODEL.replace("* self.up(x))", f"* self.up(x)){code}")
    found = [(each.code, each.message) for each in report(tmp_path, model=model).findings]
    assert found == [("BOX008", f"{term} is computed here but not drawn")]


def test_op_says_what_a_label_does_not(tmp_path: Path) -> None:
    assert report(tmp_path, ("{label: SiLU}", "{label: the unit, op: SiLU}")).findings == ()


def test_a_spec_that_is_not_strict_counts_what_it_can_not_check(tmp_path: Path) -> None:
    found = report(tmp_path, ("strict: true\n", ""), ("{label: SiLU}", "{label: the unit}"))
    assert found.findings == ()
    assert [mark.name for mark in found.marks if mark.verdict is Verdict.UNCHECKED] == [
        "act",
        "gate->act",
        "act->times",
    ]


def test_a_label_may_name_a_module_and_what_is_done_with_its_result(tmp_path: Path) -> None:
    changes = [
        ("      act: {label: SiLU}\n", ""),
        ("[gate, act]", "gate"),
        ("gate: {label: Linear,", "gate: {label: Linear + SiLU,"),
    ]
    assert report(tmp_path, *changes).findings == ()
    wrong = report(tmp_path, *changes, ("Linear + SiLU", "Linear + GELU")).findings
    assert [(finding.code, finding.edge) for finding in wrong] == [("BOX008", ""), ("BOX006", "gate")]


def test_a_finding_on_a_module_of_torch_names_the_line_that_calls_it(tmp_path: Path) -> None:
    (found,) = report(tmp_path, ("LayerNorm", "RMSNorm")).findings
    assert found.location is not None
    assert (Path(found.location.file).name, found.location.line) == ("model.py", 12)


def test_a_product_may_be_called_scale_as_in_adaptive_norms(tmp_path: Path) -> None:
    assert report(tmp_path, ("{label: ⊙}", "{label: Scale}")).findings == ()


def test_linear_maps_alone_are_no_feed_forward_network(tmp_path: Path) -> None:
    (found,) = report(tmp_path, ("up: {label: Linear", "up: {label: FFN")).findings
    assert (found.code, found.message) == ("BOX006", "FFN is drawn, but up computes Linear")


QUERIES = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(1, 4, 8))
        self.norm, self.linear = nn.LayerNorm(8), nn.Linear(8, 8)

    def forward(self, x):
        return self.norm(self.queries) + self.linear(x)
"""
QUERIES_SPEC = """\
model:
  target: model.py:Net
  inputs:
    x: {shape: [1, 4, 8]}
panels:
  net:
    boxes:
      norm: {label: LayerNorm, module: norm}
      linear: {label: Linear, module: linear}
    flow: [[norm, linear]]
"""


def test_a_norm_of_learned_queries_is_neither_refuted_nor_proved(tmp_path: Path) -> None:
    found = report_on(QUERIES, QUERIES_SPEC, tmp_path)
    assert found.findings == ()
    reasons = [mark.reason for mark in found.marks if (mark.kind, mark.name) == (MarkKind.CLAIM, "norm")]
    assert reasons == ["nothing in it was recognised as LayerNorm"]


def test_a_box_named_for_an_activation_holds_nothing_larger(tmp_path: Path) -> None:
    (found,) = report(tmp_path, ("gate: {label: Linear", "gate: {label: SiLU")).findings
    assert (found.code, found.edge) == ("BOX006", "gate")


REPEATED = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.shared = nn.Linear(8, 8)
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(8, 8)) for _ in range(3))

    def forward(self, x):
        for layer in self.layers:
            x = self.shared(layer(x))
        return x
"""
REPEATED_SPEC = """\
model:
  target: model.py:Net
  inputs:
    x: {shape: [4, 8]}
panels:
  net:
    boxes:
      shared: {label: Linear, module: shared, repeat: TIMES}
  layer:
    scope: layers.SCOPE
    boxes:
      linear: {label: Linear, module: "0"}
  stack:
    scope: ""
    boxes:
      layers: {label: Layer, module: layers.*}
      shared: {label: Linear, module: shared}
"""


def repeated(folder: Path, times: str, scope: str) -> Report:
    spec = REPEATED_SPEC.replace("TIMES", times).replace("SCOPE", scope)
    return report_on(REPEATED, spec, folder)


def test_repeat_counts_the_calls_of_one_module(tmp_path: Path) -> None:
    found = [finding for finding in repeated(tmp_path, "2", "*").findings if finding.code == "BOX004"]
    assert [finding.message for finding in found] == ["Linear is drawn ×2 but runs 3 times"]


def test_modules_alike_of_which_panels_open_one_are_not_checked(tmp_path: Path) -> None:
    (mark,) = [mark for mark in repeated(tmp_path, "3", "0").marks if mark.kind is MarkKind.MODULES]
    assert (mark.panel, mark.name, mark.verdict) == ("stack", "layers", Verdict.UNCHECKED)
    assert mark.reason == "no panel opens 2 of its 3 modules, such as layers.1"


def test_widths_are_compared_with_the_published_size(tmp_path: Path) -> None:
    model = (
        "from torch import nn\n\n\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, width=4):\n"
        "        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, width, 3)\n\n"
        "    def forward(self, x):\n"
        "        return self.conv(x)\n"
    )
    spec = (
        "model:\n  target: model.py:Net\n  published: {width: 64}\n  inputs:\n    x: {shape: [1, 3, 8, 8]}\n"
        'panels:\n  net:\n    boxes:\n      conv: {label: "3×3 conv, WIDTH", module: conv}\n'
    )
    true, wrong = (report_on(model, spec.replace("WIDTH", width), tmp_path) for width in ("64", "32"))
    assert (true.findings, true.problems) == ((), ())
    assert [finding.message for finding in wrong.findings] == [
        "the label '3×3 conv, 32' says channels 32, but the model has channels 64"
    ]
    assert count_of(wrong.marks) == "2 of 3 marks proved, 1 refuted"


BRANCH = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(8), nn.Linear(8, 8)
        self.weight = nn.Parameter(torch.eye(8))

    def forward(self, x):
        return BODY
"""
BRANCH_SPEC = """\
strict: true
model: {target: "model.py:Net", inputs: {x: {shape: [2, 4, 8]}}}
panels:
  model:
    boxes:
      norm: {label: LayerNorm, module: norm}
      linear: {label: Linear, module: linear}
    residuals:
      - {around: [norm, linear]}
"""


@pytest.mark.parametrize(
    ("body", "term"),
    [
        ("x + self.linear(self.norm(x)).exp()", "Exp"),
        ("x + (self.linear(self.norm(x)) + 1)", "offset"),
        ("x + self.linear(self.norm(x + torch.randn(x.shape)))", "noise"),
        ("x + nn.functional.dropout(self.linear(self.norm(x)))", "noise"),
        ("x + self.linear(self.norm(x)).erf()", "function"),
        ("x + self.linear(self.norm(x)[:, torch.tensor([1, 0, 3, 2])])", "reordering"),
        ("x + self.linear(self.norm(3 * x))", "scale"),
        ("x + self.linear(self.norm(x)) @ self.weight", "Linear"),
        ("(lambda b: torch.addcmul(x, b, b))(self.linear(self.norm(x)))", "product"),
    ],
)
def test_a_strict_diagram_leaves_out_nothing_of_a_branch(tmp_path: Path, body: str, term: str) -> None:
    report = report_on(BRANCH.replace("BODY", body), BRANCH_SPEC, tmp_path)
    assert [(finding.code, finding.message) for finding in report.findings] == [
        ("BOX008", f"{term} is computed here but not drawn")
    ]


def test_what_a_strict_diagram_need_not_draw(tmp_path: Path) -> None:
    body = "x + (self.linear(self.norm(x)) * 2).view(2, 4, 8) / torch.tensor(2.0)"
    assert report_on(BRANCH.replace("BODY", body), BRANCH_SPEC, tmp_path).findings == ()


SCORES = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.q_norm, self.k_norm = nn.LayerNorm(8), nn.LayerNorm(8)

    def forward(self, x):
        return torch.softmax(self.q(x) @ self.k(x).mT, -1) @ self.v(x)
"""
SCORES_SPEC = """\
model:
  target: model.py:Net
  inputs:
    x: {shape: [1, 4, 8]}
panels:
  net:
    boxes:
      q: {label: Linear, module: q}
      k: {label: Linear, module: k}
      v: {label: Linear, module: v}
      q_norm: {label: LayerNorm, module: q_norm}
      k_norm: {label: LayerNorm, module: k_norm}
      scores: {label: ⊗}
      softmax: {label: SoftMax}
      mix: {label: ⊗}
    flow: [[[[[q, q_norm], [k, k_norm]], scores, softmax], v], mix]
"""


def test_what_is_drawn_behind_norms_that_never_run_is_not_said_to_be_undrawn(tmp_path: Path) -> None:
    found = report_on(SCORES, SCORES_SPEC, tmp_path).findings
    assert [(finding.code, finding.edge) for finding in found] == [("RES012", "q_norm"), ("RES012", "k_norm")]
