"""Concatenations and long skips (DenseNet, U-Net); residual streams that are mixed (hyper-connections)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.examples.case import Case, residual
from tests.examples.parts import VOCABULARY, Attention, D, Mlp, image, token_ids


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


_INNER = "pool middle up2"


_OUTER = "pool down2 middle up2 decode2 up1"

CASES = (
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
            residual(FeatureList, "input", "f g", "g", kind="concat"),
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
