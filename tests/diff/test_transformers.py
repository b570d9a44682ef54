"""Transformers of all kinds: as drawn they conform, and one slip in the code gives one finding."""

from __future__ import annotations

from pathlib import Path

from tests.diff.cases import PANEL_OF_ONE_RESIDUAL, SPEC, Case, check, parameters, run, stack

TWO_STREAMS = SPEC.replace("panels:", "    memory: {shape: [2, 4, 8]}\npanels:")
STACK = stack("Layer()")
TRANSFORMERS = (
    Case(
        "parallel attention and MLP drawn as two edges, coded in a row",
        finding="RES004 net.mlp",
        message="the residual around MLP has the wrong source: it is taken after Attention",
        traced="taken from the sum after attn (model.py), not from the input of net",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.attn, self.mlp = nn.LayerNorm(8), Attn(), Mlp()

        def forward(self, x):
            h = self.norm(x)
            x = x + self.attn(h)  #-
            return x + self.mlp(x)  # wrong #-
            return x + self.attn(h) + self.mlp(x)  #+
""",
        panels="""
    net:
      boxes:
        norm: {label: Norm, module: norm}
        attn: {label: Attention, module: attn}
        mlp: {label: MLP, module: mlp}
      flow: [[[norm, attn], mlp]]
      residuals:
        - {around: [norm, attn]}
        - {around: mlp} # wrong
""",
    ),
    Case(
        "parallel attention and MLP drawn as one edge",
        finding="RES001 net.norm..sum",
        message="there is no residual connection around Norm … ⊕",
        traced="the source is not added to the output of ⊕",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.attn, self.mlp = nn.LayerNorm(8), Attn(), Mlp()

        def forward(self, x):
            h = self.norm(x)
            return self.attn(h) + self.mlp(h)  # wrong #-
            return x + (self.attn(h) + self.mlp(h))  #+
""",
        panels="""
    net:
      boxes:
        norm: {label: Norm, module: norm}
        attn: {label: Attention, module: attn}
        mlp: {label: MLP, module: mlp}
        sum: {label: ⊕, role: operator}
      flow: [norm, [attn, mlp], sum]
      residuals:
        - {around: [norm, sum]} # wrong
""",
    ),
    Case(
        "sandwich norms, one of which is after the sum",
        finding="RES010 layer.norm1..norm2",
        message="Norm is drawn before the sum of the residual around Norm … Norm, but runs after it",
        traced="norm2 runs after the sum (model.py)",
        layers=(0, 1, 2),
        model="""
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.attn, self.norm2 = nn.LayerNorm(8), Attn(), nn.LayerNorm(8)

        def forward(self, x):
            return self.norm2(x + self.attn(self.norm1(x)))  # wrong #-
            return x + self.norm2(self.attn(self.norm1(x)))  #+

"""
        + STACK,
        panels="""
    layer:
      scope: layers.*
      boxes:
        norm1: {label: Norm, module: norm1}
        attn: {label: Attention, module: attn}
        norm2: {label: Norm, module: norm2}
      residuals:
        - {around: [norm1, norm2]} # wrong
""",
    ),
    Case(
        "a decoder whose cross-attention is added to the memory",
        finding="RES004 net.cross",
        message=(
            "the residual from Attention to Cross-attention has the wrong source: it is taken from the "
            "output of encoder"
        ),
        traced="taken from the output of encoder, not from the output of Attention",
        head=TWO_STREAMS,
        model="""
    class Cross(Attn):
        def forward(self, x, memory):
            return self.o(torch.softmax(self.q(x) @ self.k(memory).mT, -1) @ self.v(memory))


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.attn, self.cross, self.mlp = Mlp(), Attn(), Cross(), Mlp()

        def forward(self, x, memory):
            memory = self.encoder(memory)
            x = x + self.attn(x)
            x = memory + self.cross(x, memory)  # wrong #-
            x = x + self.cross(x, memory)  #+
            return x + self.mlp(x)
""",
        panels="""
    net:
      boxes:
        encoder: {label: Encoder, module: encoder}
        attn: {label: Attention, module: attn}
        cross: {label: Cross-attention, module: cross}
        mlp: {label: MLP, module: mlp}
      flow: [attn, cross, mlp]
      edges:
        - [encoder, cross]
      residuals:
        - {around: attn}
        - {from: attn, to: cross, name: cross} # wrong
        - {around: mlp}
""",
    ),
    Case(
        "ALBERT, whose one layer runs three times, once without its residual",
        finding="RES001 layer.mlp",
        message="there is no residual connection around MLP",
        traced="the source is not added to the output of mlp",
        model="""
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.attn, self.mlp = Attn(), Mlp()

        def forward(self, x, last):
            x = x + self.attn(x)
            h = self.mlp(x)  # wrong
            return h if last else x + h  #-
            return x + h  #+


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = Layer()

        def forward(self, x):
            for index in range(3):
                x = self.layer(x, index == 2)
            return x
""",
        panels="""
    layer:
      scope: layer
      boxes:
        attn: {label: Attention, module: attn}
        mlp: {label: MLP, module: mlp}
      residuals:
        - {around: attn}
        - {around: mlp} # wrong
""",
    ),
    Case(
        "one layer in a loop, once without its residual",
        finding="RES001 net.norm..mlp",
        message="there is no residual connection around Norm … MLP in 1 of its 3 iterations",
        traced="the source is not added to the output of mlp",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.mlp = nn.LayerNorm(8), Mlp()

        def forward(self, x):
            for index in range(3):
                h = self.mlp(self.norm(x))  # wrong
                x = h if index == 1 else x + h  #-
                x = x + h  #+
            return x
""",
        panels="""
    net:
      boxes:
        norm: {label: Norm, module: norm, repeat: 3}
        mlp: {label: MLP, module: mlp, repeat: 3}
      residuals:
        - {around: [norm, mlp]} # wrong
""",
    ),
    Case(
        "hyper-connections, whose streams are no longer kept",
        finding="RES001 layer.norm..mlp",
        message="there is no residual connection around Norm … MLP",
        traced="the source is not added to the output of mlp",
        layers=(0, 1, 2),
        model="""
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.mlp = nn.LayerNorm(8), Mlp()
            self.pre, self.post = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
            self.mix = nn.Parameter(torch.eye(3))

        def forward(self, h):
            y = self.mlp(self.norm((self.pre[:, None] * h).sum(2)))  # wrong
            return self.post[:, None] * y.unsqueeze(2)  #-
            return self.mix @ h + self.post[:, None] * y.unsqueeze(2)  #+


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(Layer() for _ in range(3))

        def forward(self, x):
            h = x.unsqueeze(2).repeat(1, 1, 3, 1)
            for layer in self.layers:
                h = layer(h)
            return h.sum(2)
""",
        panels=PANEL_OF_ONE_RESIDUAL.replace("mlp]}", "mlp], kind: multi-stream} # wrong"),
    ),
)
OWN = Case(
    "torch's own encoder layer, pre-norm drawn and post-norm built",
    model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            first = False  #-
            first = True  #+
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=first)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

        def forward(self, x):
            return self.encoder(x)
""",
    panels="""
    layer:
      scope: encoder.layers.*
      boxes:
        norm1: {label: Norm 1, module: norm1}
        attn: {label: Attention, module: [self_attn, dropout1]}
        norm2: {label: Norm 2, module: norm2}
        mlp: {label: MLP, module: [linear1, linear2, dropout2]}
      residuals:
        - {around: [norm1, attn]}
        - {around: [norm2, mlp]}
""",
)


@parameters(*TRANSFORMERS)
def test_transformer(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def test_torchs_own_encoder_layer(tmp_path: Path) -> None:
    """Both of its norms are on the other side than drawn; the lines of code are torch's."""
    report = run(OWN, tmp_path / "wrong", wrong=True)
    assert [(found.code, found.edge, found.layers, found.message) for found in report.findings] == [
        (
            "RES010",
            "norm1..attn",
            (0, 1),
            "Norm 1 is drawn before the sum of the residual around Norm 1 … Attention, but runs after it",
        ),
        (
            "RES010",
            "norm2..mlp",
            (0, 1),
            "Norm 2 is drawn before the sum of the residual around Norm 2 … MLP, but runs after it",
        ),
    ]
    assert run(OWN, tmp_path / "mended", wrong=False).status == "conforms"
