"""What `archcheck inspect` makes of a model without a spec."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcheck.commands.inspect import Outline, inspect
from archcheck.commands.settings import parse_input
from archcheck.findings import Report, Status

MODEL = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.blocks = nn.Sequential(Block(width), Block(width))

    def forward(self, x):
        return self.blocks(self.embed(x))


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.drop, self.mlp = nn.LayerNorm(width), nn.Dropout(0.5), nn.Linear(width, width)

    def forward(self, x):
        return x + self.drop(self.mlp(self.norm(x)))
"""


def look(folder: Path, model: str = MODEL, **changed: object) -> tuple[Report, Outline | None]:
    (folder / "model.py").write_text(model)
    how = {"settings": [], "inputs": {}, "train": False, "prove": False, "progress": lambda _: None} | changed
    return inspect(f"{folder}/model.py:Net", **how)  # type: ignore[arg-type]


def test_residuals_in_the_order_of_their_sinks(tmp_path: Path) -> None:
    report, _ = look(tmp_path)
    assert (report.status, report.findings) == (Status.CONFORMS, ())
    assert [(each.scope, each.source, each.branch) for each in report.residuals] == [
        ("blocks.0", "input", ("norm", "mlp", "drop")),
        ("blocks.1", "input", ("norm", "mlp", "drop")),
    ]


def test_settings_inputs_and_mode_reach_the_model(tmp_path: Path) -> None:
    seen: list[str] = []
    model = MODEL.replace(
        "return self.blocks", "assert self.training and x.shape == (3, 8)\n        return self.blocks"
    )
    report, _ = look(
        tmp_path,
        model,
        settings=[("width", 4)],
        train=True,
        progress=seen.append,
        inputs=dict([parse_input("x=float32[3,8]")]),
    )
    assert (report.problems, report.remarks) == ((), ("on the CPU with 92 parameters",))
    assert seen[1:] == ["running Net (train)", "looking for residual connections", "reading its structure"]


def test_what_is_wrong_in_any_case_is_a_finding(tmp_path: Path) -> None:
    report, _ = look(tmp_path, MODEL.replace("(self.mlp(self.norm(x)))", "(x + self.mlp(self.norm(x)))"))
    assert (report.status, [finding.code for finding in report.findings]) == (Status.DIFFERS, ["RES007"])


@pytest.mark.parametrize("prove", [False, True])
def test_a_proof_is_a_remark(prove: bool, tmp_path: Path) -> None:
    report, _ = look(tmp_path, prove=prove)
    assert any("replays bit for bit" in remark for remark in report.remarks) is prove


def test_the_outline_is_a_spec_that_can_be_drawn(tmp_path: Path) -> None:
    _, outline = look(tmp_path)
    assert outline is not None
    spec = outline()
    assert [list(panel.boxes) != [] for panel in spec.panels.values()] != []


def test_an_error_has_no_place_in_a_spec_and_no_outline(tmp_path: Path) -> None:
    report, outline = look(tmp_path, MODEL.replace("class Net", "class Nett"))
    assert [(problem.code, problem.path) for problem in report.problems] == [("TGT004", "")]
    assert outline is None


def test_what_is_scripted_runs_as_python(tmp_path: Path) -> None:
    scripted = "import torch\n\n\n@torch.jit.script\ndef add(x, y):\n    return x + y\n\n\n"
    report, _ = look(
        tmp_path, scripted + MODEL.replace("x + self.drop(", "add(x, self.drop(").replace("(x)))", "(x))))")
    )
    assert [each.branch for each in report.residuals] == [("norm", "mlp", "drop")] * 2
    assert report.remarks == ("on the CPU with 248 parameters",)


@pytest.mark.parametrize(
    "returned",
    [
        "self.blocks(self.embed(x))[:0]",
        "{'a': [self.blocks(self.embed(x)) * float('nan')]}",
        "x[:0].argmax(-1)",
    ],
)
def test_a_run_that_shows_nothing_is_no_verdict(returned: str, tmp_path: Path) -> None:
    model = MODEL.replace("return self.blocks(self.embed(x))", f"return {returned}")
    report, _ = look(tmp_path, model, inputs={"x": {"shape": [1, 8]}})
    (problem,) = report.problems
    assert (report.status, problem.code) == (Status.ERROR, "TRC005")
    assert problem.message == (
        "the model's output is empty, or NaN throughout, so the run says nothing about the model"
    )
