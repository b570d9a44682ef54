"""Where a sum can't be seen there is no verdict on its edge, and other findings stand beside that."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcheck.findings import MarkKind, Status, Verdict
from tests.diff.cases import PARTS, SPEC
from tests.in_process import report_on

MODEL = (
    PARTS
    + """
@torch.library.custom_op("hidden::plus", mutates_args=())
def plus(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a + b


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.mlp, self.last = nn.LayerNorm(8), Mlp(), Mlp()

    def forward(self, x):
        return self.last(SUM)
"""
)
PANEL = """\
  net:
    boxes:
      norm: {label: Norm, module: norm}
      mlp: {label: MLP, module: mlp}
      last: {label: MLP, module: last}
    residuals:
      - {around: [norm, mlp]MORE}
      - {around: last}
"""


def run(folder: Path, added: str, more: str = "") -> tuple[object, ...]:
    report = report_on(MODEL.replace("SUM", added), SPEC + PANEL.replace("MORE", more), folder)
    codes = [problem.code for problem in report.problems], [finding.edge for finding in report.findings]
    return (
        report.status,
        *codes,
        [mark.verdict for mark in report.marks if (mark.kind, mark.name) == (MarkKind.EDGE, "norm..mlp")],
    )


@pytest.mark.parametrize("added", ["plus(x, self.mlp(self.norm(x)))", "plus(x, x) + self.mlp(self.norm(x))"])
def test_no_verdict(added: str, tmp_path: Path) -> None:
    assert run(tmp_path, added) == (Status.ERROR, ["TRC005"], ["last"], [Verdict.UNCHECKED])


def test_accepted_at_the_edge(tmp_path: Path) -> None:
    found = run(tmp_path, "plus(x, self.mlp(self.norm(x)))", ", opaque: accepted")
    assert found == (Status.DIFFERS, [], ["last"], [Verdict.UNCHECKED])


def test_inside_of_the_branch_it_is_one_operation(tmp_path: Path) -> None:
    found = run(tmp_path, "x + plus(self.mlp(self.norm(x)), self.mlp.up.bias.sum())")
    assert found[:3] == (Status.DIFFERS, [], ["last"])


def test_a_panel_whose_code_is_opaque_as_a_whole(tmp_path: Path) -> None:
    """Under `vmap` branch and sum are one operation, which reads what enters the panel."""
    mapped = "torch.vmap(lambda z: z + self.mlp(self.norm(z)))(x)"
    status, problems, _, verdicts = run(tmp_path, mapped)
    assert (status, problems, verdicts) == (Status.ERROR, ["TRC005"], [Verdict.UNCHECKED])
