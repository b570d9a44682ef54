"""Each drawn edge is executed as often as it is drawn, but each sum is drawn once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.diff.cases import BLOCK, SPEC, Case, check, parameters, run

PANEL = """
    net:
      boxes:
        norm: {label: Norm, module: norm}
        mlp: {label: MLP, module: mlp}
      residuals:
"""
OFTEN = (
    Case(
        "twice in a row",
        finding="RES002 net.norm..mlp",
        message="the residual around Norm … MLP is drawn once but executed twice",
        traced="the model (Net) computes 2 sums (model.py, model.py)",
        model=BLOCK
        + """
        def forward(self, x):
            x = x + self.mlp(self.norm(x))  #-
            return x + self.mlp(self.norm(x))  # wrong
""",
        panels=PANEL
        + """
        - {around: [norm, mlp]} # wrong
""",
    ),
    Case(
        "the branch of the branch",
        finding="BOX004 net.norm..mlp",
        message="MLP is drawn once on the branch of the residual around Norm … MLP but runs twice in a row",
        traced="mlp runs on its own output",
        model=BLOCK
        + """
        def forward(self, x):
            return x + self.mlp(self.mlp(self.norm(x)))  # wrong #-
            return x + self.mlp(self.norm(x))  #+
""",
        panels=PANEL
        + """
        - {around: [norm, mlp]} # wrong
""",
    ),
    Case(
        "one sum under two edges",
        finding="RES001 net.input->mlp",
        message="the residual from the input to MLP duplicates norm..mlp: both show the same sum",
        traced="the code has one sum for 2 edges",
        model=BLOCK
        + """
        def forward(self, x):
            return x + self.mlp(self.norm(x))  # wrong
""",
        panels=PANEL
        + """
        - {around: [norm, mlp]}
        - {from: input, to: mlp} # wrong #-
""",
    ),
    Case(
        "dashed, and in no module",
        finding="RES001 net.norm..mlp",
        message="no module implements the residual around Norm … MLP",
        traced="no module computes such a sum",
        model="""
    class Inner(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.mlp = nn.LayerNorm(8), Mlp()

        def forward(self, x):
            return self.mlp(self.norm(x))


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Inner()

        def forward(self, x):
            return self.inner(x)  # wrong #-
            return x + self.inner(x)  #+
""",
        panels="""
    net:
      scope: inner
      boxes:
        norm: {label: Norm, module: norm}
        mlp: {label: MLP, module: mlp}
      residuals:
        - {around: [norm, mlp], line: dashed} # wrong
""",
    ),
)


@parameters(*OFTEN)
def test_how_often(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@pytest.mark.parametrize("name", ["twice in a row", "the branch of the branch"])
def test_a_strict_spec_says_it_once(name: str, tmp_path: Path) -> None:
    case = next(case for case in OFTEN if case.name == name)
    report = run(replace(case, head="strict: true\n" + SPEC), tmp_path / "wrong", wrong=True)
    found = [(each.code, each.edge) for each in report.findings if each.code != "MARK001"]
    assert found == [(case.finding.partition(" ")[0], "norm..mlp")]
