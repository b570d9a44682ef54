"""`archcheck measure` as a user types it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy
import pytest
import torch
from torch import nn
from typer.testing import CliRunner, Result

from archcheck.cli import app

MODEL = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Layer() for _ in range(2))
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(8), nn.Linear(8, 8)

    def forward(self, x):
        return x + self.mlp(self.norm(x))
"""
SPEC = """\
title: A small model
model:
  target: model.py:Net
  inputs: {x: {shape: [2, 3, 8]}}
panels:
  model:
    scope: ""
    boxes:
      layers: {label: Layer, module: layers.*, repeat: 2, detail: layer}
      head: {label: Linear, module: head}
  layer:
    scope: layers.*
    boxes:
      norm: {label: Norm, module: norm}
      mlp: {label: Linear, module: mlp}
    residuals:
      - {around: [norm, mlp]}
      - {name: inner, around: mlp, line: dashed}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "net.yaml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["measure", *arguments, "--in-process"])


def numbers(*arguments: str) -> dict[str, list[float]]:
    """The mean of each measure in both layers."""
    result = run("net.yaml", "-f", "json", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    residuals = json.loads(result.stdout)["residuals"]
    assert [(each["name"], each["layer"]) for each in residuals] == [
        ("layer.norm..mlp", 0),
        ("layer.norm..mlp", 1),
    ]
    names = residuals[0]["measures"]
    return {name: [each["measures"][name]["mean"] for each in residuals] for name in names}


def test_the_report() -> None:
    result = run("net.yaml", "--seeds", "2")
    assert result.exit_code == 0
    head, *lines = result.stdout.splitlines()
    assert head == "A small model, model.py:Net"
    assert lines[1] == "layer.norm..mlp (identity, model.py:22)"
    assert lines[2].split()[:3] == ["layer", "branch/stream", "cosine"]
    assert [line.split()[0] for line in lines[3:5]] == ["0", "1"]
    assert "what if: dashed residual around Linear, from the output of Norm (in 2 layers)" in lines
    assert lines[-1] == (
        "At initialisation, on small inputs: this shows signal and gradient at this point, "
        "not the effect of training."
    )


def test_a_target_without_a_spec_and_csv() -> None:
    result = run("model.py:Net", "--seeds", "1", "-f", "csv", "-i", "x=float32[2,3,8]")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["name"], row["stack"], row["layer"]) for row in rows] == [
        ("around norm, mlp", "layers.*", "0"),
        ("around norm, mlp", "layers.*", "1"),
    ]
    assert all(float(row["gradient"]) > 0 for row in rows)


def test_weights_are_loaded_as_data(folder: Path) -> None:
    from model import Net  # type: ignore[import-not-found]

    model = Net()
    for layer in model.layers:
        nn.init.zeros_(layer.mlp.weight)
        nn.init.zeros_(layer.mlp.bias)
    torch.save({"state_dict": model.state_dict()}, "zero.pth")
    assert numbers("--weights", "zero.pth")["branch_ratio"] == [0.0, 0.0]
    torch.save({"other": torch.zeros(1)}, "other.pth")
    assert "TGT016" in run("net.yaml", "--weights", "other.pth").stderr
    Path("bad.pth").write_text("not a file of torch")
    assert "can't be read as a state dict" in run("net.yaml", "--weights", "bad.pth").stderr
    torch.save(Path("code"), "code.pth")  # an object, whose class would have to be run
    refused = run("net.yaml", "--weights", "code.pth")
    assert (refused.exit_code, refused.stdout) == (2, "")


def test_inputs_and_targets_from_a_file() -> None:
    x = numpy.random.default_rng(0).normal(size=(1, 5, 8)).astype("float32")
    numpy.savez("batch.npz", x=x, targets=numpy.zeros((1, 5), dtype="int64"))
    found = numbers("--data", "batch.npz", "--seeds", "1")
    assert {"kl_without_skip", "loss_without_branch"} <= set(found)
    assert all(value > 0 for value in found["kl_without_skip"])
    assert "TGT017" in run("net.yaml", "--data", "net.yaml").stderr


def test_a_bound_that_is_broken_fails() -> None:
    result = run("net.yaml", "--seeds", "1", "--fail-if", "branch_ratio > 0", "-o", "report.txt")
    assert result.exit_code == 1
    first, second = result.stderr.splitlines()
    assert first.startswith("layer.norm..mlp, layer 0: branch_ratio is ")
    assert second.endswith("(--fail-if branch_ratio > 0)")
    assert run("net.yaml", "--seeds", "1", "--fail-if", "branch_ratio < 0").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fail-if", "ratio < 1"], "Unknown measure 'ratio'. Choose one of branch_ratio, cosine,"),
        (["--fail-if", "gradient"], "Write MEASURE < NUMBER, such as 'gradient_ratio < 1e-3'."),
        (["--plot", "x.txt"], "Can't plot to x.txt. Choose one of .svg, .png, .pdf."),
        (["--show", "ratio"], "Unknown measure 'ratio'."),
        (["-o", "net.yaml"], "net.yaml: this is an input of the run"),
    ],
)
def test_bad_options(arguments: list[str], message: str) -> None:
    result = run("net.yaml", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_pictures() -> None:
    assert run("net.yaml", "--seeds", "1", "--plot", "curves.svg", "--diagram", "net.svg").exit_code == 0
    assert "all skips cut" in Path("curves.svg").read_text()
    assert "gradient_ratio: 0." in Path("net.svg").read_text()
    assert "--diagram draws a spec" in run("model.py:Net", "--diagram", "net.svg").stderr


def test_a_model_without_a_gradient() -> None:
    Path("model.py").write_text(
        MODEL.replace(
            "    def forward(self, x):\n        for",
            "    @__import__('torch').no_grad()\n    def forward(self, x):\n        for",
        )
    )
    result = run("net.yaml")
    assert result.exit_code == 2
    assert "TGT018 the model's output has no gradient: it runs without autograd" in result.stderr
