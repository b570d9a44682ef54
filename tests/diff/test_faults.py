"""RES007, RES008 and RES011: sums that are wrong whatever is drawn, told where the diagram shows them."""

from __future__ import annotations

from pathlib import Path

from tests.diff.cases import PANEL_OF_LAYER, Case, check, parameters, stack, transformer

STACK = stack("Layer()")
DOUBLED_BLOCK = """
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.mlp = nn.LayerNorm(8), Mlp()

        def forward(self, x):
            return x + self.mlp(self.norm(x))  #-
            return self.mlp(self.norm(x))  #+


    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = Block()

        def forward(self, x):
            return x + self.block(x)  # wrong

"""
DOUBLED = (
    Case(
        "in the block and again in its parent",
        finding="RES007 layer.block",
        message="the source of a residual is added twice",
        traced="layers.* adds it and again in block (model.py): the sum contains the source twice",
        layers=(0, 1, 2),
        model=DOUBLED_BLOCK + STACK,
        panels="""
    layer:
      scope: layers.*
      boxes:
        block: {label: Block, module: block}
      residuals:
        - {around: block} # wrong
""",
    ),
    Case(
        "in the block, where it is drawn dashed, and again in its parent",
        finding="RES007 layer.block",
        message="the source of a residual is added twice",
        traced="layers.* adds it and again in block (model.py): the sum contains the source twice",
        layers=(0, 1, 2),
        model=DOUBLED_BLOCK + STACK,
        panels="""
    layer:
      scope: layers.*
      boxes:
        block: {label: Block, module: block, detail: block}
      residuals:
        - {around: block} # wrong
    block:
      boxes:
        norm: {label: Norm, module: block.norm}
        mlp: {label: MLP, module: block.mlp}
      residuals:
        - {around: [norm, mlp], line: dashed, realized_by: layer.block}
""",
    ),
    Case(
        "in the layer and again in the attention's output",
        finding="RES007 net.attn..dense",
        message="the source of a residual is added twice",
        traced=("the model adds it and again in output (model.py): the sum contains the source twice"),
        model="""
    class Output(nn.Module):
        def __init__(self):
            super().__init__()
            self.dense = nn.Linear(8, 8)

        def forward(self, h, x):
            return self.dense(h) + x


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.attn, self.output = Attn(), Output()

        def forward(self, x):
            h = self.output(self.attn(x), x)
            return h + x  # wrong #-
            return h  #+
""",
        panels="""
    net:
      boxes:
        attn: {label: Attention, module: attn}
        dense: {label: Linear, module: output.dense}
      residuals:
        - {around: [attn, dense]} # wrong
""",
    ),
    Case(
        "a branch joined twice",
        finding="RES007 layer.attn",
        message="a branch is added to the same stream twice",
        traced="the output of norm1, attn was already added (model.py)",
        layers=(0, 1, 2),
        model=transformer("""
        def forward(self, x):
            h = self.attn(self.norm1(x))
            x = x + h
            x = x + self.mlp(self.norm2(x))
            return x + h  # wrong #-
            return x  #+
"""),
        panels=PANEL_OF_LAYER.replace("- {around: attn}", "- {around: attn} # wrong"),
    ),
)
ITSELF = (
    Case(
        "the input's name is used again",
        finding="RES008 layer.ffn",
        message="both operands of a sum are the same tensor",
        traced="a tensor is added to itself: the output of mlp",
        layers=(0, 1, 2),
        model=transformer("""
        def forward(self, x):
            x = x + self.attn(self.norm1(x))
            h = x
            h = self.mlp(self.norm2(h))
            return h + h  # wrong #-
            return x + h  #+
"""),
        panels=PANEL_OF_LAYER.replace("- {around: ffn}", "- {around: ffn} # wrong"),
    ),
    Case(
        "in one layer only",
        finding="RES008 layer.ffn",
        message="both operands of a sum are the same tensor",
        traced="a tensor is added to itself: the output of mlp",
        layers=(1,),
        model=transformer("""
        def forward(self, x):
            x = x + self.attn(self.norm1(x))
            h = self.mlp(self.norm2(x))
            if self.index == 1:  #-
                return h + h  # wrong #-
            return x + h
"""),
        panels=PANEL_OF_LAYER.replace("- {around: ffn}", "- {around: ffn} # wrong"),
    ),
)
OVERWRITTEN = (
    Case(
        "a leading in-place ReLU in a Sequential",
        finding="RES011 net.branch",
        message="the source of a residual is overwritten in place before it is added",
        traced="relu in branch.0 (activation.py) modifies it; the sum reads the modified values",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Linear(8, 8)
            self.branch = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(8, 8))  #-
            self.branch = nn.Sequential(nn.ReLU(), nn.Linear(8, 8))  #+

        def forward(self, x):
            x = self.stem(x)
            return x + self.branch(x)  # wrong
""",
        panels="""
    net:
      boxes:
        stem: {label: Linear, module: stem}
        branch: {label: ReLU + Linear, module: branch}
      residuals:
        - {around: branch} # wrong
""",
    ),
    Case(
        "a shared in-place ReLU, drawn box by box",
        finding="RES011 block.relu1..conv2",
        message="the source of a residual is overwritten in place before it is added",
        traced="relu in relu (activation.py) modifies it; the sum reads the modified values",
        layers=(0, 1, 2),
        model="""
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu = nn.ReLU(inplace=True)  #-
            self.relu = nn.ReLU()  #+
            self.conv1, self.conv2 = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x):
            identity = x
            out = self.conv1(self.relu(x))
            out = self.conv2(self.relu(out))
            return identity + out  # wrong


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.blocks = nn.Linear(8, 8), nn.Sequential(Block(), Block(), Block())

        def forward(self, x):
            return self.blocks(self.stem(x))
""",
        panels="""
    block:
      scope: blocks.*
      boxes:
        relu1: {label: ReLU, module: relu}
        conv1: {label: Linear, module: conv1}
        relu2: {label: ReLU, module: relu}
        conv2: {label: Linear, module: conv2}
      residuals:
        - {around: [relu1, conv2]} # wrong
""",
    ),
    Case(
        "a functional in-place activation",
        finding="RES011 net.f2",
        message="the source of a residual is overwritten in place before it is added",
        traced="silu in the model (model.py) modifies it; the sum reads the modified values",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.f1, self.f2 = nn.Linear(8, 8), Mlp(), Mlp()

        def forward(self, x):
            x = self.stem(x)
            residual = x
            x = F.silu(x, inplace=True)  #-
            x = F.silu(x)  #+
            return self.f2(self.f1(x)) + residual  # wrong
""",
        panels="""
    net:
      boxes:
        stem: {label: Linear, module: stem}
        f1: {label: F1, module: f1}
        f2: {label: F2, module: f2}
      residuals:
        - {around: [f1, f2], name: f2} # wrong
""",
    ),
)


@parameters(*DOUBLED)
def test_added_twice(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@parameters(*ITSELF)
def test_added_to_itself(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@parameters(*OVERWRITTEN)
def test_overwritten_in_place(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
