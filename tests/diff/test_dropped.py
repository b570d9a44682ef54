"""RES012: what is computed and dropped, or never called, told where the diagram shows it."""

from __future__ import annotations

from pathlib import Path

from tests.diff.cases import PANEL_OF_LAYER, PRE_NORM_LAYERS, Case, check, parameters, stack, transformer

STACK = stack("Layer()")
DROPPED = (
    Case(
        "a branch computed and dropped",
        finding="RES012 layer.ffn",
        message="norm2, mlp are computed but their result is never used",
        traced="the model's output does not depend on it",
        layers=(0, 1, 2),
        model=transformer("""
        def forward(self, x):
            x = x + self.attn(self.norm1(x))
            h = self.mlp(self.norm2(x))  # wrong
            return x  #-
            return x + h  #+
"""),
        panels=PANEL_OF_LAYER.replace("- {around: ffn}", "- {around: ffn} # wrong"),
    ),
    Case(
        "a norm that is never called",
        finding="RES012 layer.ffn",
        message="FFN is drawn, but norm2 (LayerNorm) never runs",
        traced="no code that ran in layers.* (Layer) calls it",
        layers=(0, 1, 2),
        model=transformer("""
        def forward(self, x):  # wrong
            x = x + self.attn(self.norm1(x))
            return x + self.mlp(x)  #-
            return x + self.mlp(self.norm2(x))  #+
"""),
        panels=PANEL_OF_LAYER.replace("module: [norm2, mlp]}", "module: [norm2, mlp]} # wrong"),
    ),
    Case(
        "a residual's whole branch never called",
        finding="RES012 layer.mlp",
        message="MLP is drawn, but mlp (Mlp) never runs",
        traced="no code that ran in layers.* (Layer) calls it",
        layers=(0, 1, 2),
        model="""
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.attn, self.mlp = Attn(), Mlp()

        def forward(self, x):  # wrong
            x = x + self.attn(x)
            return x  #-
            return x + self.mlp(x)  #+

"""
        + STACK,
        panels="""
    layer:
      scope: layers.*
      boxes:
        attn: {label: Attention, module: attn}
        mlp: {label: MLP, module: mlp} # wrong
      residuals:
        - {around: attn}
        - {around: mlp}
""",
    ),
    Case(
        "a drawn dropout that forward forgets",
        finding="RES012 net.drop",
        message="Dropout is drawn, but drop (Dropout) never runs",
        traced="no code that ran in the model (Net) calls it",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.mlp, self.drop = Mlp(), nn.Dropout(0.1)

        def forward(self, x):  # wrong
            return x + self.mlp(x)  #-
            return x + self.drop(self.mlp(x))  #+
""",
        panels="""
    net:
      boxes:
        mlp: {label: MLP, module: mlp}
        drop: {label: Dropout, module: drop} # wrong
      residuals:
        - {around: [mlp, drop]}
""",
    ),
    Case(
        "a layer that the loop leaves out",
        finding="RES012 layer",
        message="Layer k is drawn, but layers.* (Layer) never runs",
        traced="no code that ran in the model (Net) calls it",
        layers=(2,),
        model=PRE_NORM_LAYERS.replace("  # wrong", "").replace(
            """(self, x):
            for layer in self.layers:""",
            """(self, x):  # wrong
            for layer in self.layers[:-1]:  #-
            for layer in self.layers:  #+""",
        ),
        panels="""
    net:
      boxes:
        layers: {label: Layer, module: layers.*, detail: layer}
"""
        + PANEL_OF_LAYER.replace("scope: layers.*", "scope: layers.* # wrong"),
    ),
    Case(
        "inside a module that no panel opens",
        finding="RES012 layer.moe",
        message="moe.shared is computed but its result is never used",
        traced="the model's output does not depend on it",
        layers=(0, 1, 2),
        model="""
    class Moe(nn.Module):
        def __init__(self):
            super().__init__()
            self.routed, self.shared = Mlp(), Mlp()

        def forward(self, x):
            y = self.shared(x)  # wrong
            return self.routed(x)  #-
            return self.routed(x) + y  #+


    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.moe = Moe()

        def forward(self, x):
            return x + self.moe(x)

"""
        + STACK,
        panels="""
    layer:
      scope: layers.*
      boxes:
        moe: {label: MoE, module: moe} # wrong
      residuals:
        - {around: moe}
""",
    ),
)


@parameters(*DROPPED)
def test_dropped_or_never_called(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
