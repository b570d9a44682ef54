"""Small honest models of the gallery's architectures, in plain PyTorch: each computes what its diagram shows.

Shapes: b images or sequences, n positions, d channels. Widths are tiny, since width changes no architecture.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTH = 16
WORDS = 32


class Attention(nn.Module):
    """Single-head attention of `x` (b, n, d) on `memory` (b, m, d), on itself if there is none."""

    def __init__(self, width: int = WIDTH, causal: bool = False) -> None:
        super().__init__()
        self.q = nn.Linear(width, width)
        self.k = nn.Linear(width, width)
        self.v = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.causal = causal

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        memory = x if memory is None else memory
        q, k, v = self.q(x), self.k(memory), self.v(memory)
        out: Tensor = self.out(nn.functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal))
        return out


class MLP(nn.Module):
    """Two linear maps with a GELU between, on each position by itself."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.up = nn.Linear(width, 2 * width)
        self.act = nn.GELU()
        self.down = nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down(self.act(self.up(x)))
        return out


class PostNormLayer(nn.Module):
    """Attention and feed-forward network, each followed by add and norm."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.ffn = MLP()
        self.norm2 = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.attention(x))
        out: Tensor = self.norm2(x + self.ffn(x))
        return out


class PostNormEncoder(nn.Module):
    """tokens (b, n) -> vectors (b, n, d)."""

    def __init__(self, depth: int = 2) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, WIDTH)
        self.layers = nn.ModuleList(PostNormLayer() for _ in range(depth))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        for layer in self.layers:
            x = layer(x)
        out: Tensor = x
        return out


class ParallelBlock(nn.Module):
    """Attention and MLP read the same normed input; both are added to the block's input."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.attention = Attention(causal=True)
        self.mlp = MLP()

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        out: Tensor = x + self.attention(normed) + self.mlp(normed)
        return out


class ParallelModel(nn.Module):
    """tokens (b, n) -> logits (b, n, words)."""

    def __init__(self, depth: int = 2) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, WIDTH)
        self.blocks = nn.ModuleList(ParallelBlock() for _ in range(depth))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, WORDS)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(self.norm(x))
        return out


class SandwichBlock(nn.Module):
    """A norm before and after each branch."""

    def __init__(self) -> None:
        super().__init__()
        self.before_attention = nn.RMSNorm(WIDTH)
        self.attention = Attention(causal=True)
        self.after_attention = nn.RMSNorm(WIDTH)
        self.before_mlp = nn.RMSNorm(WIDTH)
        self.mlp = MLP()
        self.after_mlp = nn.RMSNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.after_attention(self.attention(self.before_attention(x)))
        out: Tensor = x + self.after_mlp(self.mlp(self.before_mlp(x)))
        return out


class SandwichModel(nn.Module):
    """tokens (b, n) -> vectors (b, n, d)."""

    def __init__(self, depth: int = 2) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, WIDTH)
        self.blocks = nn.ModuleList(SandwichBlock() for _ in range(depth))
        self.norm = nn.RMSNorm(WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.norm(x)
        return out


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolution around a shortcut, projected where width or stride change."""

    def __init__(self, inputs: int, width: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.relu2 = nn.ReLU()
        self.relu = nn.ReLU()
        self.shortcut: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.relu2(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        out: Tensor = self.relu(y + (x if self.shortcut is None else self.shortcut(x)))
        return out


class ResNet50(nn.Module):
    """image (b, 3, h, w) -> logits (b, classes), an eighth as wide as the original."""

    def __init__(self, width: int = 8, classes: int = 10) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.stage1 = _stage(width, width, 3, 1)
        self.stage2 = _stage(4 * width, 2 * width, 4, 2)
        self.stage3 = _stage(8 * width, 4 * width, 6, 2)
        self.stage4 = _stage(16 * width, 8 * width, 3, 2)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(32 * width, classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.pool(self.relu(self.bn(self.conv(image))))
        x = self.stage4(self.stage3(self.stage2(self.stage1(x))))
        out: Tensor = self.head(self.average(x).flatten(1))
        return out


def _stage(inputs: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    first = Bottleneck(inputs, width, 4 * width, stride)
    return nn.Sequential(first, *(Bottleneck(4 * width, width, 4 * width, 1) for _ in range(blocks - 1)))


class DenseLayer(nn.Module):
    """Norm, ReLU and 3×3 convolution: (b, c, h, w) -> (b, growth, h, w)."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(inputs, growth, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(self.relu(self.norm(x)))
        return out


class DenseBlock(nn.Module):
    """Puts each layer's output beside its input: `layers` × `growth` channels more."""

    def __init__(self, inputs: int, growth: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DenseLayer(inputs + growth * index, growth) for index in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x


class DenseNet(nn.Module):
    """image (b, 3, h, w) -> logits (b, classes)."""

    def __init__(self, growth: int = 4, classes: int = 10) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, WIDTH, 3, padding=1)
        self.block = DenseBlock(WIDTH, growth, 4)
        self.norm = nn.BatchNorm2d(WIDTH + 4 * growth)
        self.head = nn.Linear(WIDTH + 4 * growth, classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.norm(self.block(self.conv(image)))
        out: Tensor = self.head(x.mean(dim=(2, 3)))
        return out


class ConvBlock(nn.Sequential):
    """Two 3×3 convolutions, each with a ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1),
            nn.ReLU(),
        )


class UNet(nn.Module):
    """image (b, 3, h, w) -> mask (b, 1, h, w); h and w are multiples of 8."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.encode1 = ConvBlock(3, width)
        self.pool1 = nn.MaxPool2d(2)
        self.encode2 = ConvBlock(width, 2 * width)
        self.pool2 = nn.MaxPool2d(2)
        self.encode3 = ConvBlock(2 * width, 4 * width)
        self.pool3 = nn.MaxPool2d(2)
        self.bottom = ConvBlock(4 * width, 8 * width)
        self.up3 = nn.ConvTranspose2d(8 * width, 4 * width, 2, 2)
        self.decode3 = ConvBlock(8 * width, 4 * width)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, 2)
        self.decode2 = ConvBlock(4 * width, 2 * width)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 2, 2)
        self.decode1 = ConvBlock(2 * width, width)
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        level1 = self.encode1(image)
        level2 = self.encode2(self.pool1(level1))
        level3 = self.encode3(self.pool2(level2))
        x = self.bottom(self.pool3(level3))
        x = self.decode3(torch.cat([level3, self.up3(x)], dim=1))
        x = self.decode2(torch.cat([level2, self.up2(x)], dim=1))
        x = self.decode1(torch.cat([level1, self.up1(x)], dim=1))
        out: Tensor = self.head(x)
        return out


