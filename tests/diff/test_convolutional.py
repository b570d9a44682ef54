"""Convolutional architectures: as drawn they conform, and one slip in the code gives one finding."""

from __future__ import annotations

from pathlib import Path

from tests.diff.cases import SPEC, Case, check, parameters

IMAGE = SPEC.replace("[2, 4, 8]", "[1, 3, 8, 8]")
CONVOLUTIONAL = (
    Case(
        "ResNet, one of whose stages has lost the residual of its second block",
        finding="RES001 block.conv1..bn2",
        message="there is no residual connection around 3×3 … BN",
        traced="the source is not added to the output of bn2",
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
        message="the residual from Encoder 1 to Up 1 has the wrong source: it is taken after Encoder 2",
        traced="taken after e2 (model.py), not from the output of Encoder 1",
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
        traced="the source is not added to the output of l2",
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
        message="the residual around H2 is drawn as concat, but the code computes a plain sum",
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
            return self.last(torch.cat([y, self.l2(y)], 1))  #+
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
        message="Scale is drawn on the branch of the residual around 7×7 … Scale, but is on its skip path",
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


@parameters(*CONVOLUTIONAL)
def test_convolutional(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
