"""Small models of still other styles; (b, n, d) tokens unless said otherwise."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.styles.models import D, HandAttention


class PerceiverLayer(nn.Module):
    """Latents read the input by cross-attention, then attend to each other."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_latents, self.norm_data = nn.LayerNorm(D), nn.LayerNorm(D)
        self.cross = nn.MultiheadAttention(D, 2, batch_first=True)
        self.norm_self = nn.LayerNorm(D)
        self.attention = nn.MultiheadAttention(D, 2, batch_first=True)
        self.norm_mlp = nn.LayerNorm(D)
        self.mlp = nn.Sequential(nn.Linear(D, 2 * D), nn.GELU(), nn.Linear(2 * D, D))

    def forward(self, latents: Tensor, data: Tensor) -> Tensor:
        data = self.norm_data(data)
        x = latents + self.cross(self.norm_latents(latents), data, data, need_weights=False)[0]
        y = self.norm_self(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        out: Tensor = x + self.mlp(self.norm_mlp(x))
        return out


class Perceiver(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(6, D)
        self.latents = nn.Parameter(torch.randn(1, 4, D))
        self.layers = nn.ModuleList(PerceiverLayer() for _ in range(2))
        self.head = nn.Linear(D, 5)

    def forward(self, data: Tensor) -> Tensor:
        data = self.embed(data)
        x = self.latents.expand(data.shape[0], -1, -1)
        for layer in self.layers:
            x = layer(x, data)
        out: Tensor = self.head(x.mean(1))
        return out


class RelativeAttention(nn.Module):
    """T5's: no scale, a learned bias of the distance is added to the scores."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(D, D, bias=False) for _ in range(3))
        self.o = nn.Linear(D, D, bias=False)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        b, n, _ = x.shape
        q, k, v = (layer(x).view(b, n, 2, D // 2).transpose(1, 2) for layer in (self.q, self.k, self.v))
        weights = (q @ k.transpose(-1, -2) + bias).softmax(-1)
        out: Tensor = self.o((weights @ v).transpose(1, 2).reshape(b, n, D))
        return out


class T5Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.attention = nn.RMSNorm(D), RelativeAttention()
        self.norm2 = nn.RMSNorm(D)
        self.wi, self.wo = nn.Linear(D, 2 * D, bias=False), nn.Linear(2 * D, D, bias=False)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x), bias)
        out: Tensor = x + self.wo(F.relu(self.wi(self.norm2(x))))
        return out


class T5(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(32, D)
        self.distances = nn.Embedding(9, 2)
        self.layers = nn.ModuleList(T5Layer() for _ in range(2))
        self.norm = nn.RMSNorm(D)

    def forward(self, tokens: Tensor) -> Tensor:
        place = torch.arange(tokens.shape[1])
        distance = (place[None] - place[:, None]).clamp(-4, 4) + 4
        bias = self.distances(distance).permute(2, 0, 1)
        x = self.embed(tokens)
        for layer in self.layers:
            x = layer(x, bias)
        return F.linear(self.norm(x), self.embed.weight)


class WindowBlock(nn.Module):
    """Swin's: attention within windows of 2 x 2, which every other block shifts by one."""

    def __init__(self, shift: int) -> None:
        super().__init__()
        self.shift = shift
        self.norm1, self.attention = nn.LayerNorm(D), HandAttention()
        self.norm2 = nn.LayerNorm(D)
        self.mlp = nn.Sequential(nn.Linear(D, 2 * D), nn.GELU(), nn.Linear(2 * D, D))

    def forward(self, x: Tensor) -> Tensor:
        b, h, w, d = x.shape
        y = self.norm1(x)
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        y = y.view(b, h // 2, 2, w // 2, 2, d).transpose(2, 3).reshape(-1, 4, d)
        y = self.attention(y)
        y = y.view(b, h // 2, w // 2, 2, 2, d).transpose(2, 3).reshape(b, h, w, d)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        x = x + y
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class PatchMerging(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.reduce = nn.LayerNorm(4 * D), nn.Linear(4 * D, D, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        parts = [x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)]
        out: Tensor = self.reduce(self.norm(torch.cat(parts, -1)))
        return out


class Swin(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, D, 2, 2)
        self.norm_patch = nn.LayerNorm(D)
        self.stage1 = nn.Sequential(WindowBlock(0), WindowBlock(1))
        self.merge = PatchMerging()
        self.stage2 = nn.Sequential(WindowBlock(0), WindowBlock(1))
        self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, 5)

    def forward(self, image: Tensor) -> Tensor:
        x = self.norm_patch(self.patch(image).permute(0, 2, 3, 1))
        x = self.stage2(self.merge(self.stage1(x)))
        out: Tensor = self.head(self.norm(x).mean((1, 2)))
        return out


class Towers(nn.Module):
    """CLIP's: a picture and a text, each embedded, normalized and compared."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.image_projection = nn.Linear(8, D, bias=False)
        self.words = nn.Embedding(32, D)
        self.positions = nn.Parameter(torch.randn(6, D))
        self.encoder = nn.TransformerEncoderLayer(D, 2, 32, batch_first=True, norm_first=True)
        self.norm = nn.LayerNorm(D)
        self.text_projection = nn.Linear(D, D, bias=False)
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        one = F.normalize(self.image_projection(self.image(image)), dim=-1)
        x = self.norm(self.encoder(self.words(text) + self.positions))
        other = F.normalize(self.text_projection(x[:, -1]), dim=-1)
        return self.scale.exp() * one @ other.T


class Siamese(nn.Module):
    """Two pictures through one encoder; the head sees the distance of what it makes of them."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, D)
        )
        self.head = nn.Linear(D, 1)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        distance = (self.encoder(left) - self.encoder(right)).abs()
        return torch.sigmoid(self.head(distance))


class VAE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(12, D), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(D, 4), nn.Linear(D, 4)
        self.decoder = nn.Sequential(nn.Linear(4, D), nn.ReLU(), nn.Linear(D, 12))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.encoder(x)
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return torch.sigmoid(self.decoder(z)), mean, log_variance


class TimeMix(nn.Module):
    """RWKV's: a token is mixed with the one before; keys and values decay over time; a gate by sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.mix_k, self.mix_v, self.mix_r = (nn.Parameter(torch.rand(D)) for _ in range(3))
        self.decay = nn.Parameter(torch.rand(D))
        self.key, self.value, self.receptance = (nn.Linear(D, D, bias=False) for _ in range(3))
        self.output = nn.Linear(D, D, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        before = F.pad(x, (0, 0, 1, -1))
        k = self.key(x * self.mix_k + before * (1 - self.mix_k))
        v = self.value(x * self.mix_v + before * (1 - self.mix_v))
        r = self.receptance(x * self.mix_r + before * (1 - self.mix_r))
        over, under, found = torch.zeros_like(x[:, 0]), torch.zeros_like(x[:, 0]), []
        for step in range(x.shape[1]):
            weight = torch.exp(k[:, step])
            over = over * torch.exp(-self.decay) + weight * v[:, step]
            under = under * torch.exp(-self.decay) + weight
            found.append(over / under)
        out: Tensor = self.output(torch.sigmoid(r) * torch.stack(found, 1))
        return out


class ChannelMix(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix_k, self.mix_r = nn.Parameter(torch.rand(D)), nn.Parameter(torch.rand(D))
        self.key, self.value = nn.Linear(D, 2 * D, bias=False), nn.Linear(2 * D, D, bias=False)
        self.receptance = nn.Linear(D, D, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        before = F.pad(x, (0, 0, 1, -1))
        k = self.key(x * self.mix_k + before * (1 - self.mix_k))
        r = self.receptance(x * self.mix_r + before * (1 - self.mix_r))
        return torch.sigmoid(r) * self.value(torch.square(torch.relu(k)))


class RWKVBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.ln1, self.time_mix = nn.LayerNorm(D), TimeMix()
        self.ln2, self.channel_mix = nn.LayerNorm(D), ChannelMix()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.time_mix(self.ln1(x))
        out: Tensor = x + self.channel_mix(self.ln2(x))
        return out


class RWKV(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm0 = nn.Embedding(32, D), nn.LayerNorm(D)
        self.blocks = nn.ModuleList(RWKVBlock() for _ in range(2))
        self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, 32, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.norm0(self.embed(tokens))
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(self.norm(x))
        return out


class DepthBlock(nn.Module):
    """Mixture of depths: the block runs on the tokens that its router picks, the others pass by."""

    def __init__(self) -> None:
        super().__init__()
        self.router, self.norm = nn.Linear(D, 1), nn.LayerNorm(D)
        self.mlp = nn.Sequential(nn.Linear(D, 2 * D), nn.GELU(), nn.Linear(2 * D, D))

    def forward(self, x: Tensor) -> Tensor:
        weight, chosen = torch.topk(self.router(x).squeeze(-1), x.shape[1] // 2)
        where = chosen.unsqueeze(-1).expand(-1, -1, D)
        y = self.mlp(self.norm(x.gather(1, where)))
        return x.scatter_add(1, where, y * torch.sigmoid(weight).unsqueeze(-1))


class MixtureOfDepths(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(32, D)
        self.blocks = nn.ModuleList(DepthBlock() for _ in range(2))
        self.head = nn.Linear(D, 32)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(x)
        return out


class Retention(nn.Module):
    """RetNet's, in its parallel form: no softmax, a decay over the distance instead."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.gate = (nn.Linear(D, D, bias=False) for _ in range(4))
        self.norm, self.out = nn.GroupNorm(2, D), nn.Linear(D, D, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        b, n, _ = x.shape
        q, k, v = (layer(x).view(b, n, 2, D // 2).transpose(1, 2) for layer in (self.q, self.k, self.v))
        place = torch.arange(n)
        distance = (place[:, None] - place[None]).clamp(min=0)
        decay = torch.tril(torch.tensor([0.9, 0.8])[:, None, None] ** distance)
        y = (q @ k.transpose(-1, -2) * decay) @ v
        y = self.norm(y.transpose(1, 2).reshape(b * n, D)).view(b, n, D)
        out: Tensor = self.out(F.silu(self.gate(x)) * y)
        return out


class RetNetBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.retention = nn.LayerNorm(D), Retention()
        self.norm2 = nn.LayerNorm(D)
        self.ffn = nn.Sequential(nn.Linear(D, 2 * D), nn.GELU(), nn.Linear(2 * D, D))

    def forward(self, x: Tensor) -> Tensor:
        x = self.retention(self.norm1(x)) + x
        out: Tensor = self.ffn(self.norm2(x)) + x
        return out


class RetNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(32, D)
        self.blocks = nn.ModuleList(RetNetBlock() for _ in range(2))
        self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, 32)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(self.norm(x))
        return out
