"""Ways to write a residual connection: as drawn they conform, and one slip gives one finding."""

from __future__ import annotations

from pathlib import Path

from tests.diff.cases import SPEC, Case, check, parameters

TWO_STREAMS = SPEC.replace("panels:", "    memory: {shape: [2, 4, 8]}\npanels:")
STYLES = (
    Case(
        "a wrapper that adds what it wraps",
        finding="RES001 net.f2",
        message="there is no residual connection around F2",
        traced="the source is not added to the output of 1.0",
        model="""
    class Residual(nn.Module):
        def __init__(self, fn):
            super().__init__()
            self.fn = fn

        def forward(self, x):
            return x + self.fn(x)


    class Net(nn.Sequential):
        def __init__(self):
            super().__init__(Residual(Mlp()), nn.Sequential(Mlp()), Mlp())  #-
            super().__init__(Residual(Mlp()), Residual(Mlp()), Mlp())  #+

        def forward(self, x):
            return super().forward(x)  # wrong
""",
        panels="""
    net:
      boxes:
        f1: {label: F1, module: "0.fn"}
        f2: {label: F2, module: "1.0"} #-
        f2: {label: F2, module: "1.fn"} #+
        f3: {label: F3, module: "2"}
      residuals:
        - {around: f1}
        - {around: f2} # wrong
""",
    ),
    Case(
        "a module that only adds, drawn as the operator it is",
        finding="RES004 net.norm..add",
        message="the residual around Norm … ⊕ has the wrong source: it is taken after Norm",
        traced="taken after norm (model.py), not from the input of net",
        model="""
    class Add(nn.Module):
        def forward(self, x, y):
            return x + y  # wrong


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.mlp, self.add, self.head = nn.LayerNorm(8), Mlp(), Add(), nn.Linear(8, 8)

        def forward(self, x):
            h = self.norm(x)
            return self.head(self.add(h, self.mlp(h)))  #-
            return self.head(self.add(x, self.mlp(h)))  #+
""",
        panels="""
    net:
      boxes:
        norm: {label: Norm, module: norm}
        mlp: {label: MLP, module: mlp}
        add: {label: ⊕, module: add, role: operator}
        head: {label: Head, module: head}
      residuals:
        - {around: [norm, add]} # wrong
""",
    ),
    Case(
        "a module list, whose owner adds",
        finding="RES001 stage.f1",
        message="there is no residual connection around F1",
        traced="the source is not added to the output of 1",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.stage = nn.Linear(8, 8), nn.ModuleList([Mlp(), Mlp()])

        def forward(self, x):
            x = self.stem(x)
            x = x + self.stage[0](x)
            return self.stage[1](x)  # wrong #-
            return x + self.stage[1](x)  #+
""",
        panels="""
    net:
      boxes:
        stem: {label: Stem, module: stem}
        stage: {label: Stage, module: stage}
    stage:
      scope: stage
      boxes:
        f0: {label: F0, module: "0"}
        f1: {label: F1, module: "1"}
      residuals:
        - {around: f0}
        - {around: f1} # wrong
""",
    ),
    Case(
        "a residual around a residual",
        finding="RES005 net.a..b",
        message="the residual around A … B joins the branch in the wrong place: after C",
        traced="c runs before the sum (model.py)",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = Mlp(), Mlp(), Mlp()

        def forward(self, x):
            h = x + self.a(x)
            return x + self.c(self.b(h))  # wrong #-
            return self.c(x + self.b(h))  #+
""",
        panels="""
    net:
      boxes:
        a: {label: A, module: a}
        b: {label: B, module: b}
        c: {label: C, module: c}
      residuals:
        - {around: a}
        - {around: [a, b]} # wrong
""",
    ),
    Case(
        "weights used without calling their modules",
        finding="RES010 net.norm..out",
        message="Norm is drawn before the sum of the residual around Norm … Out, but runs after it",
        traced="norm runs after the sum (model.py)",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.up, self.out = nn.LayerNorm(8), nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x):
            def norm(x):
                return F.layer_norm(x, (8,), self.norm.weight, self.norm.bias)

            def mlp(x):
                return torch.relu(x @ self.up.weight.T) @ self.out.weight.T

            return norm(x + mlp(x))  # wrong #-
            return x + mlp(norm(x))  #+
""",
        panels="""
    net:
      boxes:
        norm: {label: Norm, module: norm}
        up: {label: Up, module: up}
        out: {label: Out, module: out}
      residuals:
        - {around: [norm, out]} # wrong
""",
    ),
    Case(
        "one encoder for two inputs",
        finding="RES004 encoder.norm..mlp",
        message="the residual around Norm … MLP has the wrong source: it is taken after Norm",
        traced="taken after norm (model.py), not from the input of encoder",
        head=TWO_STREAMS,
        model="""
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.mlp = nn.LayerNorm(8), Mlp()

        def forward(self, x):
            h = self.norm(x)
            return h + self.mlp(h)  # wrong #-
            return x + self.mlp(h)  #+


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = Encoder()

        def forward(self, x, memory):
            return self.encoder(x) * self.encoder(memory)
""",
        panels="""
    encoder:
      scope: encoder
      boxes:
        norm: {label: Norm, module: norm}
        mlp: {label: MLP, module: mlp}
      residuals:
        - {around: [norm, mlp]} # wrong
""",
    ),
)


@parameters(*STYLES)
def test_style(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
