"""Small models in the styles of the field, written out in plain PyTorch; (b, n, d) tokens or (b, c, h, w)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

D = 16


class HandAttention(nn.Module):
    """Two heads, scores and softmax written out."""

    def __init__(self, causal: bool = False) -> None:
        super().__init__()
        self.query, self.key, self.value = nn.Linear(D, D), nn.Linear(D, D), nn.Linear(D, D)
        self.out = nn.Linear(D, D)
        self.causal = causal

    def forward(self, x: Tensor) -> Tensor:
        b, n, _ = x.shape
        q, k, v = (f(x).view(b, n, 2, -1).transpose(1, 2) for f in (self.query, self.key, self.value))
        scores = q @ k.transpose(-1, -2) / (D // 2) ** 0.5
        if self.causal:
            scores = scores.masked_fill(torch.ones(n, n, dtype=torch.bool).triu(1), float("-inf"))
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, n, D)
        out: Tensor = self.out(mixed)
        return out


class HandNorm(nn.Module):
    """RMSNorm, written out."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(D))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.gain


class SwiGLU(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(D, 24), nn.Linear(D, 24), nn.Linear(24, D)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down(F.silu(self.gate(x)) * self.up(x))
        return out


class BertLayer(nn.Module):
    """Post-norm; the sums run in the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.norm1 = HandAttention(), nn.LayerNorm(D)
        self.up, self.down, self.norm2 = nn.Linear(D, 32), nn.Linear(32, D), nn.LayerNorm(D)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.drop(self.attention(x)))
        out: Tensor = self.norm2(x + self.drop(self.down(F.gelu(self.up(x)))))
        return out


class Bert(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.positions, self.norm = nn.Embedding(32, D), nn.Embedding(8, D), nn.LayerNorm(D)
        self.layers = nn.ModuleList(BertLayer() for _ in range(2))
        self.head = nn.Linear(D, 32)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.norm(self.words(tokens) + self.positions(torch.arange(tokens.shape[1])))
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.head(x)
        return out


class PalmLayer(nn.Module):
    """Attention and feed-forward network side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.attention, self.mlp = HandNorm(), HandAttention(True), SwiGLU()

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        return x + (self.attention(h) + self.mlp(h))


class LlamaLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.attention, self.norm2, self.mlp = (
            HandNorm(),
            HandAttention(True),
            HandNorm(),
            SwiGLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class SharedMoE(nn.Module):
    """Each token goes through one shared expert and the best of three."""

    def __init__(self) -> None:
        super().__init__()
        self.router, self.shared = nn.Linear(D, 3), SwiGLU()
        self.experts = nn.ModuleList(SwiGLU() for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        weight, chosen = self.router(x).softmax(-1).topk(1)
        y = torch.zeros_like(x)
        for index, expert in enumerate(self.experts):
            y = y + torch.where(chosen == index, weight * expert(x), 0.0)
        return y + self.shared(x)


class MoELayer(LlamaLayer):
    def __init__(self) -> None:
        super().__init__()
        self.mlp = SharedMoE()  # type: ignore[assignment]


class Decoder(nn.Module):
    """Embedding, layers of a kind, norm, head."""

    def __init__(self, layer: str) -> None:
        super().__init__()
        self.embed, self.norm, self.head = nn.Embedding(32, D), HandNorm(), nn.Linear(D, 32, bias=False)
        self.layers = nn.ModuleList(_LAYERS[layer]() for _ in range(2))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.head(self.norm(x))
        return out


class StateSpaceLayer(nn.Module):
    """A selective scan between a depthwise convolution and a gate, as in Mamba."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.inner, self.gate = HandNorm(), nn.Linear(D, D), nn.Linear(D, D)
        self.conv = nn.Conv1d(D, D, 3, padding=2, groups=D)
        self.step, self.out = nn.Linear(D, D), nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        u = F.silu(self.conv(self.inner(h).transpose(1, 2))[..., : x.shape[1]].transpose(1, 2))
        delta = F.softplus(self.step(u))
        decay = torch.exp(-delta)
        state, outputs = torch.zeros_like(u[:, 0]), []
        for i in range(u.shape[1]):
            state = decay[:, i] * state + delta[:, i] * u[:, i]
            outputs.append(state)
        out: Tensor = x + self.out(torch.stack(outputs, 1) * F.silu(self.gate(h)))
        return out


class ViT(nn.Module):
    """Patches, a class token, learned positions."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, D, 4, 4)
        self.token, self.positions = nn.Parameter(torch.randn(1, 1, D)), nn.Parameter(torch.randn(1, 5, D))
        self.blocks = nn.ModuleList(ViTBlock() for _ in range(2))
        self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patch(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(self.norm(x)[:, 0])
        return out


class ViTBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.attention = nn.MultiheadAttention(D, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(D, 32), nn.GELU(), nn.Dropout(0.1), nn.Linear(32, D))

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm1(x)
        x = x + self.attention(h, h, h, need_weights=False)[0]
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution, norm, two linear maps, LayerScale."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(D, D, 7, padding=3, groups=D), nn.LayerNorm(D)
        self.up, self.act, self.down = nn.Linear(D, 32), nn.GELU(), nn.Linear(32, D)
        self.gamma = nn.Parameter(torch.full((D,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.gamma * self.down(self.act(self.up(y)))
        return x + y.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, D, 4, 4)
        self.blocks = nn.Sequential(ConvNeXtBlock(), ConvNeXtBlock())
        self.head = nn.Linear(D, 10)

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.head(self.blocks(self.stem(image)).mean((2, 3)))
        return out


class ResBlock(nn.Module):
    """As in a diffusion U-Net: the time is added between two convolutions."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(4, inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(D, outputs)
        self.norm2, self.conv2 = nn.GroupNorm(4, outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))
        y = y + self.time(F.silu(time))[:, :, None, None]
        out: Tensor = self.skip(x) + self.conv2(F.silu(self.norm2(y)))
        return out


class DiffusionUNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.Linear(4, D), nn.SiLU(), nn.Linear(D, D))
        self.stem, self.down = nn.Conv2d(3, 8, 3, padding=1), ResBlock(8, 8)
        self.shrink, self.middle = nn.Conv2d(8, 8, 3, 2, 1), ResBlock(8, 16)
        self.up, self.head = ResBlock(24, 8), nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, image: Tensor, time: Tensor) -> Tensor:
        t = self.time(time)
        level = self.down(self.stem(image), t)
        x = F.interpolate(self.middle(self.shrink(level), t), scale_factor=2)
        out: Tensor = self.head(self.up(torch.cat([x, level], 1), t))
        return out


class MixerBlock(nn.Module):
    """One MLP over the positions, one over the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.tokens = (
            nn.LayerNorm(D),
            nn.Sequential(nn.Linear(6, 12), nn.GELU(), nn.Linear(12, 6)),
        )
        self.norm2, self.channels = (
            nn.LayerNorm(D),
            nn.Sequential(nn.Linear(D, 32), nn.GELU(), nn.Linear(32, D)),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        out: Tensor = x + self.channels(self.norm2(x))
        return out


class RecurrentLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.norm = nn.LSTM(D, D, batch_first=True), nn.LayerNorm(D)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.lstm(self.norm(x))[0]
        return out


_LAYERS: dict[str, type[nn.Module]] = {
    "palm": PalmLayer,
    "llama": LlamaLayer,
    "moe": MoELayer,
    "state_space": StateSpaceLayer,
    "mixer": MixerBlock,
    "recurrent": RecurrentLayer,
}
