"""Streams that are reshaped, transposed, windowed, resized, split or gathered on the way."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.examples.case import Case, residual
from tests.examples.parts import Attention, D, Mlp, image


class Windowed(nn.Module):
    """Swin: the branch shifts the image and attends inside 2 x 2 windows. (B, 16, D) as a 4 x 4 image."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.attn = Attention()

    def forward(self, x: Tensor) -> Tensor:
        batch = x.shape[0]
        shortcut = x
        x = self.norm(x).view(batch, 4, 4, D)
        x = torch.roll(x, (-1, -1), (1, 2))
        windows = x.view(batch, 2, 2, 2, 2, D).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, D)
        windows = self.attn(windows)
        x = windows.view(batch, 2, 2, 2, 2, D).permute(0, 1, 3, 2, 4, 5).reshape(batch, 4, 4, D)
        x = torch.roll(x, (1, 1), (1, 2))
        return shortcut + x.reshape(batch, 16, D)  # sink


class WindowedSum(nn.Module):
    """The sum itself is executed on windows of the stream."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Attention()

    def forward(self, x: Tensor) -> Tensor:
        windows = x.view(-1, 2, 2, D).transpose(1, 2).reshape(-1, 2, D)
        windows = windows + self.f(windows)  # sink
        return windows.view(-1, 2, 2, D).transpose(1, 2).reshape(x.shape)


class Mixer(nn.Module):
    """MLP-Mixer: the token-mixing branch works on the transposed stream."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(D)
        self.tokens = Mlp(6)
        self.norm2 = nn.LayerNorm(D)
        self.channels = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        h = self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        x = x + h  # sink tokens
        return x + self.channels(self.norm2(x))  # sink channels


class TransposedStream(nn.Module):
    """The whole stream changes its layout between two residuals."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()
        self.g = nn.Conv1d(D, D, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.f(x)  # sink f
        x = x.transpose(1, 2)
        x = x + self.g(x)  # sink g
        return x.transpose(1, 2)


class BothReshaped(nn.Module):
    """Skip path and branch take their own views of the source."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        flat = self.f(x.reshape(-1, D))
        return x.flatten(0, 1) + flat  # sink


class ImageTokens(nn.Module):
    """A convolutional block on an image, an attention block on its pixels: (B, D, H, W) throughout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(D, D, 3, padding=1)
        self.norm = nn.GroupNorm(2, D)
        self.attn = Attention()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.conv(F.silu(x))  # sink conv
        batch, channels, height, width = x.shape
        tokens = self.norm(x).reshape(batch, channels, height * width).permute(0, 2, 1)
        tokens = self.attn(tokens).permute(0, 2, 1).reshape(batch, channels, height, width)
        return tokens + x  # sink attn


class Resized(nn.Module):
    """The branch works at half the resolution and is resized back."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv(F.avg_pool2d(x, 2))
        return x + F.interpolate(h, scale_factor=2, mode="nearest")  # sink


class PositionFirst(nn.Module):
    """Sequence-first inside, batch-first outside, with a squeeze and an expand on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        h = self.f(x.permute(1, 0, 2)).permute(1, 0, 2)
        h = h.unsqueeze(1).expand(-1, 1, -1, -1).squeeze(1)
        return x + h  # sink


class SplitBranch(nn.Module):
    """Two halves of the channels go through two modules and meet again."""

    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Linear(D // 2, D // 2)
        self.g = nn.Linear(D // 2, D // 2)

    def forward(self, x: Tensor) -> Tensor:
        a, b = x.chunk(2, dim=-1)
        return x + torch.cat([self.f(a), self.g(b)], dim=-1)  # sink


class StackedBranch(nn.Module):
    """Heads are stacked and reduced inside the branch."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList([nn.Linear(D, D) for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        h = torch.stack([head(x) for head in self.heads], dim=0).amax(0)
        return x + h  # sink


class FusedProjection(nn.Module):
    """One projection is split into attention and gated feed-forward; both meet in one output projection."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.wide = nn.Linear(D, 5 * D)
        self.out = nn.Linear(2 * D, D)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v, gate, up = self.wide(self.norm(x)).split(D, dim=-1)
        attended = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(torch.cat((attended, F.silu(gate) * up), dim=-1))  # sink


class HalfUpdated(nn.Module):
    """Only the first half of the channels has a residual; the other leaves the block as it came."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp(D // 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        a, b = x.split(D // 2, dim=-1)
        a = a + self.f(a)  # sink
        return a, b


class Reversible(nn.Module):
    """RevNet's coupling: each half is updated from the other one."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp(D // 2)
        self.g = Mlp(D // 2)

    def forward(self, x: Tensor) -> Tensor:
        a, b = x.chunk(2, dim=-1)
        a = a + self.f(b)
        b = b + self.g(a)
        return torch.cat([a, b], dim=-1)


class ClassToken(nn.Module):
    """Layers on patches with a class token in front (ViT)."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, D, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, D))
        self.position = nn.Parameter(torch.zeros(1, 5, D))
        self.norm = nn.LayerNorm(D)
        self.attn = Attention()
        self.head = nn.Linear(D, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.patch(pixels).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(x.shape[0], -1, -1), x), dim=1) + self.position
        x = x + self.attn(self.norm(x))  # sink
        return self.head(x)[:, 0]


