"""RES005 and RES010: a residual that is joined elsewhere than drawn."""

from __future__ import annotations

from pathlib import Path

from tests.diff.cases import BLOCK, PANEL_OF_LAYER_WITH_NORMS, Case, check, parameters, transformer

POST_NORM = (
    BLOCK
    + """
        def forward(self, x):
            return self.norm(x + self.mlp(x))  # wrong #-
            return x + self.mlp(self.norm(x))  #+
"""
)
POST_NORM_DRAWN = """
    net:
      title: Block
      scope: ""
      boxes:
        mlp: {label: MLP, module: mlp}
        norm: {label: Norm, module: norm}
      residuals:
        - {around: mlp} # wrong
"""
SIDES = (
    Case(
        "post-norm coded, pre-norm drawn",
        finding="RES010 net.norm..mlp",
        message="Norm is drawn before the sum of the residual around Norm … MLP, but runs after it",
        traced="norm runs after the sum (model.py)",
        model=POST_NORM,
        panels="""
    net:
      title: Block
      scope: ""
      boxes:
        norm: {label: Norm, module: norm}
        mlp: {label: MLP, module: mlp}
      residuals:
        - {around: [norm, mlp]} # wrong
""",
    ),
    Case(
        "post-norm coded, pre-norm drawn as one box",
        finding="RES010 net.mlp",
        message="norm is drawn before the sum of the residual around MLP, but runs after it",
        traced="norm runs after the sum (model.py)",
        model=POST_NORM,
        panels="""
    net:
      title: Block
      scope: ""
      boxes:
        mlp: {label: MLP, module: [norm, mlp]}
      residuals:
        - {around: mlp} # wrong
""",
    ),
    Case(
        "pre-norm coded, post-norm drawn",
        finding="RES010 net.mlp",
        message="Norm is drawn after the sum of the residual around MLP, but runs before it",
        traced="norm runs before the sum (model.py)",
        model=BLOCK
        + """
        def forward(self, x):
            return x + self.mlp(self.norm(x))  # wrong #-
            return self.norm(x + self.mlp(x))  #+
""",
        panels=POST_NORM_DRAWN,
    ),
    Case(
        "norm after the branch, inside the sum",
        finding="RES010 net.mlp",
        message="Norm is drawn after the sum of the residual around MLP, but runs before it",
        traced="norm runs before the sum (model.py)",
        model=BLOCK
        + """
        def forward(self, x):
            return x + self.norm(self.mlp(x))  # wrong #-
            return self.norm(x + self.mlp(x))  #+
""",
        panels=POST_NORM_DRAWN,
    ),
    Case(
        "a shared ReLU before the sum instead of after it",
        finding="RES010 net.conv1..bn2",
        message="ReLU is drawn after the sum of the residual around Linear … Norm, but runs before it",
        traced="relu runs before the sum (model.py)",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Linear(8, 8), nn.Linear(8, 8)
            self.bn1, self.bn2 = nn.LayerNorm(8), nn.LayerNorm(8)
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x):
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn2(self.conv2(out))
            out = self.relu(out)  #-
            out += x  # wrong
            out = self.relu(out)  #+
            return out
""",
        panels="""
    net:
      title: BasicBlock
      scope: ""
      boxes:
        conv1: {label: Linear, module: conv1}
        bn1: {label: Norm, module: bn1}
        relu1: {label: ReLU, module: relu}
        conv2: {label: Linear, module: conv2}
        bn2: {label: Norm, module: bn2}
        relu2: {label: ReLU, module: relu}
      residuals:
        - {around: [conv1, bn2]} # wrong
""",
    ),
    Case(
        "a functional ReLU before the sum instead of after it",
        finding="RES010 net.up..down",
        message="ReLU is drawn after the sum of the residual around Linear … Linear, but runs before it",
        traced="relu runs before the sum (model.py)",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.down = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x):
            h = F.relu(self.up(x))
            return x + F.relu(self.down(h))  # wrong #-
            return F.relu(x + self.down(h))  #+
""",
        panels="""
    net:
      title: Block
      scope: ""
      boxes:
        up: {label: Linear, module: up}
        relu1: {label: ReLU, role: activation}
        down: {label: Linear, module: down}
        relu2: {label: ReLU, role: activation}
      residuals:
        - {around: [up, down]} # wrong
""",
    ),
    Case(
        "an activation after the sum, in a block of operations alone",
        finding="RES010 net.up..down",
        message="ReLU is drawn before the sum of the residual around Linear … Linear, but runs after it",
        traced="relu runs after the sum (model.py)",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.down = nn.Parameter(torch.ones(8, 8)), nn.Parameter(torch.ones(8, 8))

        def forward(self, x):
            return torch.relu(x + x @ self.up @ self.down)  # wrong #-
            return x + torch.relu(x @ self.up) @ self.down  #+
""",
        panels="""
    net:
      boxes:
        up: {label: Linear}
        act: {label: ReLU}
        down: {label: Linear}
      residuals:
        - {around: [up, down]} # wrong
""",
    ),
    Case(
        "the second norm is on the branch of the first",
        finding="RES010 layer.norm1..attn",
        message=("Norm is drawn after the sum of the residual around Norm … Attention, but runs before it"),
        traced="norm2 runs before the sum (model.py)",
        layers=(0, 1, 2),
        model=transformer("""
        def forward(self, x):
            x = x + self.norm2(self.attn(self.norm1(x)))  # wrong #-
            return x + self.mlp(x)  #-
            x = x + self.attn(self.norm1(x))  #+
            return x + self.mlp(self.norm2(x))  #+
"""),
        panels=PANEL_OF_LAYER_WITH_NORMS.replace("attn]}", "attn]} # wrong"),
    ),
)
CHAIN = """
    net:
      title: Chain
      scope: ""
      boxes:
        f1: {label: F1, module: f1}
        f2: {label: F2, module: f2}
        f3: {label: F3, module: f3}
      residuals:
        - {around: f1} # wrong
"""
PARTS_OF_CHAIN = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.f1, self.f2, self.f3 = Mlp(), Mlp(), Mlp()

"""
SINKS = (
    Case(
        "joined one layer late",
        finding="RES005 net.f1",
        message="the residual around F1 joins the branch in the wrong place: after F2",
        traced="f2 runs before the sum (model.py)",
        model=PARTS_OF_CHAIN
        + """
        def forward(self, x):
            return self.f3(x + self.f2(self.f1(x)))  # wrong #-
            return self.f3(self.f2(x + self.f1(x)))  #+
""",
        panels=CHAIN,
    ),
    Case(
        "joined one layer early",
        finding="RES005 net.f1..f2",
        message="the residual around F1 … F2 joins the branch in the wrong place: before F2",
        traced="f2 runs after the sum (model.py)",
        model=PARTS_OF_CHAIN
        + """
        def forward(self, x):
            return self.f3(self.f2(x + self.f1(x)))  # wrong #-
            return self.f3(x + self.f2(self.f1(x)))  #+
""",
        panels=CHAIN.replace("around: f1", "around: [f1, f2]"),
    ),
    Case(
        "dropout after the sum",
        finding="RES005 net.f1..drop",
        message="the residual around F1 … Dropout joins the branch in the wrong place: before Dropout",
        traced="drop runs after the sum (model.py)",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.f1, self.drop = Mlp(), nn.Dropout(0.1)

        def forward(self, x):
            return self.drop(x + self.f1(x))  # wrong #-
            return x + self.drop(self.f1(x))  #+
""",
        panels="""
    net:
      title: Chain
      scope: ""
      boxes:
        f1: {label: F1, module: f1}
        drop: {label: Dropout, module: drop}
      residuals:
        - {around: [f1, drop]} # wrong
""",
    ),
)


@parameters(*SIDES)
def test_side_of_a_norm_or_activation(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@parameters(*SINKS)
def test_sink(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
