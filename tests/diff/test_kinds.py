"""RES009: source, branch and sink agree, and the two are joined otherwise than drawn."""

from __future__ import annotations

from pathlib import Path

from tests.diff.cases import Case, check, parameters

HEAD = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.f, self.last = Mlp(), nn.LazyLinear(8)
            self.scale = nn.Parameter(torch.full((8,), 0.5))

        def forward(self, x):
"""


def _net(edge: str) -> str:
    return f"""
    net:
      title: Block
      boxes:
        f: {{label: F, module: f}}
        last: {{label: Linear, module: last}}
      residuals:
        - {edge} # wrong
"""


JOINS = (
    Case(
        "multiplied",
        finding="RES009 net.f",
        message="the residual around F is drawn as a sum, but the code multiplies",
        traced="source and branch are multiplied",
        model=HEAD
        + """
            return self.last(x * self.f(x))  # wrong #-
            return self.last(x + self.f(x))  #+
""",
        panels=_net("{around: f}"),
    ),
    Case(
        "concatenated where a sum is drawn",
        finding="RES009 net.f",
        message="the residual around F is drawn as a sum, but the code concatenates",
        traced="source and branch are concatenated",
        model=HEAD
        + """
            return self.last(torch.cat([x, self.f(x)], dim=-1))  # wrong #-
            return self.last(x + self.f(x))  #+
""",
        panels=_net("{around: f}"),
    ),
    Case(
        "added where a concatenation is drawn",
        finding="RES009 net.f",
        message="the residual around F is drawn as concat, but the code computes a plain sum",
        traced="the source itself is added to the branch",
        model=HEAD
        + """
            return self.last(x + self.f(x))  # wrong #-
            return self.last(torch.cat([x, self.f(x)], dim=-1))  #+
""",
        panels=_net("{around: f, kind: concat}"),
    ),
    Case(
        "added where a gate is drawn",
        finding="RES009 net.input->f",
        message="the residual from the input to F is drawn as gated, but the code computes a plain sum",
        traced="the source itself is added to the branch",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.f, self.gate, self.last = Mlp(), nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x):
            gate = torch.sigmoid(self.gate(x))
            return self.last(x + gate * self.f(x))  # wrong #-
            return self.last((1 - gate) * x + gate * self.f(x))  #+
""",
        panels="""
    net:
      boxes:
        f: {label: F, module: f}
        gate: {label: gate, module: gate}
        last: {label: Linear, module: last}
      flow: [[f, gate], last]
      residuals:
        - {from: input, to: f, kind: gated} # wrong
""",
    ),
)
PROJECTION = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.f, self.shortcut = Mlp(), nn.Linear(8, 8)

        def forward(self, x):
"""
PROJECTIONS = (
    Case(
        "identity where a projection is drawn",
        finding="RES009 net.f",
        message="the residual around F is drawn as projection, but the code computes a plain sum",
        traced="the source itself is added to the branch",
        model=HEAD
        + """
            return self.last(x + self.f(x))  # wrong #-
            return self.f(x) + self.last(x)  #+
""",
        panels="""
    net:
      boxes:
        f: {label: F, module: f}
        last: {label: Linear, module: last}
      flow: [f, last] #-
      flow: [f] #+
      residuals:
        - {around: f, kind: projection} # wrong #-
        - {around: f, kind: projection, through: [last]} #+
""",
    ),
    Case(
        "a projection where identity is drawn",
        finding="RES009 net.f",
        message="the residual around F is drawn as identity, but the code projects the source",
        traced="the skip path is a projection of the source: shortcut",
        model=PROJECTION
        + """
            return self.shortcut(x) + self.f(x)  # wrong #-
            return x + self.f(self.shortcut(x))  #+
""",
        panels="""
    net:
      boxes:
        f: {label: F, module: f} #-
        f: {label: F, module: [shortcut, f]} #+
      residuals:
        - {around: f, kind: identity} # wrong
      omit: [shortcut]
""",
    ),
    Case(
        "a shortcut that the skip path does not pass",
        finding="RES009 net.f",
        message="the skip path of the residual around F is drawn through 1×1, but does not pass through it",
        traced="shortcut is not on the skip path (identity)",
        model=PROJECTION
        + """
            return self.shortcut(x + self.f(x))  # wrong #-
            return self.shortcut(x) + self.f(x)  #+
