"""Small models to be drafted."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """Self-attention with two heads, written out."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part(x).unflatten(-1, (2, -1)).transpose(1, 2) for part in (self.q, self.k, self.v))
        weights = torch.softmax(q @ k.transpose(-2, -1) / 2, dim=-1)
        return self.out((weights @ v).transpose(1, 2).flatten(-2))  # type: ignore[no-any-return]


class Block(nn.Module):
    """A pre-norm block."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width)
        self.mlp = nn.Sequential(nn.Linear(width, 16), nn.GELU(), nn.Linear(16, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class TinyTransformer(nn.Module):
    """Two blocks between a table and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 11)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))  # type: ignore[no-any-return]


class AddAndNorm(nn.Module):
    """Sums around a sublayer that it is handed, as the Annotated Transformer does."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        return self.norm(x + sublayer(x))  # type: ignore[no-any-return]


class HandedBlock(nn.Module):
    """A block whose sums and norms are in modules that are handed its sublayers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = Attention(width)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.sums = nn.ModuleList([AddAndNorm(width), AddAndNorm(width)])

    def forward(self, x: Tensor) -> Tensor:
        return self.sums[1](self.sums[0](x, self.attn), self.mlp)  # type: ignore[no-any-return]


class HandedSublayers(nn.Module):
    """Two such blocks."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, width)
        self.layers = nn.ModuleList([HandedBlock(width), HandedBlock(width)])

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return x


class Turned(Attention):
    """Self-attention with rotary positions, each half of the channels turned by itself."""

    def forward(self, x: Tensor) -> Tensor:
        q, k = (self._turned(part(x)) for part in (self.q, self.k))
        weights = torch.softmax(q @ k.transpose(-2, -1) / 2, dim=-1)
        return self.out(weights @ self.v(x))  # type: ignore[no-any-return]

    def _turned(self, x: Tensor) -> Tensor:
        angles = torch.outer(torch.arange(x.shape[-2]), 0.5 ** torch.arange(x.shape[-1] / 2))
        one, other = x.chunk(2, dim=-1)
        cos, sin = angles.cos(), angles.sin()
        return torch.cat([one * cos - other * sin, other * cos + one * sin], dim=-1)


class LoopedExperts(nn.Module):
    """A mixture of experts as a loop, with one that all tokens pass."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.gate = nn.Linear(width, 3, bias=False)
        self.experts = nn.ModuleList([feed_forward(width) for _ in range(3)])
        self.shared = feed_forward(width)

    def forward(self, x: Tensor) -> Tensor:
        weights, chosen = self.gate(x).softmax(-1).topk(2, -1)
        out = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            share = ((chosen == number) * weights).sum(-1, keepdim=True)
            out = out + self.weighed(share) * expert(x)
        return out + self.shared(x)  # type: ignore[no-any-return]

    def weighed(self, share: Tensor) -> Tensor:
        return share


class UnweighedExperts(LoopedExperts):
    """The same, which only asks which experts are chosen."""

    def weighed(self, share: Tensor) -> Tensor:
        return (share > 0).float()


def feed_forward(width: int) -> nn.Sequential:
    """Two linear layers with a SiLU between them."""
    return nn.Sequential(nn.Linear(width, 16), nn.SiLU(), nn.Linear(16, width))


class MixtureBlocks(nn.Module):
    """Two pre-norm blocks with such a mixture."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, width)
        self.layers = nn.ModuleList([MixtureBlock(width) for _ in range(2)])

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return x  # type: ignore[no-any-return]


class UnweighedBlocks(MixtureBlocks):
    """Blocks with experts that are not weighed."""

    def __init__(self) -> None:
        super().__init__()
        for layer in self.layers:
            layer.moe = UnweighedExperts()


class MixtureBlock(nn.Module):
    """Attention and mixture, each with its residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn, self.moe = Attention(width), LoopedExperts(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln1(x))
        return x + self.moe(self.ln2(x))  # type: ignore[no-any-return]


class ConvBlock(nn.Module):
    """A convolution with a shortcut that is projected where the widths differ."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)
        self.skip = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.skip(x) + self.conv2(self.conv1(x).relu())  # type: ignore[no-any-return]


class UNet(nn.Module):
    """Two levels down and up, with a block of the same class between them."""

    def __init__(self) -> None:
        super().__init__()
        self.d1, self.d2, self.mid = ConvBlock(3, 4), ConvBlock(4, 8), ConvBlock(8, 8)
        self.u2, self.u1 = ConvBlock(16, 4), ConvBlock(8, 3)

    def forward(self, image: Tensor) -> Tensor:
        a = self.d1(image)
        b = self.d2(a)
        x = self.u2(torch.cat([self.mid(b), b], 1))
        return self.u1(torch.cat([x, a], 1))  # type: ignore[no-any-return]


class ParallelThenSerial(nn.Module):
    """Two branches side by side, and one after both."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.norm, self.attn, self.conv = nn.LayerNorm(width), Attention(width), nn.Linear(width, width)
        self.mlp = feed_forward(width)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        x = x + self.attn(h)
        x = x + self.conv(h)
        return x + self.mlp(x)  # type: ignore[no-any-return]


