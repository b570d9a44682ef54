"""Further small models in the styles of the field; (b, n, d) tokens or (b, c, h, w) pictures."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.styles.models import D, HandAttention


class SqueezeExcite(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce, self.expand = nn.Conv2d(width, 4, 1), nn.Conv2d(4, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.expand(F.silu(self.reduce(self.pool(x)))))


class MBConv(nn.Module):
    """EfficientNet's block."""

    def __init__(self) -> None:
        super().__init__()
        self.expand, self.bn1 = nn.Conv2d(8, 16, 1), nn.BatchNorm2d(16)
        self.depthwise, self.bn2 = nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.BatchNorm2d(16)
        self.se = SqueezeExcite(16)
        self.project, self.bn3 = nn.Conv2d(16, 8, 1), nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> Tensor:
        y = F.silu(self.bn1(self.expand(x)))
        y = self.se(F.silu(self.bn2(self.depthwise(y))))
        return x + self.bn3(self.project(y))


class EfficientNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.blocks = nn.Conv2d(3, 8, 3, 2, 1), nn.ModuleList(MBConv() for _ in range(2))
        self.head = nn.Linear(8, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(image)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(x.mean((2, 3)))
        return out


class DiTBlock(nn.Module):
    """A diffusion transformer's block: shift, scale and gate come from the condition."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(D, elementwise_affine=False)
        self.norm2 = nn.LayerNorm(D, elementwise_affine=False)
        self.attention = HandAttention()
        self.mlp = nn.Sequential(nn.Linear(D, 32), nn.GELU(), nn.Linear(32, D))
        self.condition = nn.Linear(D, 2 * D)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        one, two = self.condition(F.silu(c)).chunk(2, -1)
        x = x + one * self.attention(self.norm1(x))
        return x + two * self.mlp(self.norm2(x))


class DiT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch, self.blocks = nn.Linear(12, D), nn.ModuleList(DiTBlock() for _ in range(2))
        self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, 12)

    def forward(self, patches: Tensor, c: Tensor) -> Tensor:
        x = self.patch(patches)
        for block in self.blocks:
            x = block(x, c)
        out: Tensor = self.head(self.norm(x))
        return out


class Generator(nn.Module):
    """A GAN's generator."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(4, 8 * 16)
        self.up1, self.bn1 = nn.ConvTranspose2d(8, 8, 4, 2, 1), nn.BatchNorm2d(8)
        self.up2 = nn.ConvTranspose2d(8, 3, 4, 2, 1)

    def forward(self, noise: Tensor) -> Tensor:
        x = self.project(noise).view(-1, 8, 4, 4)
        x = F.leaky_relu(self.bn1(self.up1(x)), 0.2)
        return torch.tanh(self.up2(x))


class SharedExperts(nn.Module):
    """A mixture of experts with a shared one."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(D, 3)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(D, 8), nn.SiLU(), nn.Linear(8, D)) for _ in range(3)
        )
        self.shared = nn.Sequential(nn.Linear(D, 8), nn.SiLU(), nn.Linear(8, D))

    def forward(self, x: Tensor) -> Tensor:
        weights = self.router(x).softmax(-1)
        routed = torch.stack([expert(x) for expert in self.experts], -1)
        return (routed * weights.unsqueeze(-2)).sum(-1) + self.shared(x)


class SharedMoE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm, self.moe = nn.Embedding(32, D), nn.LayerNorm(D), SharedExperts()
        self.head = nn.Linear(D, 32)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        x = x + self.moe(self.norm(x))
        out: Tensor = self.head(x)
        return out


class Graph(nn.Module):
    """Two graph convolutions with a skip, over a dense adjacency matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.lin1, self.lin2, self.head = nn.Linear(D, D), nn.Linear(D, D), nn.Linear(D, 4)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        x = F.relu(adjacency @ self.lin1(x))
        x = x + F.relu(adjacency @ self.lin2(x))
        return F.log_softmax(self.head(x), -1)


class Seq2Seq(nn.Module):
    """An encoder and a decoder of GRUs, with attention over what the encoder made."""

    def __init__(self) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(32, D), nn.Embedding(32, D)
        self.encoder, self.decoder = nn.GRU(D, D, batch_first=True), nn.GRU(D, D, batch_first=True)
        self.head = nn.Linear(2 * D, 32)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory, state = self.encoder(self.source(source))
        x, _ = self.decoder(self.target(target), state)
        context = (x @ memory.transpose(1, 2)).softmax(-1) @ memory
        out: Tensor = self.head(torch.cat((x, context), -1))
        return out


class ResNeXtBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(16, 8, 1), nn.BatchNorm2d(8)
        self.conv2, self.bn2 = nn.Conv2d(8, 8, 3, padding=1, groups=4), nn.BatchNorm2d(8)
        self.conv3, self.bn3 = nn.Conv2d(8, 16, 1), nn.BatchNorm2d(16)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(x + self.bn3(self.conv3(y)))


class ResNeXt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.blocks = nn.Conv2d(3, 16, 7, 2, 3), nn.ModuleList(ResNeXtBlock() for _ in range(2))
        self.pool, self.head = nn.MaxPool2d(3, 2, 1), nn.Linear(16, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = self.pool(F.relu(self.stem(image)))
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(x.mean((2, 3)))
        return out
