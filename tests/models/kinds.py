"""Projection, gated, concat and multi-stream residuals."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.models.case import Case, residual
from tests.models.parts import VOCABULARY, Attention, D, Mlp, image, token_ids


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


class DenseLayer(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(channels, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(self.relu(self.norm(x)))], 1)  # sink


class DenseNet(nn.Module):
    """Each layer concatenates what it adds."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.layers = nn.Sequential(DenseLayer(4), DenseLayer(6))
        self.transition = nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.transition(self.layers(self.stem(x)))


class FeatureList(nn.Module):
    """Dense connectivity with a growing list: every earlier layer feeds each later one."""

    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Sequential(nn.Linear(D, 4), nn.Tanh())
        self.g = nn.Sequential(nn.Linear(D + 4, 4), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        features.append(self.f(torch.cat(features, -1)))
        features.append(self.g(torch.cat(features, -1)))  # sink f
        return torch.cat(features, -1)  # sink g


class UNet(nn.Module):
    """Two levels; each decoder takes the encoder's features of its own resolution. One pool serves both."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
        self.pool = nn.MaxPool2d(2)
        self.down2 = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU())
        self.middle = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
        self.up2 = nn.ConvTranspose2d(8, 8, 2, 2)
        self.decode2 = nn.Sequential(nn.Conv2d(16, 8, 3, padding=1), nn.ReLU())
        self.up1 = nn.ConvTranspose2d(8, 4, 2, 2)
        self.decode1 = nn.Sequential(nn.Conv2d(8, 4, 3, padding=1), nn.ReLU())
        self.head = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        e1 = self.down1(x)
        e2 = self.down2(self.pool(e1))
        h = self.middle(self.pool(e2))
        h = self.decode2(torch.cat([self.up2(h), e2], 1))  # sink inner
        h = self.decode1(torch.cat([self.up1(h), e1], 1))  # sink outer
        return self.head(h)


class AddingUNet(nn.Module):
    """A long skip that adds instead of concatenating."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
        self.pool = nn.MaxPool2d(2)
        self.middle = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
        self.up = nn.ConvTranspose2d(4, 4, 2, 2)
        self.head = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        e = self.down(x)
        return self.head(self.up(self.middle(self.pool(e))) + e)  # sink


class ConcatJoin(nn.Module):
    """The skip path is concatenated last, after the branch."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.f = nn.Linear(D, 4)
        self.reduce = nn.Linear(D + 4, D)

    def forward(self, x: Tensor) -> Tensor:
        return self.reduce(torch.cat((self.f(self.norm(x)), x), dim=-1))  # sink


class StaticHyperConnections(nn.Module):
    """N = 3 residual streams with learned mixing: (B, T, D) in, streams (B, T, N, D) between the layers."""

    def __init__(self, streams: int = 3) -> None:
        super().__init__()
        self.streams = streams
        self.embed = nn.Linear(D, D)
        self.layers = nn.ModuleList(
            [_StaticHyperBlock(Attention(), streams), _StaticHyperBlock(Mlp(), streams)]
        )

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x).unsqueeze(2).repeat(1, 1, self.streams, 1)
        for layer in self.layers:
            h = layer(h)
        return h.sum(2)


class _StaticHyperBlock(nn.Module):
    def __init__(self, f: nn.Module, streams: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.f = f
        self.pre = nn.Parameter(torch.ones(streams))
        self.post = nn.Parameter(torch.ones(streams))
        self.mix = nn.Parameter(torch.eye(streams))

    def forward(self, h: Tensor) -> Tensor:
        collapsed = (self.pre[:, None] * h).sum(2)
        out = self.f(self.norm(collapsed))
        return self.mix @ h + self.post[:, None] * out.unsqueeze(2)  # sink


class HyperConnection(nn.Module):
    """Input-dependent weights of one site: (B, T, N, D) -> post (B, T, N), mix (B, T, N, N), (B, T, D)."""

    def __init__(self, streams: int) -> None:
        super().__init__()
        self.streams = streams
        self.weights = nn.Linear(streams * D, streams * (streams + 2))

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        n = self.streams
        pre, post, mix = self.weights(h.flatten(2)).split([n, n, n * n], dim=-1)
        mix = torch.softmax(mix.unflatten(-1, (n, n)), dim=-1)
        collapsed = (torch.sigmoid(pre).unsqueeze(-1) * h).sum(2)
        return torch.sigmoid(post), mix, collapsed


class DynamicHyperBlock(nn.Module):
    """Manifold hyper-connections as newer language models write them, one site."""

    def __init__(self, streams: int = 3) -> None:
        super().__init__()
        self.connection = HyperConnection(streams)
        self.norm = nn.LayerNorm(D)
        self.attn = Attention()

    def forward(self, h: Tensor) -> Tensor:
        post, mix, collapsed = self.connection(h)
        out = self.attn(self.norm(collapsed))
        return post.unsqueeze(-1) * out.unsqueeze(-2) + mix.transpose(-1, -2) @ h  # sink


class DynamicHyperConnections(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, D)
        self.layers = nn.ModuleList([DynamicHyperBlock() for _ in range(2)])

    def forward(self, ids: Tensor) -> Tensor:
        h = self.embed(ids).unsqueeze(2).expand(-1, -1, 3, -1).contiguous()
        for layer in self.layers:
            h = layer(h)
        return h.mean(2)


_CONVS = "conv1 bn1 relu conv2 bn2"
_INNER = "pool middle up2"
_OUTER = "pool down2 middle up2 decode2 up1"

CASES = (
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
    Case("LinearHighway", LinearHighway, (residual(LinearHighway, "input", None, kind="gated"),)),
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
    Case(
        "DenseNet",
        DenseNet,
        tuple(
            residual(DenseLayer, "input", "norm relu conv", kind="concat", scope=f"layers.{k}")
            for k in range(2)
        ),
        inputs=lambda: image(3),
    ),
    Case(
        "FeatureList",
        FeatureList,
        (
            residual(FeatureList, "input", "f", "f", kind="concat"),
            residual(FeatureList, None, "g", "g", kind="concat"),
        ),
    ),
    Case(
        "UNet",
        UNet,
        (
            residual(UNet, "down2", _INNER, "inner", kind="concat"),
            residual(UNet, "down1", _OUTER, "outer", kind="concat"),
        ),
        inputs=lambda: image(3),
    ),
    Case(
        "AddingUNet", AddingUNet, (residual(AddingUNet, "down", "pool middle up"),), inputs=lambda: image(3)
    ),
    Case("ConcatJoin", ConcatJoin, (residual(ConcatJoin, "input", "norm f", kind="concat"),)),
    Case(
        "StaticHyperConnections",
        StaticHyperConnections,
        tuple(
            residual(_StaticHyperBlock, "input", "norm f", kind="multi-stream", scope=f"layers.{k}")
            for k in range(2)
        ),
    ),
    Case(
        "DynamicHyperConnections",
        DynamicHyperConnections,
        tuple(
            residual(
                DynamicHyperBlock,
                "input",
                "connection norm attn",
                kind="multi-stream",
                scope=f"layers.{k}",
            )
            for k in range(2)
        ),
        inputs=token_ids,
    ),
)
