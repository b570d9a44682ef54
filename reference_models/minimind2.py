"""MiniMind2: the predecessor of minimind-3, dense or with a mixture of experts.

Read from the top: the language model, one layer, and what a layer is made of. Shapes in the comments:

    B  sequences in the batch                 H  query heads (n_heads)
    T  positions given in this call           G  key/value heads (n_kv_heads)
    S  positions attended to: cached + T      D  channels of a head (dim / n_heads)
    C  channels (dim)                         E  routed experts;  K  experts per token
    V  vocabulary                             N  tokens, B * T
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KeyValue = tuple[Tensor, Tensor]  # keys and values of one layer, each (B, S, G, D)


@dataclass
class MiniMind2Config:
    """The published defaults; `hidden_dim` left at 0 follows from `dim`."""

    dim: int = 512
    n_layers: int = 8
    n_heads: int = 8
    n_kv_heads: int = 2
    vocab_size: int = 6400
    hidden_dim: int = 0  # 2/3 of 4 * dim, up to a multiple of multiple_of
    multiple_of: int = 64
    norm_eps: float = 1e-5
    max_seq_len: int = 8192
    rope_theta: float = 1e6
    dropout: float = 0.0
    flash_attn: bool = True
    use_moe: bool = False
    num_experts_per_tok: int = 2
    n_routed_experts: int = 4
    n_shared_experts: bool = True  # one shared expert, or none
    norm_topk_prob: bool = True
    aux_loss_alpha: float = 0.1

    def __post_init__(self) -> None:
        two_thirds = int(2 * (4 * self.dim) / 3)
        self.hidden_dim = self.hidden_dim or math.ceil(two_thirds / self.multiple_of) * self.multiple_of


class MiniMind2Output(NamedTuple):
    """What the language model returns.

    `logits` is (B, T, V). `past_key_values` has one entry per layer, None without `use_cache`. `aux_loss` is
    a scalar to be added to the training loss, zero in evaluation and in the dense model.
    """

    logits: Tensor
    past_key_values: list[KeyValue | None]
    aux_loss: Tensor


def build(**config_overrides: object) -> MiniMind2LM:
    """Return a model with random weights; `use_moe=True` for the mixture of experts.

    >>> build(dim=64, vocab_size=64)(torch.zeros(1, 5, dtype=torch.long)).logits.shape
    torch.Size([1, 5, 64])
    """
    return MiniMind2LM(MiniMind2Config(**config_overrides))  # type: ignore[arg-type]


class MiniMind2LM(nn.Module):
    """Token ids in, next-token logits out."""

    pos_cis: Tensor

    def __init__(self, config: MiniMind2Config) -> None:
        super().__init__()
        self.config = config
        self.tok_embeddings = nn.Embedding(config.vocab_size, config.dim)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(MiniMindBlock(config) for _ in range(config.n_layers))
        self.norm = RMSNorm(config.dim, config.norm_eps)
        self.output = nn.Linear(config.dim, config.vocab_size, bias=False)
        self.tok_embeddings.weight = self.output.weight
        pos_cis = rope_table(config.dim // config.n_heads, config.max_seq_len, config.rope_theta)
        self.register_buffer("pos_cis", pos_cis, persistent=False)

    def forward(
        self,
        input_ids: Tensor,  # (B, T)
        past_key_values: list[KeyValue | None] | None = None,
        use_cache: bool = False,
        start_pos: int = 0,
    ) -> MiniMind2Output:
        """`start_pos` is the position of the first token: with a cache, how many it holds."""
        past_key_values = past_key_values or [None] * len(self.layers)
        h = self.dropout(self.tok_embeddings(input_ids))  # (B, T, C)
        pos_cis = self.pos_cis[start_pos : start_pos + input_ids.shape[1]]  # (T, D / 2)

        presents: list[KeyValue | None] = []
        for layer, past_key_value in zip(self.layers, past_key_values, strict=True):
            h, present = layer(h, pos_cis, past_key_value, use_cache)
            presents.append(present)
        logits = self.output(self.norm(h))  # (B, T, V)

        blocks = [layer.feed_forward for layer in self.layers]
        aux_losses = [block.aux_loss for block in blocks if isinstance(block, MoEFeedForward)]
        return MiniMind2Output(logits, presents, sum(aux_losses, logits.new_zeros(())))


class MiniMindBlock(nn.Module):
    """One pre-norm layer: the two residual connections of the model are implemented here."""

    def __init__(self, config: MiniMind2Config) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.attention_norm = RMSNorm(config.dim, config.norm_eps)
        self.ffn_norm = RMSNorm(config.dim, config.norm_eps)
        self.feed_forward = MoEFeedForward(config) if config.use_moe else FeedForward(config)

    def forward(
        self,
        x: Tensor,  # (B, T, C)
        pos_cis: Tensor,
        past_key_value: KeyValue | None = None,
        use_cache: bool = False,
    ) -> tuple[Tensor, KeyValue | None]:
        attended, present = self.attention(self.attention_norm(x), pos_cis, past_key_value, use_cache)
        h = x + attended
        out = h + self.feed_forward(self.ffn_norm(h))
        return out, present


class Attention(nn.Module):
    """Grouped-query attention: H / G query heads share each key/value head."""

    def __init__(self, config: MiniMind2Config) -> None:
        super().__init__()
        self.head_dim = config.dim // config.n_heads
        self.groups = config.n_heads // config.n_kv_heads
        self.wq = nn.Linear(config.dim, config.n_heads * self.head_dim, bias=False)
        self.wk = nn.Linear(config.dim, config.n_kv_heads * self.head_dim, bias=False)
        self.wv = nn.Linear(config.dim, config.n_kv_heads * self.head_dim, bias=False)
        self.wo = nn.Linear(config.n_heads * self.head_dim, config.dim, bias=False)
        self.attn_dropout = nn.Dropout(config.dropout)
        self.resid_dropout = nn.Dropout(config.dropout)
        self.dropout = config.dropout
        self.flash = config.flash_attn

    def forward(
        self,
        x: Tensor,  # (B, T, C)
        pos_cis: Tensor,
        past_key_value: KeyValue | None = None,
        use_cache: bool = False,
    ) -> tuple[Tensor, KeyValue | None]:
        batch, length, _ = x.shape
        q = self.wq(x).view(batch, length, -1, self.head_dim)  # (B, T, H, D)
        k = self.wk(x).view(batch, length, -1, self.head_dim)  # (B, T, G, D)
        v = self.wv(x).view(batch, length, -1, self.head_dim)  # (B, T, G, D)
        q, k = apply_rope(q, pos_cis), apply_rope(k, pos_cis)

        if past_key_value is not None:
            k = torch.cat([past_key_value[0], k], dim=1)  # (B, S, G, D)
            v = torch.cat([past_key_value[1], v], dim=1)
        present = (k, v) if use_cache else None

        q = q.transpose(1, 2)  # (B, H, T, D)
        k = repeat_heads(k, self.groups).transpose(1, 2)  # (B, H, S, D)
        v = repeat_heads(v, self.groups).transpose(1, 2)

        if self.flash and length > 1 and past_key_value is None:
            dropout = self.dropout if self.training else 0.0
            y = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)
        else:
            scores = q @ k.transpose(-2, -1) / math.sqrt(self.head_dim)  # (B, H, T, S)
            cached = k.shape[2] - length
            scores += torch.full((length, cached + length), -math.inf, device=x.device).triu(cached + 1)
            y = self.attn_dropout(F.softmax(scores.float(), dim=-1).type_as(q)) @ v

        y = y.transpose(1, 2).reshape(batch, length, -1)  # (B, T, H * D)
        return self.resid_dropout(self.wo(y)), present


class FeedForward(nn.Module):
    """SwiGLU: a gate decides how much of each up-projected channel passes."""

    def __init__(self, config: MiniMind2Config) -> None:
        super().__init__()
        self.w1 = nn.Linear(config.dim, config.hidden_dim, bias=False)
        self.w2 = nn.Linear(config.hidden_dim, config.dim, bias=False)
        self.w3 = nn.Linear(config.dim, config.hidden_dim, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.dropout(self.w2(F.silu(self.w1(x)) * self.w3(x)))
        return y


class MoEFeedForward(nn.Module):
    """K routed experts per token, weighted by the router, plus one shared expert that sees every token.

    `aux_loss` is the load-balancing loss of the last call in training mode, else zero.
    """

    aux_loss: Tensor

    def __init__(self, config: MiniMind2Config) -> None:
        super().__init__()
        self.config = config
        self.experts = nn.ModuleList(FeedForward(config) for _ in range(config.n_routed_experts))
        self.gate = MoEGate(config)
        if config.n_shared_experts:
            self.shared_experts = FeedForward(config)

    def forward(self, x: Tensor) -> Tensor:
        chosen, weights, self.aux_loss = self.gate(x)  # (N, K), (N, K), scalar
        tokens = x.view(-1, x.shape[-1])  # (N, C)
        routed = self.train_experts if self.training else self.infer_experts
        y = routed(tokens, chosen, weights).view(x.shape)
        if self.config.n_shared_experts:
            y = y + self.shared_experts(x)
        return y

    def train_experts(self, tokens: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        """Return every token once per chosen expert, then the weighted sum over its K copies: (N, C)."""
        copies = tokens.repeat_interleave(self.config.num_experts_per_tok, dim=0)  # (N * K, C)
        y = torch.empty_like(copies)
        for index, expert in enumerate(self.experts):
            mask = chosen.view(-1) == index  # (N * K,)
            y[mask] = expert(copies[mask]).to(y.dtype)
        return (y.view(*weights.shape, -1) * weights.unsqueeze(-1)).sum(dim=1)

    @torch.no_grad()
    def infer_experts(self, tokens: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        """Sort the (token, expert) pairs by expert, so that each expert runs once: (N, C)."""
        order = chosen.view(-1).argsort()  # (N * K,), pairs of expert 0 first
        ends = chosen.view(-1).bincount(minlength=len(self.experts)).cumsum(0).tolist()
        rows = order // self.config.num_experts_per_tok  # the token of each pair
        y = torch.zeros_like(tokens)
        for expert, (start, end) in zip(self.experts, pairwise([0, *ends]), strict=True):
            if start == end:
                continue  # no token chose this expert
            pairs = slice(start, end)
            out = expert(tokens[rows[pairs]]).to(y.dtype)  # (n, C)
            out.mul_(weights.view(-1, 1)[order[pairs]])
            y.scatter_add_(0, rows[pairs].view(-1, 1).repeat(1, y.shape[-1]), out)
        return y


class MoEGate(nn.Module):
    """The router: which K experts each token goes to, and with what weights."""

    def __init__(self, config: MiniMind2Config) -> None:
        super().__init__()
        self.config = config
        self.weight = nn.Parameter(torch.empty(config.n_routed_experts, config.dim))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scores = F.linear(x.view(-1, x.shape[-1]), self.weight).softmax(dim=-1)  # (N, E)
        weights, chosen = torch.topk(scores, self.config.num_experts_per_tok, dim=-1, sorted=False)  # (N, K)
        if self.config.num_experts_per_tok > 1 and self.config.norm_topk_prob:
            weights = weights / (weights.sum(dim=-1, keepdim=True) + 1e-20)
        batch = x.shape[0]
        aux_loss = self.balance_loss(scores, chosen, batch) if self.training else scores.new_zeros(())
        return chosen, weights, aux_loss

    def balance_loss(self, scores: Tensor, chosen: Tensor, batch: int) -> Tensor:
        """Smallest when, in every sequence, each expert gets the same share of tokens."""
        experts = self.config.n_routed_experts
        share = F.one_hot(chosen.view(batch, -1), experts).float().mean(dim=1)  # (B, E)
        mean_score = scores.view(batch, -1, experts).mean(dim=1)  # (B, E)
        return (share * experts * mean_score).sum(dim=1).mean() * self.config.aux_loss_alpha


class RMSNorm(nn.Module):
    """Divides by the root mean square over the last dimension, in float32."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        normed = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * normed.type_as(x)


def rope_table(head_dim: int, positions: int, theta: float) -> Tensor:
    """exp(i * position * frequency) as complex64, (positions, D / 2)."""
    frequencies = 1.0 / theta ** (torch.arange(0, head_dim, 2).float() / head_dim)  # (D / 2,)
    angles = torch.outer(torch.arange(positions).float(), frequencies)
    return torch.polar(torch.ones_like(angles), angles)


def apply_rope(x: Tensor, pos_cis: Tensor) -> Tensor:
    """Rotate channel 2i with channel 2i + 1 as one complex number; x is (B, T, heads, D)."""
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))  # (B, T, heads, D / 2)
    return torch.view_as_real(pairs * pos_cis[:, None, :]).flatten(3).type_as(x)


def repeat_heads(x: Tensor, times: int) -> Tensor:
    """(B, S, G, D) -> (B, S, G * times, D), each head `times` times in a row."""
    batch, length, heads, head_dim = x.shape
    if times == 1:
        return x
    return x[:, :, :, None, :].expand(-1, -1, -1, times, -1).reshape(batch, length, heads * times, head_dim)