""",
        panels="""
    net:
      boxes:
        f: {label: F, module: f}
        shortcut: {label: 1×1, module: shortcut}
      residuals:
        - {around: f, through: [shortcut]} # wrong
""",
    ),
)
SCALES = (
    Case(
        "a learned scale beside a product that is drawn for something else",
        finding="RES009 net.f..last",
        message="the residual around Linear … Linear is drawn as a sum, but the code computes a scaled sum",
        traced="a factor scales the skip path or the branch: scale on the branch",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.f, self.last = nn.Linear(8, 8), nn.Linear(8, 8)
            self.scale = nn.Parameter(torch.full((8,), 0.5))

        def forward(self, x):
            branch = self.last(x * self.f(x))
            return x + self.scale * branch  # wrong #-
            return x + branch  #+
""",
        panels="""
    net:
      title: Block
      boxes:
        f: {label: Linear, module: f}
        x: {label: Input, role: input}
        gate: {label: ×, role: operator}
        last: {label: Linear, module: last}
      flow: [x, f, gate, last]
      edges: [[x, gate]]
      residuals:
        - {around: [f, last]} # wrong
""",
    ),
    Case(
        "a scale that is drawn and missing",
        finding="RES009 net.f",
        message="the residual around F is drawn as scaled, but the code computes a plain sum",
        traced="the source itself is added to the branch",
        model=HEAD
        + """
            return self.last(x + self.f(x))  # wrong #-
            return self.last(x + 0.5 * self.f(x))  #+
""",
        panels=_net("{around: f, kind: scaled}"),
    ),
    Case(
        "a constant scale where none is drawn",
        finding="RES009 net.f",
        message="the residual around F is drawn as identity, but the code computes a scaled sum",
        traced="a factor scales the skip path or the branch: 0.5 on the branch",
        model=HEAD
        + """
            return self.last(x + 0.5 * self.f(x))  # wrong #-
            return self.last(x + self.f(x))  #+
""",
        panels=_net("{around: f, kind: identity}"),
    ),
    Case(
        "a difference where a sum is drawn",
        finding="RES009 net.f",
        message="the residual around F is drawn as a sum, but the code subtracts",
        traced="one factor is negative: -1.0 on the branch",
        model=HEAD
        + """
            return self.last(x - self.f(x))  # wrong #-
            return self.last(x + self.f(x))  #+
""",
        panels=_net("{around: f}"),
    ),
    Case(
        "a constant on the skip path, drawn on the branch",
        finding="RES009 net.f",
        message="the factor of the residual around F is drawn on the branch, "
        "but the code has it on the skip path",
        traced="the factor is 2.0 on the skip path",
        model=HEAD
        + """
            return self.last(2 * x + self.f(x))  # wrong #-
            return self.last(x + 2 * self.f(x))  #+
""",
        panels=_net("{around: f, kind: scaled, factor_on: branch}"),
    ),
    Case(
        "a layer scale on both, drawn on the branch",
        finding="RES009 net.f",
        message=(
            "the factor of the residual around F is drawn on the branch, "
            "but the code has it on the branch and the skip path"
        ),
        traced="the factor is scale on the skip path and scale on the branch",
        model=HEAD
        + """
            return self.last(x + self.f(x) * self.scale)  #+
            return self.last(x * self.scale + self.f(x) * self.scale)  # wrong #-
""",
        panels=_net("{around: f, kind: scaled, factor_on: branch}"),
    ),
    Case(
        "a parameter of a layer on the skip path, drawn on the branch",
        finding="RES009 layer.f",
        message="the factor of the residual around F is drawn on the branch, "
        "but the code has it on the skip path",
        traced="the factor is scale on the skip path",
        layers=(0, 1, 2),
        model="""
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.f, self.scale = Mlp(), nn.Parameter(torch.full((8,), 0.5))

        def forward(self, x):
            return self.scale * x + self.f(x)  # wrong #-
            return x + self.scale * self.f(x)  #+


    class Net(nn.Sequential):
        def __init__(self):
            super().__init__(Layer(), Layer(), Layer())

        def forward(self, x):
            for layer in self:
                x = layer(x)
            return x
""",
        panels="""
    layer:
      scope: "*"
      boxes:
        f: {label: F, module: f}
      residuals:
        - {around: f, kind: scaled, factor_on: branch} # wrong
""",
    ),
)


@parameters(*JOINS)
def test_joined_by_another_operation(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@parameters(*PROJECTIONS)
def test_identity_and_projection(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@parameters(*SCALES)
def test_scale(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
