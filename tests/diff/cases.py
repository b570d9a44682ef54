"""What a case of these tests is: a model and a spec that disagree in one point, and both of them mended.

The texts of both versions stand in one, like a diff: a line that ends with `#-` is only in the wrong version,
one that ends with `#+` only in the mended one. `# wrong` marks the line of the model, and the line of the
spec, that the finding names.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from archcheck.findings import Finding, Report, Status
from tests.in_process import report_on

PARTS = """\
import torch
from torch import nn
from torch.nn import functional as F


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.Linear(8, 16)
        self.act = nn.GELU()
        self.down = nn.Linear(16, 8)

    def forward(self, x):
        return self.down(self.act(self.up(x)))


class Attn(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(8, 8) for _ in range(4))

    def forward(self, x):
        return self.o(torch.softmax(self.q(x) @ self.k(x).mT, -1) @ self.v(x))


"""
"""Begins every model file: two branches without a residual of their own."""

BLOCK = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.LayerNorm(8)
            self.mlp = Mlp()

"""
"""A norm and a branch; `forward` follows."""

PARTS_OF_LAYER = """
    class Layer(nn.Module):
        def __init__(self, index=0):
            super().__init__()
            self.index = index
            self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
            self.attn, self.mlp = Attn(), Mlp()

"""
"""The parts of a Transformer's layer; `forward` follows."""

PANEL_OF_LAYER = """
    layer:
      title: Layer k
      scope: layers.*
      boxes:
        attn: {label: Attention, module: [norm1, attn]}
        ffn: {label: FFN, module: [norm2, mlp]}
      residuals:
        - {around: attn}
        - {around: ffn}
"""


PANEL_OF_LAYER_WITH_NORMS = """
    layer:
      title: Layer k
      scope: layers.*
      boxes:
        norm1: {label: Norm, module: norm1}
        attn: {label: Attention, module: attn}
        norm2: {label: Norm, module: norm2}
        mlp: {label: FFN, module: mlp}
      residuals:
        - {around: [norm1, attn]}
        - {around: [norm2, mlp]}
"""


def stack(layer: str = "Layer(index)", count: int = 3) -> str:
    """A model that is so many layers, each made by the expression `layer`, in which `index` is its number."""
    return f"""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList({layer} for index in range({count}))

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x
"""


def transformer(forward: str) -> str:
    """A stack of three of a Transformer's layers, with this `forward`."""
    return f"{PARTS_OF_LAYER}{forward}\n{stack()}"


PRE_NORM_LAYERS = transformer("""
        def forward(self, x):
            x = x + self.attn(self.norm1(x))
            return x + self.mlp(self.norm2(x))  # wrong
""")

ONE_RESIDUAL_LAYER = """
    class Layer(nn.Module):
        def __init__(self, index):
            super().__init__()
            self.norm, self.mlp = nn.LayerNorm(8), Mlp()

        def forward(self, x):
            return x + self.mlp(self.norm(x))

"""

PANEL_OF_ONE_RESIDUAL = """
    layer:
      scope: layers.*
      boxes:
        norm: {label: Norm, module: norm}
        mlp: {label: MLP, module: mlp}
      residuals:
        - {around: [norm, mlp]}
"""

SPEC = """\
title: A test
model:
  target: model.py:Net
  inputs:
    x: {shape: [2, 4, 8]}
panels:
"""


@dataclass(frozen=True)
class Case:
    """`finding` is the one that the wrong version gives: `CODE panel.edge`, or `CODE panel` for no edge.

    `message` and `traced` are its words; `layers` and `modes` where it holds. `model` and `panels` hold both
    versions; `head` replaces what stands in a spec before its panels.
    """

    name: str = ""
    finding: str = ""
    message: str = ""
    traced: str = ""
    model: str = ""
    panels: str = ""
    layers: tuple[int | str, ...] = ()
    modes: tuple[str, ...] = ()
    head: str = SPEC


def parameters(*cases: Case) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name.replace(" ", "-") for case in cases])


def check(case: Case, folder: Path) -> None:
    """The wrong version gives the one finding, exactly; the mended one conforms."""
    wrong = run(case, folder / "wrong", wrong=True)
    assert [_told(finding) for finding in wrong.findings] == [_expected(case, folder / "wrong")], (
        wrong.problems
    )
    mended = run(case, folder / "mended", wrong=False)
    assert (mended.status, mended.findings, mended.problems) == (Status.CONFORMS, (), ())


def run(case: Case, folder: Path, *, wrong: bool) -> Report:
    """The report on one version, which is written to a new folder."""
    folder.mkdir()
    model = PARTS + textwrap.dedent(case.model).lstrip("\n")
    panels = textwrap.indent(textwrap.dedent(case.panels).lstrip("\n"), "  ")
    return report_on(_version(model, wrong), _version(case.head + panels, wrong), folder)


def _version(text: str, wrong: bool) -> str:
    dropped = "#+" if wrong else "#-"
    return "".join(line for line in text.splitlines(keepends=True) if dropped not in line)


def _expected(case: Case, folder: Path) -> tuple[object, ...]:
    code, _, place = case.finding.partition(" ")
    panel, _, edge = place.partition(".")
    lines = _marked(folder / "spec.yaml"), _marked(folder / "model.py")
    return code, panel, edge, case.layers, case.modes, *lines, case.message, case.traced


def _marked(file: Path) -> tuple[str, int] | None:
    """File and line marked `# wrong`."""
    lines = enumerate(file.read_text().splitlines(), 1)
    found = [(file.name, number) for number, line in lines if "# wrong" in line]
    assert len(found) <= 1, found
    return found[0] if found else None


def _told(finding: Finding) -> tuple[object, ...]:
    places = finding.spec, finding.location
    lines = [(Path(place.file).name, place.line) if place else None for place in places]
    traced = re.sub(r"[^ (]*/(\w+\.py):\d+", r"\1", finding.traced)
    return (
        finding.code,
        finding.panel,
        finding.edge,
        finding.layers,
        finding.modes,
        *lines,
        finding.message,
        traced,
    )
