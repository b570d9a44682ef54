"""Another implementation under the same spec, written as MiniMind's own files are: a class with a config."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcheck import verify
from archcheck.commands.settings import parse_input
from archcheck.findings import Report, Status
from archcheck.model.arguments import UNSET

REPOSITORY = Path(__file__).parents[2]

CONFIG = """\
class NetConfig:
    def __init__(self, hidden_size=768, num_layers=8, **kwargs):
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.eps = kwargs.get("eps", 1e-6)
"""
MODEL = """\
from torch import nn

from .config import NetConfig


class Block(nn.Module):
    def __init__(self, config: NetConfig):
        super().__init__()
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.eps)
        self.mlp = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x):
        return x + self.mlp(self.norm(x))


class Net(nn.Module):
    def __init__(self, config: NetConfig = None, *, seed=0):
        super().__init__()
        config = config or NetConfig()
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.num_layers)])

    def forward(self, hidden, use_cache=True):
        assert not use_cache
        for block in self.blocks:
            hidden = block(hidden)
        return hidden
"""
SPEC = """\
model:
  target: nothing.like:this
  arguments: {hidden_size: 16, num_layers: 3, eps: 0.1, old: 1}
  inputs: {x: {shape: [1, 4, 16]}}
panels:
  block:
    scope: blocks.*
    boxes: {norm: {module: norm}, mlp: {label: Linear, module: mlp}}
    residuals: [{around: [norm, mlp]}]
"""


def check(folder: Path, *unset: str, **inputs: str) -> Report:
    """Verify the spec against the model of a package whose `__init__` can't be run."""
    package = folder / "upstream"
    package.mkdir()
    for name, text in {
        "__init__": "import wandb_that_is_not_there",
        "config": CONFIG,
        "model": MODEL,
    }.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    return verify(
        folder / "spec.yaml",
        f"{package}/model.py:Net",
        settings=[(name, UNSET) for name in unset],
        inputs=dict(parse_input(f"{name}={value}") for name, value in inputs.items()),
    )


def test_a_class_with_a_configuration_needs_no_wrapper(tmp_path: Path) -> None:
    report = check(tmp_path, "x", use_cache="false")
    assert [problem.message for problem in report.problems] == []
    assert report.status is Status.CONFORMS
    assert len(report.residuals) == 3


def test_an_input_that_the_other_does_not_take_leads_to_unset(tmp_path: Path) -> None:
    report = check(tmp_path, use_cache="false")
    (unknown,) = report.problems
    assert unknown.message == "Net.forward takes no input 'x'"
    assert unknown.hint == "It takes hidden, use_cache. To drop it: --unset x"


@pytest.mark.slow
def test_minimind_with_its_config_conforms_to_the_shipped_spec(tmp_path: Path) -> None:
    file = tmp_path / "model_minimind.py"
    file.write_text(
        "from reference_models import minimind\n\n\n"
        "class Upstream(minimind.MiniMindForCausalLM):\n"
        "    def __init__(self, config: minimind.MiniMindConfig = None):\n"
        "        super().__init__(config or minimind.MiniMindConfig())\n",
        encoding="utf-8",
    )
    report = verify(REPOSITORY / "specs" / "minimind.yaml", f"{file}:Upstream")
    assert (report.status, report.problems) == (Status.CONFORMS, ())