class Experts(nn.Module):
    """A layer around a mixture of experts whose outputs are gathered with index_add_."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.moe = RoutedExperts()

    def forward(self, x: Tensor) -> Tensor:
        hidden = x
        x = self.moe(self.norm(x))
        x += hidden  # sink
        return x


class RoutedExperts(nn.Module):
    """Top-1 of three experts; the sum is accumulated from zero. (B, T, D) -> (B, T, D)."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(D, 3)
        self.experts = nn.ModuleList([Mlp() for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, D)
        weight, chosen = F.softmax(self.router(flat), dim=-1).max(dim=-1)
        out = torch.zeros_like(flat)
        for number, expert in enumerate(self.experts):
            mask = chosen == number
            if mask.any():
                index = mask.nonzero().flatten()
                out.index_add_(0, index, expert(flat[index]) * weight[index, None])
        return out.view_as(x)


class MaskedStream(nn.Module):
    """A padding mask empties the stream before the residuals, and the first branch."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()
        self.g = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        keep = torch.arange(x.shape[1]) < 4
        x = torch.where(keep[:, None], x, 0.0)
        x = x + self.f(x).masked_fill(~keep[:, None], 0.0)  # sink f
        return x + self.g(x)  # sink g


class Functional(nn.Module):
    """No module but the model itself."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Parameter(torch.empty(2 * D, D))
        self.down = nn.Parameter(torch.empty(D, 2 * D))

    def forward(self, x: Tensor) -> Tensor:
        h = F.layer_norm(x, (D,))
        return x + F.linear(F.gelu(F.linear(h, self.up)), self.down)  # sink


class FunctionalChain(nn.Module):
    """Two functional residuals in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.empty(D, D))
        self.b = nn.Parameter(torch.empty(D, D))

    def forward(self, x: Tensor) -> Tensor:
        x = x + torch.tanh(x @ self.a)  # sink a
        return x + torch.tanh(x @ self.b)  # sink b


class StateSpace(nn.Module):
    """A selective scan with its D skip inside, a residual around the mixer outside (Mamba)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.mixer = _Mixer()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mixer(self.norm(x))  # sink


class _Mixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.in_proj = nn.Linear(D, 2 * D)
        self.conv = nn.Conv1d(D, D, 3, padding=2, groups=D)
        self.act = nn.SiLU()
        self.x_proj = nn.Linear(D, 3)
        self.D = nn.Parameter(torch.ones(D))
        self.norm = nn.LayerNorm(D)
        self.out_proj = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        u, gate = self.in_proj(x).chunk(2, dim=-1)
        u = self.act(self.conv(u.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2))
        step, b, c = self.x_proj(u).split(1, dim=-1)
        state = torch.zeros_like(u[:, 0])
        outputs = []
        for t in range(u.shape[1]):
            state = state * torch.exp(-F.softplus(step[:, t])) + b[:, t] * u[:, t]
            outputs.append(state * c[:, t])
        y = torch.stack(outputs, dim=1) + u * self.D  # sink
        return self.out_proj(self.norm(y) * F.silu(gate))


CASES = (
    Case(
        "Windowed",
        Windowed,
        (residual(Windowed, "input", "norm attn"),),
        inputs=lambda: (torch.randn(2, 16, D),),
    ),
    Case(
        "WindowedSum",
        WindowedSum,
        (residual(WindowedSum, None, "f"),),
        inputs=lambda: (torch.randn(2, 8, D),),
    ),
    Case(
        "Mixer",
        Mixer,
        (
            residual(Mixer, "input", "norm1 tokens", "tokens"),
            residual(Mixer, "sink(tokens)", "norm2 channels", "channels"),
        ),
    ),
    Case(
        "TransposedStream",
        TransposedStream,
        (residual(TransposedStream, "input", "f", "f"), residual(TransposedStream, "sink(f)", "g", "g")),
    ),
    Case("BothReshaped", BothReshaped, (residual(BothReshaped, "input", "f"),)),
    Case(
        "ImageTokens",
        ImageTokens,
        (
            residual(ImageTokens, "input", "conv", "conv"),
            residual(ImageTokens, "sink(conv)", "norm attn", "attn"),
        ),
        inputs=lambda: image(D, 4),
    ),
    Case("Resized", Resized, (residual(Resized, "input", "conv"),), inputs=image),
    Case("PositionFirst", PositionFirst, (residual(PositionFirst, "input", "f"),)),
    Case("SplitBranch", SplitBranch, (residual(SplitBranch, "input", "f g"),)),
    Case("StackedBranch", StackedBranch, (residual(StackedBranch, "input", "heads.0 heads.1 heads.2"),)),
    Case("FusedProjection", FusedProjection, (residual(FusedProjection, "input", "norm wide out"),)),
    Case("HalfUpdated", HalfUpdated, (residual(HalfUpdated, None, "f"),)),
    Case("Reversible", Reversible, open_question="the halves of a coupling share no identity skip path"),
    Case("ClassToken", ClassToken, (residual(ClassToken, None, "norm attn"),), inputs=lambda: image(3)),
    Case("Experts", Experts, (residual(Experts, "input", "norm moe"),)),
    Case(
        "MaskedStream",
        MaskedStream,
        (residual(MaskedStream, None, "f", "f"), residual(MaskedStream, "sink(f)", "g", "g")),
    ),
    Case("Functional", Functional, (residual(Functional, "input", ""),)),
    Case(
        "FunctionalChain",
        FunctionalChain,
        (residual(FunctionalChain, "input", "", "a"), residual(FunctionalChain, None, "", "b")),
    ),
    Case(
        "StateSpace",
        StateSpace,
        (
            residual(_Mixer, "act", "x_proj", scope="mixer", kind="scaled", factors=(("skip", "mixer.D"),)),
            residual(StateSpace, "input", "norm mixer"),
        ),
    ),
)
