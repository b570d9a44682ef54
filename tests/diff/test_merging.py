"""One disagreement in many layers is one finding, and names of layers are not taken for other texts."""

from __future__ import annotations

from pathlib import Path

from tests.diff.cases import ONE_RESIDUAL_LAYER, PANEL_OF_ONE_RESIDUAL, Case, run, stack

THIRTEEN = Case(
    model=ONE_RESIDUAL_LAYER.replace("return x + ", "").replace(
        "norm(x))\n", "norm(x))\n            return x\n"
    )
    + stack(count=13),
    panels=PANEL_OF_ONE_RESIDUAL.partition("      residuals:")[0],
)


def test_a_defect_in_thirteen_layers_is_one_finding(tmp_path: Path) -> None:
    report = run(THIRTEEN, tmp_path / "case", wrong=True)
    assert [(finding.code, finding.message, finding.layers) for finding in report.findings] == [
        ("RES012", "norm, mlp are computed but their result is never used", tuple(range(13)))
    ]


NAMED = Case(
    model=ONE_RESIDUAL_LAYER.replace(
        "self.norm(x)", "F.silu(self.norm(x), inplace=True) + F.silu(x, inplace=True)"
    )
    + """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = Layer(0)

        def forward(self, x):
            return self.model(x * 1.5)
    """,
    panels=PANEL_OF_ONE_RESIDUAL.replace("layers.*", "model"),
)


def test_a_scope_that_is_called_like_the_file(tmp_path: Path) -> None:
    (finding,) = run(NAMED, tmp_path / "case", wrong=True).findings
    assert finding.code == "RES011"
    assert "model.py:" in finding.traced


UNROLLED = Case(
    model="""
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.mlp = nn.LayerNorm(8), Mlp()

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(Block() for _ in range(3))

        def forward(self, x):
            one, two, three = self.layers
            x = one.mlp(one.norm(x))
            x = two.mlp(two.norm(x))
            return three.mlp(three.norm(x))
    """,
    panels=PANEL_OF_ONE_RESIDUAL,
)


def test_layers_that_are_written_out_one_by_one(tmp_path: Path) -> None:
    report = run(UNROLLED, tmp_path / "case", wrong=True)
    assert [(finding.code, finding.layers) for finding in report.findings] == [("RES001", (0, 1, 2))]