class Read(nn.Module):
    """Mixes n streams (b, n, s, d) into the input (b, n, d) of a branch."""

    def __init__(self, streams: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((streams,), 1 / streams))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("s,bnsd->bnd", self.weight, x)


class Write(nn.Module):
    """Spreads the output of a branch (b, n, d) over the streams (b, n, s, d)."""

    def __init__(self, streams: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(streams))

    def forward(self, y: Tensor) -> Tensor:
        return torch.einsum("s,bnd->bnsd", self.weight, y)


class HyperLayer(nn.Module):
    """Attention and MLP on a residual stream of several streams, mixed by `mix1` and `mix2`."""

    def __init__(self, streams: int) -> None:
        super().__init__()
        self.mix1 = nn.Parameter(torch.eye(streams))
        self.read1 = Read(streams)
        self.attention = Attention(causal=True)
        self.write1 = Write(streams)
        self.mix2 = nn.Parameter(torch.eye(streams))
        self.read2 = Read(streams)
        self.mlp = MLP()
        self.write2 = Write(streams)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.einsum("st,bntd->bnsd", self.mix1, x) + self.write1(self.attention(self.read1(x)))
        out: Tensor = torch.einsum("st,bntd->bnsd", self.mix2, x) + self.write2(self.mlp(self.read2(x)))
        return out


class HyperModel(nn.Module):
    """tokens (b, n) -> vectors (b, n, d), over `streams` residual streams."""

    def __init__(self, depth: int = 2, streams: int = 4) -> None:
        super().__init__()
        self.streams = streams
        self.embed = nn.Embedding(WORDS, WIDTH)
        self.layers = nn.ModuleList(HyperLayer(streams) for _ in range(depth))
        self.norm = nn.RMSNorm(WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens).unsqueeze(2).expand(-1, -1, self.streams, -1)
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.norm(x.sum(dim=2))
        return out


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward network with a norm before each."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.ffn = MLP()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        out: Tensor = x + self.ffn(self.norm2(x))
        return out


class DecoderLayer(nn.Module):
    """Masked self-attention, attention on the encoder's vectors, feed-forward network."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = Attention(causal=True)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.cross = Attention()
        self.norm3 = nn.LayerNorm(WIDTH)
        self.ffn = MLP()

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        x = x + self.cross(self.norm2(x), memory)
        out: Tensor = x + self.ffn(self.norm3(x))
        return out


class EncoderDecoder(nn.Module):
    """source (b, n) and target (b, m) tokens -> logits (b, m, words)."""

    def __init__(self, depth: int = 2) -> None:
        super().__init__()
        self.source_embed = nn.Embedding(WORDS, WIDTH)
        self.encoder = nn.ModuleList(EncoderLayer() for _ in range(depth))
        self.target_embed = nn.Embedding(WORDS, WIDTH)
        self.decoder = nn.ModuleList(DecoderLayer() for _ in range(depth))
        self.head = nn.Linear(WIDTH, WORDS)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory = self.source_embed(source)
        for layer in self.encoder:
            memory = layer(memory)
        x = self.target_embed(target)
        for layer in self.decoder:
            x = layer(x, memory)
        out: Tensor = self.head(x)
        return out
