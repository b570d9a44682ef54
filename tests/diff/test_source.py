"""RES004: a residual that is taken from another tensor than drawn."""

from __future__ import annotations

from pathlib import Path

from tests.diff.cases import (
    BLOCK,
    PANEL_OF_LAYER,
    PANEL_OF_LAYER_WITH_NORMS,
    Case,
    check,
    parameters,
    transformer,
)

TAKEN_AFTER_THE_NORM = transformer("""
        def forward(self, x):
            x = self.norm1(x)  #-
            x = x + self.attn(x)  # wrong #-
            x = x + self.attn(self.norm1(x))  #+
            return x + self.mlp(self.norm2(x))
""")
SOURCES = (
    Case(
        "taken after the norm",
        finding="RES004 layer.attn",
        message="the residual around Attention has the wrong source: it is taken after norm1",
        traced="taken after norm1 (model.py), not from the input of Layer k",
        layers=(0, 1, 2),
        model=TAKEN_AFTER_THE_NORM,
        panels=PANEL_OF_LAYER.replace("- {around: attn}", "- {around: attn} # wrong"),
    ),
    Case(
        "taken after the norm, drawn as a box of its own",
        finding="RES004 layer.norm1..attn",
        message="the residual around Norm … Attention has the wrong source: it is taken after Norm",
        traced="taken after norm1 (model.py), not from the input of Layer k",
        layers=(0, 1, 2),
        model=TAKEN_AFTER_THE_NORM,
        panels=PANEL_OF_LAYER_WITH_NORMS.replace("attn]}", "attn]} # wrong"),
    ),
    Case(
        "a stale block input used again",
        finding="RES004 layer.ffn",
        message="the residual around FFN has the wrong source: it is taken before Attention",
        traced="taken before norm1, from the input of Layer k, not from the output of Attention",
        layers=(0, 1, 2),
        model=transformer("""
        def forward(self, x):
            h = x + self.attn(self.norm1(x))
            return x + self.mlp(self.norm2(h))  # wrong #-
            return h + self.mlp(self.norm2(h))  #+
"""),
        panels=PANEL_OF_LAYER.replace("- {around: ffn}", "- {around: ffn} # wrong"),
    ),
    Case(
        "the embedding added again in every layer",
        finding="RES004 layer.mlp",
        message="the residual around MLP has the wrong source: it is taken from the output of embed",
        traced="taken from the output of embed, not from the input of Layer k",
        layers=(1, 2),
        model="""
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.mlp = Mlp()

        def forward(self, x, first):
            return first + self.mlp(x)  # wrong #-
            return x + self.mlp(x)  #+


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Linear(8, 8)
            self.layers = nn.ModuleList(Layer() for _ in range(3))

        def forward(self, x):
            first = x = self.embed(x)
            for layer in self.layers:
                x = layer(x, first)
            return x
""",
        panels="""
    layer:
      title: Layer k
      scope: layers.*
      boxes:
        mlp: {label: MLP, module: mlp}
      residuals:
        - {around: mlp} # wrong
""",
    ),
    Case(
        "taken after a functional activation",
        finding="RES004 net.relu..mlp",
        message="the residual around ReLU … MLP has the wrong source: it is taken after ReLU",
        traced="taken after relu (model.py), not from the input of Block",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.mlp = Mlp()

        def forward(self, x):
            h = F.relu(x)
            return h + self.mlp(h)  # wrong #-
            return x + self.mlp(h)  #+
""",
        panels="""
    net:
      title: Block
      scope: ""
      boxes:
        relu: {label: ReLU, role: activation}
        mlp: {label: MLP, module: mlp}
      residuals:
        - {around: [relu, mlp]} # wrong
""",
    ),
    Case(
        "drawn from the norm, taken before it",
        finding="RES004 net.norm->mlp",
        message="the residual from Norm to MLP has the wrong source: it is taken before Norm",
        traced="taken before norm, from the input of Block, not from the output of Norm",
        model=BLOCK
        + """
        def forward(self, x):
            h = self.norm(x)
            return x + self.mlp(h)  # wrong #-
            return h + self.mlp(h)  #+
""",
        panels="""
    net:
      title: Block
      scope: ""
      boxes:
        norm: {label: Norm, module: norm}
        mlp: {label: MLP, module: mlp}
      residuals:
        - {from: norm, to: mlp} # wrong
""",
    ),
)


@parameters(*SOURCES)
def test_source(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
