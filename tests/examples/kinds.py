"""Projection and gated residuals."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.examples.case import Case, residual
from tests.examples.parts import D, Mlp, image


class BasicBlock(nn.Module):
    """ResNet's block: one ReLU called twice, an in-place one, the second after the sum."""

    def __init__(self, channels: int = 4, out: int = 4, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity  # sink
        return self.relu(out)


class ResNet(nn.Module):
    """A stem, an identity block and a downsampling block, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.layer1 = nn.Sequential(BasicBlock(), BasicBlock())
        self.layer2 = nn.Sequential(BasicBlock(4, 8, 2))
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer2(self.layer1(F.relu(self.stem(x))))
        return self.fc(x.mean((2, 3)))


class PaddedShortcut(nn.Module):
    """ResNet's option A: every second place of the source, with channels of zeros beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(4, 8, 3, 2, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        return F.relu(shortcut + self.conv2(F.relu(self.conv1(x))))  # sink


class PooledProjection(nn.Module):
    """ResNet-D: the skip path pools, then projects."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(4, 8, 3, 2, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.pool = nn.AvgPool2d(2)
        self.project = nn.Conv2d(4, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.project(self.pool(x))
        return shortcut + self.conv2(F.relu(self.conv1(x)))  # sink


class PooledLinear(nn.Module):
    """A functional pooling over positions and a linear map on the skip path."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()
        self.project = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.project(F.avg_pool1d(x.transpose(1, 2), 2).transpose(1, 2))
        return shortcut + self.f(x)[:, ::2]  # sink


class LinearShortcut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()
        self.shortcut = nn.Linear(D, D, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.f(x)  # sink


class Interpolated(nn.Module):
    """The skip path is resized to the branch's resolution."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(4, 4, 2, 2)
        self.act = nn.SiLU()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        skip = F.interpolate(x, scale_factor=2.0, mode="nearest")
        return skip + self.conv(self.act(self.up(x)))  # sink


class FeaturePyramid(nn.Module):
    """Each level adds the resized deeper level to a projection of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
        self.stage2 = nn.Sequential(nn.Conv2d(4, 6, 3, 2, padding=1), nn.ReLU())
        self.lateral1 = nn.Conv2d(4, 5, 1)
        self.lateral2 = nn.Conv2d(6, 5, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        c1 = self.stage1(x)
        c2 = self.stage2(c1)
        p2 = self.lateral2(c2)
        p1 = self.lateral1(c1) + F.interpolate(p2, scale_factor=2.0)  # sink
        return p1, p2


class Highway(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.transform = nn.Linear(D, D)
        self.gate = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.transform(x))
        t = torch.sigmoid(self.gate(x))
        return t * h + (1 - t) * x  # sink


class LinearHighway(nn.Module):
    """The transform is a bare linear map: still a mix, no projection."""

    def __init__(self) -> None:
        super().__init__()
        self.transform = nn.Linear(D, D)
        self.gate = nn.Linear(D, 1)

    def forward(self, x: Tensor) -> Tensor:
        t = torch.sigmoid(self.gate(x))
        return t * self.transform(x) + (1 - t) * x  # sink


class GatedRecurrence(nn.Module):
    """A mix with the output of a recurrent module."""

    def __init__(self) -> None:
        super().__init__()
        self.f = nn.GRU(D, D, batch_first=True)
        self.gate = nn.Linear(D, 1)

    def forward(self, x: Tensor) -> Tensor:
        t = torch.sigmoid(self.gate(x))
        return t * self.f(x)[0] + (1 - t) * x  # sink


class Lerp(nn.Module):
    """The same mix as one function."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()
        self.gate = nn.Linear(D, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.f(x)
        return torch.lerp(x, h, torch.sigmoid(self.gate(x)))  # sink


class GatedFromBoth(nn.Module):
    """The gate looks at stream and branch side by side, which joins them a first time."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()
        self.gate = nn.Linear(2 * D, D)

    def forward(self, x: Tensor) -> Tensor:
        h = self.f(x)
        z = torch.sigmoid(self.gate(torch.cat([x, h], dim=-1)))  # sink both
        return (1 - z) * x + z * h  # sink mix


class GatedBranch(nn.Module):
    """A gate on the branch alone is a part of F: the skip path stays an identity."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()
        self.gate = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.sigmoid(self.gate(x)) * self.f(x)  # sink


class SqueezeExcite(nn.Module):
    """The branch ends in a multiplication with its own pooled gate."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.squeeze = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv(x)
        h = h * torch.sigmoid(self.squeeze(h.mean((2, 3))))[:, :, None, None]
        return x + h  # sink


_CONVS = "conv1 bn1 relu conv2 bn2"

CASES = (
    Case(
        "PaddedShortcut",
        PaddedShortcut,
        (residual(PaddedShortcut, "input", "conv1 conv2", kind="partial"),),
        inputs=image,
    ),
    Case("BasicBlock", BasicBlock, (residual(BasicBlock, "input", _CONVS, skip=""),), inputs=image),
    Case(
        "Downsample",
        lambda: BasicBlock(4, 8, 2),
        (residual(BasicBlock, "input", _CONVS, kind="projection", skip="downsample"),),
        inputs=image,
    ),
    Case(
        "ResNet",
        ResNet,
        (
            residual(BasicBlock, "input", _CONVS, scope="layer1.0"),
            residual(BasicBlock, "input", _CONVS, scope="layer1.1"),
            residual(BasicBlock, "input", _CONVS, scope="layer2.0", kind="projection", skip="downsample"),
        ),
        inputs=lambda: image(3),
    ),
    Case(
        "PooledProjection",
        PooledProjection,
        (residual(PooledProjection, "input", "conv1 conv2", kind="projection", skip="pool project"),),
        inputs=image,
    ),
    Case(
        "PooledLinear",
        PooledLinear,
        (residual(PooledLinear, "input", "f", kind="projection", skip="project"),),
    ),
    Case(
        "LinearShortcut",
        LinearShortcut,
        (residual(LinearShortcut, "input", "f", kind="projection", skip="shortcut"),),
    ),
    Case(
        "Interpolated",
        Interpolated,
        (residual(Interpolated, "input", "up act conv", kind="projection", skip=""),),
        inputs=image,
    ),
    Case(
        "FeaturePyramid",
        FeaturePyramid,
        (residual(FeaturePyramid, "stage1", "stage2 lateral2", kind="projection", skip="lateral1"),),
        inputs=lambda: image(3),
    ),
    Case("Highway", Highway, (residual(Highway, "input", "transform gate", kind="gated"),)),
    Case("LinearHighway", LinearHighway, (residual(LinearHighway, "input", "gate transform", kind="gated"),)),
    Case("GatedRecurrence", GatedRecurrence, (residual(GatedRecurrence, "input", "gate f", kind="gated"),)),
    Case("Lerp", Lerp, (residual(Lerp, "input", "f gate", kind="gated"),)),
    Case(
        "GatedFromBoth",
        GatedFromBoth,
        (
            residual(GatedFromBoth, "input", "f", "both", kind="concat"),
            residual(GatedFromBoth, "input", "f gate", "mix", kind="gated"),
        ),
    ),
    Case("GatedBranch", GatedBranch, (residual(GatedBranch, "input", "gate f"),)),
    Case("SqueezeExcite", SqueezeExcite, (residual(SqueezeExcite, "input", "conv squeeze"),), inputs=image),
)
