"""Architectures that people draw: each conforms as drawn, and differs by one finding where code and figure part."""

from __future__ import annotations

from pathlib import Path

from tests.diff.cases import SPEC, Case, check, parameters

IMAGE = SPEC.replace("[2, 4, 8]", "[1, 3, 16, 16]")

RESNET = """
    class BasicBlock(nn.Module):
        def __init__(self, into, out, stride):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(into, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
            self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = None
            if stride > 1:
                self.downsample = nn.Sequential(nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out))

        def forward(self, x):
            identity = x if self.downsample is None else self.downsample(x)
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn2(self.conv2(out))
            @SUM@
            return self.relu(out)


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3, padding=1)
            self.layer1 = nn.Sequential(BasicBlock(8, 8, 1), BasicBlock(8, 8, 1))
            self.layer2 = nn.Sequential(BasicBlock(8, 16, 2), BasicBlock(16, 16, 1))

        def forward(self, x):
            return self.layer2(self.layer1(self.conv(x)))
"""
BASIC = """
      boxes:
        conv1: {label: 3×3, module: conv1}
        bn1: {label: BN, module: bn1}
        relu1: {label: ReLU, module: relu}
        conv2: {label: 3×3, module: conv2}
        bn2: {label: BN, module: bn2}
        relu2: {label: ReLU, module: relu}
"""
DESIGNS = (
    Case(
        "ResNet, whose downsampling block has lost its shortcut",
        finding="RES009 down.conv1..bn2",
        message="m",
        traced="t",
        model=RESNET.replace("@SUM@", "out += identity  # wrong").replace(
            "if self.downsample is None else", "if self.downsample is None else  x[:, :1] * 0 + #-"
        ),
        panels="",
        head=IMAGE,
    ),
)


@parameters(*DESIGNS)
def test_design(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
