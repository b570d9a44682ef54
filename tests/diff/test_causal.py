"""An attention that is drawn as masked hides later keys, and not others."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcheck.findings import Status
from tests.in_process import verify

MODEL = """\
import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x):
        scores = self.q(x) @ self.k(x).mT
        seen = torch.ones(6, 6, dtype=torch.bool).TRIANGLE()
        return scores.masked_fill(~seen, float("-inf")).softmax(-1) @ self.v(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = Attention()

    def forward(self, x):
        return self.attention(x)
"""
SPEC = """\
strict: true
model: {target: model.py:Net, inputs: {x: {shape: [1, 6, 8]}}}
panels:
  net: {scope: "", boxes: {attention: {label: Masked attention, module: attention}}}
"""


@pytest.mark.parametrize(
    ("triangle", "status", "messages"),
    [
        ("tril", Status.CONFORMS, []),
        ("triu", Status.DIFFERS, ["the label 'Masked attention' says causal, but the model is not causal"]),
    ],
)
def test_which_keys_are_hidden(triangle: str, status: Status, messages: list[str], tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL.replace("TRIANGLE", triangle))
    (tmp_path / "spec.yaml").write_text(SPEC)
    report = verify(tmp_path / "spec.yaml", prove=True)
    assert (report.status, [finding.message for finding in report.findings]) == (status, messages)
