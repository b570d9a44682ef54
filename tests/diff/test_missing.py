"""RES001, RES002 and RES003: drawn and not there, there and not drawn, there and drawn dashed."""

from __future__ import annotations

from pathlib import Path

from tests.diff.cases import PANEL_OF_LAYER, PRE_NORM_LAYERS, Case, check, parameters, transformer

MISSING = (
    Case(
        "in layer 1 of 3",
        finding="RES001 layer.ffn",
        message="there is no residual connection around FFN",
        traced="the source is not added to the output of mlp",
        layers=(1,),
        model=transformer("""
        def forward(self, x):
            x = x + self.attn(self.norm1(x))
            if self.index == 1:  #-
                return self.mlp(self.norm2(x))  # wrong #-
            return x + self.mlp(self.norm2(x))
"""),
        panels=PANEL_OF_LAYER.replace("- {around: ffn}", "- {around: ffn} # wrong"),
    ),
    Case(
        "in every layer",
        finding="RES001 layer.attn",
        message="there is no residual connection around Attention",
        traced="the source is not added to the output of attn",
        layers=(0, 1, 2),
        model=transformer("""
        def forward(self, x):
            x = self.attn(self.norm1(x))  # wrong #-
            x = x + self.attn(self.norm1(x))  #+
            return x + self.mlp(self.norm2(x))
"""),
        panels=PANEL_OF_LAYER.replace("- {around: attn}", "- {around: attn} # wrong"),
    ),
    Case(
        "around a branch that begins elsewhere",
        finding="RES001 layer.mlp",
        message="there is no residual connection around MLP",
        traced="mlp does not read the output of Norm",
        layers=(0, 1, 2),
        model=transformer("""
        def forward(self, x):
            y = self.attn(x)
            x = self.norm1(x + y)
            return self.norm2(x + self.mlp(y))  # wrong #-
            return self.norm2(x + self.mlp(x))  #+
"""),
        panels="""
    layer:
      scope: layers.*
      boxes:
        attn: {label: Attention, module: attn}
        norm: {label: Norm, module: norm1}
        mlp: {label: MLP, module: mlp}
        norm2: {label: Norm, module: norm2}
      residuals:
        - {around: attn}
        - {around: mlp} # wrong
""",
    ),
    Case(
        "at the levels where a shape test fails",
        finding="RES001 level.conv",
        message="there is no residual connection around Linear",
        traced="the source is not added to the output of conv",
        layers=(1, 3),
        model="""
    class Level(nn.Module):
        def __init__(self, into, out):
            super().__init__()
            self.conv = nn.Sequential(nn.Linear(into, out), nn.GELU())

        def forward(self, x):
            y = self.conv(x)  # wrong
            if x.shape != y.shape:
                return y
            return x + y


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            widths = [(8, 8), (8, 16), (16, 16), (16, 8)]  #-
            widths = [(8, 8)] * 4  #+
            self.levels = nn.ModuleDict({f"level{i}": Level(*w) for i, w in enumerate(widths)})

        def forward(self, x):
            for level in self.levels.values():
                x = level(x)
            return x
""",
        panels="""
    level:
      scope: levels.level*
      boxes:
        conv: {label: Linear, module: conv}
      residuals:
        - {around: conv} # wrong
""",
    ),
    Case(
        "around the only branch",
        finding="RES001 net.mlp",
        message="there is no residual connection around MLP",
        traced="the source is not added to the output of mlp",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.mlp, self.head = Mlp(), nn.Linear(8, 8)

        def forward(self, x):
            return self.head(self.mlp(x))  # wrong #-
            return self.head(x + self.mlp(x))  #+
""",
        panels="""
    net:
      boxes:
        mlp: {label: MLP, module: mlp}
        head: {label: Linear, module: head}
      residuals:
        - {around: mlp} # wrong
""",
    ),
)
UNDRAWN = (
    Case(
        "the second residual of a layer",
        finding="RES002 layer",
        message="the code has a residual connection around norm2, mlp that is not drawn",
        traced="Layer k adds the sum after attn to the output of mlp (identity)",
        layers=(0, 1, 2),
        model=PRE_NORM_LAYERS,
        panels=PANEL_OF_LAYER.replace("layer:", "layer: # wrong").replace(
            "{around: ffn}", "{around: ffn} #+"
        ),
    ),
    Case(
        "around the whole stack",
        finding="RES002 net",
        message="the code has a residual connection around layers that is not drawn",
        traced="net adds its input to the output of layers (identity)",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(Mlp(), Mlp())
            self.head = nn.Linear(8, 8)

        def forward(self, x):
            return self.head(x + self.layers(x))  # wrong #-
            return self.head(self.layers(x))  #+
""",
        panels="""
    net: # wrong
      boxes:
        layers: {label: Layers, module: layers.*, repeat: 2}
        head: {label: Linear, module: head}
""",
    ),
    Case(
        "a concatenation that is drawn as a box, without the line of its skip path",
        finding="RES002 net",
        message="the code has a residual connection around mid that is not drawn",
        traced="net adds the output of down to the output of mid (concat)",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.Linear(8, 8)
            self.mid = nn.Linear(8, 8)
            self.up = nn.Linear(16, 8)

        def forward(self, x):
            skip = self.down(x)
            return self.up(torch.cat((self.mid(skip), skip), -1))  # wrong
""",
        panels="""
    net: # wrong
      boxes:
        down: {label: Linear, module: down}
        mid: {label: Linear, module: mid}
        cat: {label: Concat}
        up: {label: Linear, module: up}
      flow: [down, mid, cat, up]
      edges: [[down, cat]] #+
""",
    ),
    Case(
        "the MLP of a parallel block",
        finding="RES002 net",
        message="the code has a residual connection around norm, mlp that is not drawn",
        traced="net adds its input to the output of mlp (identity)",
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.attn, self.mlp = nn.LayerNorm(8), Attn(), Mlp()

        def forward(self, x):
            h = self.norm(x)
            return x + self.attn(h) + self.mlp(h)  # wrong
""",
        panels="""
    net: # wrong
      boxes:
        norm: {label: Norm, module: norm}
        attn: {label: Attention, module: attn}
        mlp: {label: MLP, module: mlp}
      flow: [norm, [attn, mlp]]
      residuals:
        - {around: [norm, attn]}
        - {around: [norm, mlp]} #+
""",
    ),
)
DASHED = (
    Case(
        "dashed in the layer that adds",
        finding="RES003 layer.ffn",
        message="the residual around FFN is drawn dashed, but Layer k implements it itself",
        traced="layers.* (Layer) computes the sum; draw it solid",
        layers=(0, 1, 2),
        model=PRE_NORM_LAYERS,
        panels=PANEL_OF_LAYER.replace("- {around: ffn}", "- {around: ffn, line: dashed} # wrong #-")
        + """
        - {around: ffn, line: solid} #+
""",
    ),
    Case(
        "realized by the residual around another branch",
        finding="RES006 inner.norm..out",
        message="layer.ffn does not realize the residual around Norm … Linear: its branch is different",
        traced="layer.ffn goes around norm2, mlp",
        layers=(0, 1, 2),
        model=PRE_NORM_LAYERS,
        panels=PANEL_OF_LAYER.replace("module: [norm1, attn]", "module: [norm1, attn], detail: inner")
        + """
    inner:
      boxes:
        norm: {label: Norm, module: norm1}
        qkv: {label: Linear, module: [attn.q, attn.k, attn.v]}
        out: {label: Linear, module: attn.o}
      residuals:
        - {around: [norm, out], line: dashed, realized_by: layer.ffn} # wrong #-
        - {around: [norm, out], line: dashed, realized_by: layer.attn} #+
""",
    ),
)


@parameters(*MISSING)
def test_missing(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@parameters(*UNDRAWN)
def test_undrawn(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@parameters(*DASHED)
def test_dashed(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
