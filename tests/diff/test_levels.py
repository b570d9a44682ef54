"""RES006: drawn in one module, implemented in its parent, its child or the next block."""

from __future__ import annotations

from pathlib import Path

from tests.diff.cases import (
    PANEL_OF_LAYER,
    PANEL_OF_LAYER_WITH_NORMS,
    PRE_NORM_LAYERS,
    Case,
    check,
    parameters,
    run,
    stack,
)

STACK = stack()
INNER = """
    ffn:
      title: (b) FFN
      boxes:
        norm: {label: Norm, module: norm2}
        up: {label: Linear, module: mlp.up}
        act: {label: GELU, module: mlp.act}
        down: {label: Linear, module: mlp.down}
      residuals:
"""
LEVELS = (
    Case(
        "drawn in the branch, implemented in the layer",
        finding="RES006 ffn.norm..down",
        message="the residual around Norm … Linear is implemented in layers.* (Layer), not in (b) FFN",
        traced=("layers.* (Layer) computes the sum; draw it dashed with realized_by: layer.ffn"),
        layers=(0, 1, 2),
        model=PRE_NORM_LAYERS,
        panels=PANEL_OF_LAYER.replace("mlp]", "mlp], detail: ffn")
        + INNER
        + """
        - {around: [norm, down]} # wrong #-
        - {around: [norm, down], line: dashed, realized_by: layer.ffn} #+
""",
    ),
    Case(
        "drawn in the branch alone",
        finding="RES006 ffn.norm..down",
        message="the residual around Norm … Linear is implemented in layers.* (Layer), not in (b) FFN",
        traced="layers.* (Layer) computes the sum; draw it dashed",
        layers=(0, 1, 2),
        model=PRE_NORM_LAYERS,
        panels=PANEL_OF_LAYER.replace("mlp]", "mlp], detail: ffn").replace(
            "{around: ffn}", "{around: ffn} #+"
        )
        + INNER
        + """
        - {around: [norm, down]} # wrong #-
        - {around: [norm, down], line: dashed, realized_by: layer.ffn} #+
""",
    ),
    Case(
        "drawn in the layer, implemented in the branch",
        finding="RES006 layer.mlp",
        message="the residual around MLP is implemented in mlp (Block), not in Layer k",
        traced=("mlp (Block) computes the sum; draw it dashed with realized_by: mlp.norm..down"),
        layers=(0, 1, 2),
        model="""
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.up, self.down = nn.LayerNorm(8), nn.Linear(8, 16), nn.Linear(16, 8)

        def forward(self, x):
            return x + self.down(torch.relu(self.up(self.norm(x))))  # wrong


    class Layer(nn.Module):
        def __init__(self, index):
            super().__init__()
            self.mlp = Block()
            self.last = nn.Linear(8, 8)

        def forward(self, x):
            return self.last(self.mlp(x))


"""
        + STACK,
        panels="""
    layer:
      title: Layer k
      scope: layers.*
      boxes:
        mlp: {label: MLP, module: mlp, detail: mlp}
        last: {label: Linear, module: last}
      residuals: #-
        - {around: mlp} # wrong #-
    mlp:
      boxes:
        norm: {label: Norm, module: mlp.norm}
        up: {label: Linear, module: mlp.up}
        down: {label: Linear, module: mlp.down}
      residuals:
        - {around: [norm, down]}
""",
    ),
    Case(
        "BERT, drawn around the module that holds its sum and norm",
        finding="RES006 layer.attention",
        message=("the residual around Attention is implemented in attention.output (Output), not in Layer k"),
        traced="attention.output (Output) computes the sum; draw it dashed",
        layers=(0, 1, 2),
        model="""
    class Output(nn.Module):
        def __init__(self):
            super().__init__()
            self.dense, self.drop, self.norm = nn.Linear(8, 8), nn.Dropout(0.1), nn.LayerNorm(8)

        def forward(self, h, x):
            return self.norm(self.drop(self.dense(h)) + x)  # wrong


    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.self, self.output = Attn(), Output()

        def forward(self, x):
            return self.output(self.self(x), x)


    class Layer(nn.Module):
        def __init__(self, index):
            super().__init__()
            self.attention = Attention()

        def forward(self, x):
            return self.attention(x)

"""
        + STACK,
        panels="""
    layer:
      title: Layer k
      scope: layers.*
      boxes:
        attention: {label: Attention, module: attention} #-
        attention: {label: Attention, module: attention.self} #+
        dense: {label: Linear, module: [attention.output.dense, attention.output.drop]} #+
        norm: {label: Norm, module: attention.output.norm} #+
      residuals:
        - {around: attention} # wrong #-
        - {around: [attention, dense]} #+
""",
    ),
    Case(
        "BLOOM, whose attention adds the residual that it is handed",
        finding="RES006 layer.norm..attn",
        message=("the residual around Norm … Mixer is implemented in attn (Attention), not in Layer k"),
        traced=("attn (Attention) computes the sum; draw it dashed with realized_by: attn.input->dense"),
        layers=(0, 1, 2),
        model="""
    def dropout_add(x, residual, training):
        return residual + F.dropout(x, 0.1, training)  # wrong


    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.dense = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, h, residual):
            return dropout_add(self.dense(torch.relu(self.qkv(h))), residual, self.training)


    class Layer(nn.Module):
        def __init__(self, index):
            super().__init__()
            self.norm, self.attn = nn.LayerNorm(8), Attention()

        def forward(self, x):
            return self.attn(self.norm(x), x)

"""
        + STACK,
        panels="""
    layer:
      title: Layer k
      scope: layers.*
      boxes:
        norm: {label: Norm, module: norm}
        attn: {label: Mixer, module: attn, detail: attn}
      residuals:
        - {around: [norm, attn]} # wrong #-
        - {around: [norm, attn], line: dashed} #+
    attn:
      boxes:
        qkv: {label: Linear, module: attn.qkv}
        dense: {label: Linear, module: attn.dense}
      residuals:
        - {from: input, to: dense}
""",
    ),
    Case(
        "a sum in the fused norm that follows",
        finding="RES006 layer.norm1..attn",
        message=("the residual around Norm … Attention is implemented in norm2 (AddNorm), not in Layer k"),
        traced="norm2 (AddNorm) computes the sum; draw it dashed",
        layers=(0, 1, 2),
        model="""
    class AddNorm(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(8))

        def forward(self, x, residual):
            x = x + residual  # wrong
            return F.rms_norm(x, (8,), self.weight), x


    class Layer(nn.Module):
        def __init__(self, index):
            super().__init__()
            self.norm1, self.norm2, self.attn, self.mlp = nn.LayerNorm(8), AddNorm(), Attn(), Mlp()

        def forward(self, x):
            h, x = self.norm2(self.attn(self.norm1(x)), x)
            return x + self.mlp(h)

"""
        + STACK,
        panels=PANEL_OF_LAYER_WITH_NORMS.replace(
            "- {around: [norm1, attn]}",
            "- {around: [norm1, attn]} # wrong #-\n        - {around: [norm1, attn], line: dashed} #+",
        ),
    ),
)
DEFERRED = Case(
    "an add deferred to the next block",
    model="""
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.mlp = nn.LayerNorm(8), Mlp()

        def forward(self, x, residual):
            if residual is not None:
                x = x + residual  # the previous layer's
            return self.mlp(self.norm(x)), x


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(Layer() for _ in range(4))

        def forward(self, x):
            residual = None
            for layer in self.layers:
                x, residual = layer(x, residual)
            return x + residual  # the last layer's
""",
    panels="""
    layer:
      title: Layer k
      scope: layers.*
      boxes:
        norm: {label: Norm, module: norm}
        mlp: {label: MLP, module: mlp}
      residuals:
        - {around: [norm, mlp], line: solid} #-
        - {around: [norm, mlp], line: dashed} #+
""",
)


@parameters(*LEVELS)
def test_level(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def test_an_add_deferred_to_the_next_block(tmp_path: Path) -> None:
    """It is at another level in every layer, and for the last one at yet another."""
    report = run(DEFERRED, tmp_path / "wrong", wrong=True)
    assert [(found.code, found.edge, found.layers, found.message) for found in report.findings] == [
        (
            "RES006",
            "norm..mlp",
            (0, 1, 2),
            "the residual around Norm … MLP is implemented in the next layer (Layer), not in Layer k",
        ),
        (
            "RES006",
            "norm..mlp",
            (3,),
            "the residual around Norm … MLP is implemented in the model (Net), not in Layer k",
        ),
    ]
    assert run(DEFERRED, tmp_path / "mended", wrong=False).findings == ()
