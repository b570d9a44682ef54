"""A head that one mode computes and drops is told, unless another mode uses it or the panel omits it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.in_process import verify

MODEL = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head, self.aux = nn.Linear(8, 8), nn.Linear(8, 4), nn.Linear(8, 4)

    def forward(self, x):
        x = self.body(x)
        extra = self.aux(x)
        return (self.head(x), extra) if self.training else self.head(x)
"""
SPEC = """\
title: a training head
model:
  target: net.py:Net
  inputs: {x: {shape: [2, 8]}}
  modes: MODES
panels:
  net:
    boxes: {body: {module: body}, head: {module: head}AUX}
    flow: [body, FLOW]
    omit: [OMIT]
"""


@pytest.mark.parametrize(
    ("modes", "aux", "flow", "omit", "codes"),
    [
        ("[eval]", ", aux: {module: aux}", "[head, aux]", "", ["RES012"]),
        ("[eval, train]", ", aux: {module: aux}", "[head, aux]", "", []),
        ("[eval]", "", "head", "aux", []),
    ],
)
def test_a_head_for_training(
    modes: str, aux: str, flow: str, omit: str, codes: list[str], tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text(MODEL)
    text = SPEC.replace("MODES", modes).replace("AUX", aux).replace("FLOW", flow).replace("OMIT", omit)
    (tmp_path / "spec.yaml").write_text(text)
    assert [finding.code for finding in verify(tmp_path / "spec.yaml").findings] == codes