class Biased(Attention):
    """Self-attention with a bias by position, which is given, or made by a table of its own."""

    def __init__(self, has_table: bool) -> None:
        super().__init__()
        if has_table:
            self.table = nn.Embedding(6, 6)

    def forward(self, x: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        if bias is None:
            bias = self.table(torch.arange(6))
        weights = torch.softmax(self.q(x) @ self.k(x).transpose(-2, -1) / 2 + bias, dim=-1)
        return self.out(weights @ self.v(x)), bias


class Sublayer(nn.Module):
    """Attention with norm and sum, one of a block's list of unlike parts."""

    def __init__(self, has_table: bool) -> None:
        super().__init__()
        self.norm, self.attn = nn.LayerNorm(8), Biased(has_table)

    def forward(self, x: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        out, bias = self.attn(self.norm(x), bias)
        return x + out, bias


class FeedForward(nn.Module):
    """A gated network with norm and sum, the other."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.gate, self.up, self.down = nn.Linear(8, 16), nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        return x + self.down(nn.functional.silu(self.gate(y)) * self.up(y))  # type: ignore[no-any-return]


class ListedBlock(nn.Module):
    """A block whose parts are a list."""

    def __init__(self, has_table: bool) -> None:
        super().__init__()
        self.parts = nn.ModuleList([Sublayer(has_table), FeedForward()])

    def forward(self, x: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        x, bias = self.parts[0](x, bias)
        return self.parts[1](x), bias


class Listed(nn.Module):
    """Three such blocks, of which the first makes the bias for all."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ListedBlock(has_table=at == 0) for at in range(3))

    def forward(self, x: Tensor) -> Tensor:
        bias = None
        for block in self.blocks:
            x, bias = block(x, bias)
        return x


class Stage(nn.Module):
    """Layers with numbers in their names, each handed what those before it made."""

    def __init__(self) -> None:
        super().__init__()
        for number in range(1, 4):
            self.add_module(f"layer{number}", Grown(4 * number))

    def forward(self, x: Tensor) -> Tensor:
        parts = [x]
        for number in range(1, 4):
            parts.append(getattr(self, f"layer{number}")(parts))
        return torch.cat(parts, 1)


class Grown(nn.Module):
    """A layer of a dense stage: it joins all that it is given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(width), nn.Conv2d(width, 4, 3, padding=1)

    def forward(self, parts: list[Tensor]) -> Tensor:
        return self.conv(torch.relu(self.norm(torch.cat(parts, 1))))  # type: ignore[no-any-return]


class Dense(nn.Module):
    """Two dense stages between convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 1), Stage(), nn.Conv2d(16, 4, 1), Stage())

    def forward(self, image: Tensor) -> Tensor:
        return self.body(image)  # type: ignore[no-any-return]


class TakingTurns(nn.Module):
    """A stack in which another kind comes between two runs of one."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(FeedForward() if at == 2 else Block() for at in range(5))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class PostNorm(nn.Module):
    """A norm of what another module makes."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.norm, self.fn = nn.LayerNorm(8), inner

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.fn(x))  # type: ignore[no-any-return]


class Wrapped(nn.Module):
    """Unlike layers in wrappers whose class is named for the norm in them."""

    def __init__(self) -> None:
        super().__init__()
        mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.layers = nn.ModuleList([PostNorm(Attention()), PostNorm(mlp)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x + layer(x)
        return x


class GraphConvolution(nn.Module):
    """What a node makes of itself and of its neighbours."""

    def __init__(self) -> None:
        super().__init__()
        self.own, self.near = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        start, end = edges
        near = torch.zeros_like(x).index_add(0, end, x[start])
        return self.own(x) + self.near(near)  # type: ignore[no-any-return]


class Graph(nn.Module):
    """Layers that all read the edges beside the stream."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(GraphConvolution() for _ in range(3))
        self.norms = nn.ModuleList(nn.LayerNorm(8) for _ in range(2))

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        for layer, norm in zip(self.layers[:-1], self.norms, strict=True):
            x = norm(layer(x, edges)) + x
        return self.layers[-1](x, edges)  # type: ignore[no-any-return]
