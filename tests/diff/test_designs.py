"""Architectures that people draw: as drawn they conform, and one slip in the code gives one finding."""

from __future__ import annotations

from pathlib import Path

from tests.diff.cases import SPEC, Case, check, parameters, run

IMAGE = SPEC.replace("[2, 4, 8]", "[1, 3, 8, 8]")
TWO_STREAMS = SPEC.replace("panels:", "    memory: {shape: [2, 4, 8]}\npanels:")

STACK = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(Layer() for _ in range(3))

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x
"""

CONVOLUTIONAL = (
    Case(
        "ResNet, one of whose stages has lost the residual of its second block",
        finding="RES001 block.conv1..bn2",
        message="there is no residual connection around 3×3 … BN",
        traced="the source is not added to what bn2 returns",
        layers=(2,),
        head=IMAGE,
        model="""
    class BasicBlock(nn.Module):
        def __init__(self, into, out, stride):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(into, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
            self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = None
            if stride > 1:
                self.downsample = nn.Sequential(nn.Conv2d(into, out, 1, stride), nn.BatchNorm2d(out))

        def forward(self, x):
            identity = x if self.downsample is None else self.downsample(x)
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn2(self.conv2(out))  # wrong
            if out.shape[1] == 8 or self.downsample:  #-
                out += identity  #-
            out += identity  #+
            return self.relu(out)


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3, padding=1)
            self.layer1 = nn.Sequential(BasicBlock(8, 8, 1), BasicBlock(8, 8, 1))
            self.layer2 = nn.Sequential(BasicBlock(8, 16, 2), BasicBlock(16, 16, 1))

        def forward(self, x):
            return self.layer2(self.layer1(self.conv(x)))
""",
        panels="""
    block:
      scope: layer*.1
      boxes:
        conv1: {label: 3×3, module: conv1}
        bn1: {label: BN, module: bn1}
        relu1: {label: ReLU, module: relu}
        conv2: {label: 3×3, module: conv2}
        bn2: {label: BN, module: bn2}
        relu2: {label: ReLU, module: relu}
      residuals:
        - {around: [conv1, bn2], kind: identity} # wrong
    down:
      scope: layer2.0
      boxes:
        conv1: {label: 3×3, module: conv1}
        bn1: {label: BN, module: bn1}
        relu1: {label: ReLU, module: relu}
        conv2: {label: 3×3, module: conv2}
        bn2: {label: BN, module: bn2}
        shortcut: {label: 1×1, module: downsample}
        relu2: {label: ReLU, module: relu}
      flow: [conv1, bn1, relu1, conv2, bn2, relu2]
      residuals:
        - {around: [conv1, bn2], kind: projection, through: [shortcut]}
