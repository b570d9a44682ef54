"""BOX001 to BOX004: boxes against the modules that the model has and ran."""

from __future__ import annotations

from pathlib import Path

from tests.diff.cases import BLOCK, ONE_RESIDUAL_LAYER, SPEC, Case, check, parameters, stack

STACK = stack(count=4)
MISSING = (
    Case(
        "a dropout that the model has lost",
        finding="BOX001 layer.drop",
        message="Dropout is drawn, but the model has no module drop",
        traced="layers.* (Layer) has no such module. layers.* has norm, mlp.",
        layers=(0, 1, 2, 3),
        model=ONE_RESIDUAL_LAYER.replace("(self, x):", "(self, x):  # wrong") + STACK,
        panels="""
    layer:
      scope: layers.*
      boxes:
        norm: {label: Norm, module: norm}
        mlp: {label: MLP, module: mlp}
        drop: {label: Dropout, module: drop} # wrong #-
      residuals:
        - {around: [norm, drop]} #-
        - {around: [norm, mlp]} #+
""",
    ),
    Case(
        "a misspelled name",
        finding="BOX001 layer.mlp",
        message="MLP is drawn, but the model has no module mpl",
        traced="layers.* (Layer) has no such module. Did you mean mlp?",
        layers=(0, 1, 2, 3),
        model=ONE_RESIDUAL_LAYER.replace("(self, x):", "(self, x):  # wrong") + STACK,
        panels="""
    layer:
      scope: layers.*
      boxes:
        norm: {label: Norm, module: norm}
        mlp: {label: MLP, module: mpl} # wrong #-
        mlp: {label: MLP, module: mlp} #+
      omit: [mlp] #-
      residuals:
        - {around: [norm, mlp]}
""",
    ),
    Case(
        "one module under two names",
        finding="BOX001 head.second",
        message="Linear is drawn, but 1 is 0 under another name",
        traced="the model holds one module as both: they share all of their parameters",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Sequential(*[nn.Linear(8, 8)] * 2)  #-
            self.head = nn.Sequential(*[nn.Linear(8, 8) for _ in range(2)])  #+

        def forward(self, x):  # wrong
            return self.head(x)

""",
        panels="""
    head:
      scope: head
      boxes:
        first: {label: Linear, module: "0"}
        second: {label: Linear, module: "1"} # wrong
""",
    ),
    Case(
        "in some layers only",
        finding="BOX001 layer.drop",
        message="Dropout is drawn, but the model has no module drop",
        traced="layers.* (Layer) has no such module. layers.* has mlp.",
        layers=(0, 2),
        model="""
    class Layer(nn.Module):
        def __init__(self, index):
            super().__init__()
            self.index, self.mlp = index, Mlp()
            if index % 2:  #-
                self.drop = nn.Dropout(0.1)  #-
            self.drop = nn.Dropout(0.1)  #+

        def forward(self, x):  # wrong
            y = self.mlp(x)
            return x + (self.drop(y) if hasattr(self, "drop") else y)

"""
        + STACK,
        panels="""
    layer:
      scope: layers.*
      boxes:
        mlp: {label: MLP, module: mlp}
        drop: {label: Dropout, module: drop} # wrong
      residuals:
        - {around: [mlp, drop]}
""",
    ),
)
UNDRAWN = (
    Case(
        "norms on queries and keys",
        finding="BOX002 net",
        message="q_norm (LayerNorm) runs but is not drawn",
        traced="q_norm has parameters and runs; draw it, or list it under the panel's omit",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.q, self.q_norm, self.out = nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 8)

        def forward(self, x):
            return self.out(self.q_norm(self.q(x)))  # wrong
""",
        panels="""
    net: # wrong
      boxes:
        q: {label: Linear, module: q}
        norm: {label: Norm, module: q_norm} #+
        out: {label: Linear, module: out}
""",
    ),
    Case(
        "left out on purpose",
        finding="BOX002 net",
        message="q_norm (LayerNorm) runs but is not drawn",
        traced="q_norm has parameters and runs; draw it, or list it under the panel's omit",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.q, self.q_norm, self.out = nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 8)

        def forward(self, x):
            return self.out(self.q_norm(self.q(x)))  # wrong
""",
        panels="""
    net: # wrong
      boxes:
        q: {label: Linear, module: q}
        out: {label: Linear, module: out}
      omit: [q_norm] #+
""",
    ),
    Case(
        "a part of a module that is drawn in parts, in every layer",
        finding="BOX002 layer",
        message="mlp.down (Linear) runs but is not drawn",
        traced="mlp.down has parameters and runs; draw it, or list it under the panel's omit",
        layers=(0, 1, 2, 3),
        model="""
    class Gelu(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.down = nn.Linear(8, 16), nn.Linear(16, 8)

        def forward(self, x):
            return self.down(F.gelu(self.up(x)))  # wrong


"""
        + ONE_RESIDUAL_LAYER.replace("Mlp()", "Gelu()")
        + STACK,
        panels="""
    layer: # wrong
      scope: layers.*
      boxes:
        norm: {label: Norm, module: norm}
        up: {label: Linear, module: mlp.up}
        down: {label: Linear, module: mlp.down} #+
      residuals:
        - {around: [norm, up]} #-
        - {around: [norm, down]} #+
""",
    ),
)
ORDER = (
    Case(
        "norm and activation swapped",
        finding="BOX003 net.act->norm",
        message="ReLU is drawn before Norm, but runs after it",
        traced="act reads the output of norm",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.last = nn.Linear(8, 8), nn.Linear(8, 8)
            self.norm, self.act = nn.LayerNorm(8), nn.ReLU()

        def forward(self, x):
            return self.last(self.act(self.norm(self.conv(x))))  # wrong
""",
        panels="""
    net:
      boxes:
        conv: {label: Projection, module: conv}
        norm: {label: Norm, module: norm}
        act: {label: ReLU, module: act}
        last: {label: Linear, module: last}
      flow: [conv, act, norm, last] # wrong #-
      flow: [conv, norm, act, last] #+
""",
    ),
    Case(
        "swapped on the branch of a residual",
        finding="BOX003 net.drop->proj",
        message="Dropout is drawn before Linear, but runs after it",
        traced="drop reads the output of proj",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.proj, self.drop = nn.LayerNorm(8), nn.Linear(8, 8), nn.Dropout(0.1)

        def forward(self, x):
            return x + self.drop(self.proj(self.norm(x)))  # wrong
""",
        panels="""
    net:
      boxes:
        norm: {label: Norm, module: norm}
        proj: {label: Linear, module: proj}
        drop: {label: Dropout, module: drop}
      flow: [norm, drop, proj] # wrong #-
      flow: [norm, proj, drop] #+
      residuals:
        - {around: [norm, proj]} #-
        - {around: [norm, drop]} #+
""",
    ),
    Case(
        "two residual blocks swapped",
        finding="BOX003 net.attn->mlp",
        message="Attention is drawn before MLP, but runs after it",
        traced="attn reads the output of mlp",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.attn, self.mlp = Attn(), Mlp()

        def forward(self, x):
            x = x + self.mlp(x)
            return x + self.attn(x)  # wrong
""",
        panels="""
    net:
      boxes:
        attn: {label: Attention, module: attn}
        mlp: {label: MLP, module: mlp}
      flow: [attn, mlp] # wrong #-
      flow: [mlp, attn] #+
      residuals:
        - {around: attn}
        - {around: mlp}
""",
    ),
    Case(
        "two residual blocks in a row, run side by side",
        finding="FLOW001 net.attn->mlp",
        message="a line goes from Attention to MLP, but no data flows along it",
        traced="mlp does not read the output of attn; not drawn: the input of net → MLP",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.attn, self.mlp = Attn(), Mlp()

        def forward(self, x):
            return x + self.attn(x) + self.mlp(x)  # wrong
""",
        panels="""
    net:
      boxes:
        attn: {label: Attention, module: attn}
        mlp: {label: MLP, module: mlp}
      flow: [attn, mlp] # wrong #-
      flow: [[attn, mlp]] #+
      residuals:
        - {around: attn}
        - {around: mlp}
""",
    ),
    Case(
        "drawn in a row, run side by side",
        finding="FLOW001 net.a->b",
        message="a line goes from A to B, but no data flows along it",
        traced="b does not read the output of a; not drawn: A → ⊙, the input of net → B",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.last = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x):
            a = self.a(x)
            return self.last(a * self.b(x))  # wrong
""",
        panels="""
    net:
      boxes:
        a: {label: A, module: a}
        b: {label: B, module: b}
        times: {label: ⊙, role: operator}
        last: {label: Linear, module: last}
      flow: [a, b, times, last] # wrong #-
      flow: [[a, b], times, last] #+
""",
    ),
)
REPEATS = (
    Case(
        "drawn twice in a row, and run once",
        finding="BOX004 net.again",
        message="Norm is drawn twice but runs once",
        traced="norm is called once",
        model=f"""{BLOCK}
        def forward(self, x):
            return x + self.mlp(self.norm(x))  # wrong
""",
        panels="""
    net:
      boxes:
        norm: {label: Norm, module: norm}
        again: {label: Norm, module: norm} # wrong #-
        mlp: {label: MLP, module: mlp}
      residuals:
        - {around: [norm, mlp]}
""",
    ),
    Case(
        "a module that runs again, drawn once in a strict spec",
        finding="BOX004 net.f",
        message="Linear is drawn once but runs twice",
        traced="f is called twice",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.f, self.norm = nn.Linear(8, 8), nn.LayerNorm(8)

        def forward(self, x):
            x = (self.f(x) + self.f(x)) / 2  #+
            x = self.f(self.f(x))  # wrong #-
            return self.norm(x)
""",
        panels="""
    net:
      boxes:
        f: {label: Linear, module: f} # wrong
        norm: {label: LayerNorm, module: norm}
      flow: [f, norm]
""",
        head="strict: true\n" + SPEC,
    ),
    Case(
        "another number of layers",
        finding="BOX004 net.layers",
        message="Layer is drawn ×16, but the model has 4",
        traced="4 modules match layers.*",
        model=ONE_RESIDUAL_LAYER + STACK.replace("(self, x):", "(self, x):  # wrong"),
        panels="""
    net:
      boxes:
        layers: {label: Layer, module: layers.*, repeat: 16} # wrong #-
        layers: {label: Layer, module: layers.*, repeat: 4} #+
""",
    ),
    Case(
        "a stack of one module",
        finding="BOX004 net.head",
        message="Linear is drawn ×3, but the model has 1",
        traced="1 module matches head.*; head.1, head.2 are the same under other names",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Sequential(*[nn.Linear(8, 8)] * 3)  #-
            self.head = nn.Sequential(*[nn.Linear(8, 8) for _ in range(3)])  #+

        def forward(self, x):  # wrong
            return self.head(x)

""",
        panels="""
    net:
      boxes:
        head: {label: Linear, module: head.*, repeat: 3} # wrong
""",
    ),
    Case(
        "in one layer of several",
        finding="BOX004 layer.experts",
        message="Experts is drawn ×2, but the model has 3",
        traced="3 modules match experts.*",
        layers=(3,),
        model="""
    class Layer(nn.Module):
        def __init__(self, index):
            super().__init__()
            self.experts = nn.ModuleList(Mlp() for _ in range(2 + index // 3))  #-
            self.experts = nn.ModuleList(Mlp() for _ in range(2))  #+

        def forward(self, x):  # wrong
            return x + sum(expert(x) for expert in self.experts)

"""
        + STACK,
        panels="""
    layer:
      scope: layers.*
      boxes:
        experts: {label: Experts, module: experts.*, repeat: 2} # wrong
      residuals:
        - {around: experts}
""",
    ),
)


@parameters(*MISSING)
def test_missing(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@parameters(*UNDRAWN)
def test_undrawn(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@parameters(*ORDER)
def test_order(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@parameters(*REPEATS)
def test_repeat(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