""",
    ),
    Case(
        "U-Net, one of whose skips starts a level too deep",
        finding="RES004 net.e1->up1",
        message="the residual from Encoder 1 to Up 1 is taken from the wrong tensor: after Encoder 2",
        traced="taken after e2 (model.py), not from what leaves Encoder 1",
        head=IMAGE,
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.e1, self.e2, self.bottom = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
            self.up2, self.d2 = nn.Conv2d(4, 4, 1), nn.Conv2d(8, 4, 1)
            self.up1, self.d1 = nn.Conv2d(4, 4, 1), nn.Conv2d(8, 4, 1)

        def forward(self, x):
            e1 = torch.relu(self.e1(x))
            e2 = torch.relu(self.e2(e1))
            y = self.bottom(e2)
            y = self.d2(torch.cat([self.up2(y), e2], 1))
            y = torch.cat([self.up1(y), e2], 1)  # wrong #-
            y = torch.cat([self.up1(y), e1], 1)  #+
            return self.d1(y)
""",
        panels="""
    net:
      boxes:
        e1: {label: Encoder 1, module: e1}
        e2: {label: Encoder 2, module: e2}
        bottom: {label: Bottom, module: bottom}
        up2: {label: Up 2, module: up2}
        d2: {label: Decoder 2, module: d2}
        up1: {label: Up 1, module: up1}
        d1: {label: Decoder 1, module: d1}
      residuals:
        - {from: e2, to: up2, kind: concat}
        - {from: e1, to: up1, kind: concat} # wrong
""",
    ),
    Case(
        "DenseNet, one of whose layers passes on its own output alone",
        finding="RES001 net.l2",
        message="there is no residual connection around H2",
        traced="the source is not added to what l2 returns",
        head=IMAGE,
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.l1, self.l2 = nn.Conv2d(3, 4, 1), nn.Conv2d(7, 4, 1)
            self.l3 = nn.Conv2d(4, 4, 1)  #-
            self.l3 = nn.Conv2d(11, 4, 1)  #+

        def forward(self, x):
            x = torch.cat([x, self.l1(x)], 1)
            x = self.l2(x)  # wrong #-
            x = torch.cat([x, self.l2(x)], 1)  #+
            return torch.cat([x, self.l3(x)], 1)
""",
        panels="""
    net:
      boxes:
        l1: {label: H1, module: l1}
        l2: {label: H2, module: l2}
        l3: {label: H3, module: l3}
      residuals:
        - {around: l1, kind: concat}
        - {around: l2, kind: concat} # wrong
        - {around: l3, kind: concat}
""",
    ),
    Case(
        "DenseNet that keeps a list of features",
        finding="RES009 net.l2",
        message="the residual around H2 is drawn as concat, and the code has the plain sum",
        traced="the source itself is added to the branch",
        head=IMAGE,
        model="""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.l1, self.l2, self.last = nn.Conv2d(3, 4, 1), nn.Conv2d(7, 7, 1), nn.LazyConv2d(4, 1)

        def forward(self, x):
            features = [x]
            features.append(self.l1(torch.cat(features, 1)))
            y = torch.cat(features, 1)
            return self.last(y + self.l2(y))  # wrong #-
            features.append(self.l2(y))  #+
            return self.last(torch.cat(features, 1))  #+
""",
        panels="""
    net:
      boxes:
        l1: {label: H1, module: l1}
        l2: {label: H2, module: l2}
        last: {label: 1×1, module: last}
      residuals:
        - {around: l1, kind: concat}
        - {around: l2, kind: concat} # wrong
""",
    ),
    Case(
        "ConvNeXt, whose layer scale is on the sum",
        finding="RES009 block.conv..scale",
        message="Scale is drawn on the branch of the residual around 7×7 … Scale, and is on its skip path",
        traced="scale runs on the skip path (model.py) (scaled)",
        layers=(0, 1),
        head=IMAGE,
        model="""
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.gamma = nn.Parameter(torch.full((3, 1, 1), 1e-6))

        def forward(self, x):
            return self.gamma * x


    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.scale = nn.Conv2d(3, 3, 3, 1, 1), Scale()
            self.up, self.down = nn.Conv2d(3, 6, 1), nn.Conv2d(6, 3, 1)

        def forward(self, x):
            y = self.down(F.gelu(self.up(self.conv(x))))
            return self.scale(x) + y  # wrong #-
            return x + self.scale(y)  #+


    class Net(nn.Sequential):
        def __init__(self):
            super().__init__(Block(), Block())

        def forward(self, x):
            return super().forward(x)
""",
        panels="""
    block:
      scope: "*"
      boxes:
        conv: {label: 7×7, module: conv}
        up: {label: 1×1, module: up}
        gelu: {label: GELU, role: activation}
        down: {label: 1×1, module: down}
        scale: {label: Scale, module: scale}
      residuals:
        - {around: [conv, scale], kind: scaled, factor_on: branch} # wrong
""",
    ),
)

TRANSFORMERS = (
    Case(
        "parallel attention and MLP drawn as two edges, coded in a row",
        finding="RES004 net.mlp",
        message="the residual around MLP is taken from the wrong tensor: after Attention",
        traced="taken after the sum that follows attn (model.py), not from the input of net",
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
        traced="the source is not added to what ⊕ gives",
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
        message="Norm is drawn before the sum of the residual around Norm … Norm, and runs after it",
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
            "the residual from Attention to Cross-attention is taken from the wrong tensor: from what "
            "encoder returns"
        ),
        traced="taken from what encoder returns, not from what leaves Attention",
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
        traced="the source is not added to what mlp returns",
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
        message="there is no residual connection around Norm … MLP in 1 of its 3 rounds",
        traced="the source is not added to what mlp returns",
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
        norm: {label: Norm, module: norm}
        mlp: {label: MLP, module: mlp}
      residuals:
        - {around: [norm, mlp]} # wrong
""",
    ),
    Case(
        "hyper-connections, whose streams are no longer kept",
        finding="RES001 layer.norm..mlp",
        message="there is no residual connection around Norm … MLP",
        traced="the source is not added to what mlp returns",
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
        panels="""
    layer:
      scope: layers.*
      boxes:
        norm: {label: Norm, module: norm}
        mlp: {label: MLP, module: mlp}
      residuals:
        - {around: [norm, mlp], kind: multi-stream} # wrong
""",
    ),
)

STYLES = (
    Case(
        "a wrapper that adds what it wraps",
        finding="RES001 net.f2",
        message="there is no residual connection around F2",
        traced="the source is not added to what 1.0 returns",
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
        message="the residual around Norm … ⊕ is taken from the wrong tensor: after Norm",
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
        traced="the source is not added to what 1 returns",
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
        message="the residual around A … B is joined at the wrong place: after C",
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
        message="Norm is drawn before the sum of the residual around Norm … Out, and runs after it",
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
        message="the residual around Norm … MLP is taken from the wrong tensor: after Norm",
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

OWN = Case(
    "torch's own encoder layer, pre-norm drawn and post-norm built",
    finding="",
    message="",
    traced="",
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


@parameters(*CONVOLUTIONAL)
def test_convolutional(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@parameters(*TRANSFORMERS)
def test_transformer(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@parameters(*STYLES)
def test_style(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def test_torchs_own_encoder_layer(tmp_path: Path) -> None:
    """Both of its norms are on the other side than drawn; the lines of code are torch's."""
    report = run(OWN, tmp_path / "wrong", wrong=True)
    assert [(found.code, found.edge, found.layers, found.message) for found in report.findings] == [
        (
            "RES010", "norm1..attn", (0, 1),
            "Norm 1 is drawn before the sum of the residual around Norm 1 … Attention, and runs after it",
        ),
        (
            "RES010", "norm2..mlp", (0, 1),
            "Norm 2 is drawn before the sum of the residual around Norm 2 … MLP, and runs after it",
        ),
    ]  # fmt: skip
    assert run(OWN, tmp_path / "mended", wrong=False).status == "conforms"
