"""minimind-3: a small decoder-only language model, dense or with a mixture of experts.

Read from the top: the language model, the stack of layers, one layer, and what a layer is made of.
Shapes in the comments:

    B  sequences in the batch                 H  query heads (num_attention_heads)
    T  positions given in this call           G  key/value heads (num_key_value_heads)
    S  positions attended to: cached + T      D  channels of a head (head_dim)
    C  channels (hidden_size)                 E  experts;  K  experts per token
    V  vocabulary                             N  tokens, B * T
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KeyValue = tuple[Tensor, Tensor]  # keys and values of one layer, each (B, S, G, D)

ACTIVATIONS = {"silu": nn.SiLU, "gelu": nn.GELU, "relu": nn.ReLU}


@dataclass
class MiniMindConfig:
    """The published defaults; a size left at 0 follows from the others."""

    vocab_size: int = 6400
    hidden_size: int = 768
    num_hidden_layers: int = 8
    num_attention_heads: int = 8
    num_key_value_heads: int = 4
    head_dim: int = 0  # hidden_size / num_attention_heads
    intermediate_size: int = 0  # hidden_size * pi, up to a multiple of 64
    hidden_act: str = "silu"
    max_position_embeddings: int = 32768
    rope_theta: float = 1e6
    rms_norm_eps: float = 1e-6
    dropout: float = 0.0
    flash_attn: bool = True
    tie_word_embeddings: bool = True
    use_moe: bool = False
    num_experts: int = 4
    num_experts_per_tok: int = 1
    moe_intermediate_size: int = 0  # intermediate_size
    norm_topk_prob: bool = True
    router_aux_loss_coef: float = 5e-4

    def __post_init__(self) -> None:
        self.head_dim = self.head_dim or self.hidden_size // self.num_attention_heads
        self.intermediate_size = self.intermediate_size or math.ceil(self.hidden_size * math.pi / 64) * 64
        self.moe_intermediate_size = self.moe_intermediate_size or self.intermediate_size


class MiniMindOutput(NamedTuple):
    """What the language model returns.

    `logits` is (B, T, V). `past_key_values` has one entry per layer, None without `use_cache`. `aux_loss` is
    a scalar to be added to the training loss, zero in evaluation and in the dense model.
    """

    logits: Tensor
    past_key_values: list[KeyValue | None]
    aux_loss: Tensor


def build(**config_overrides: object) -> MiniMindForCausalLM:
    """Return a model with random weights; `use_moe=True` for the mixture of experts.

    >>> build(hidden_size=64, vocab_size=64)(torch.zeros(1, 5, dtype=torch.long)).logits.shape
    torch.Size([1, 5, 64])
    """
    return MiniMindForCausalLM(MiniMindConfig(**config_overrides))  # type: ignore[arg-type]


class MiniMindForCausalLM(nn.Module):
    """Token ids in, next-token logits out."""

    def __init__(self, config: MiniMindConfig) -> None:
        super().__init__()
        self.config = config
        self.model = MiniMindModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.model.embed_tokens.weight = self.lm_head.weight

    def forward(
        self,
        input_ids: Tensor,  # (B, T)
        attention_mask: Tensor | None = None,  # (B, S), 0 at padding
        past_key_values: list[KeyValue | None] | None = None,
        use_cache: bool = False,
    ) -> MiniMindOutput:
        hidden_states, presents, aux_loss = self.model(input_ids, attention_mask, past_key_values, use_cache)
        return MiniMindOutput(self.lm_head(hidden_states), presents, aux_loss)


class MiniMindModel(nn.Module):
    """Embedding, the stack of layers, and the last norm."""

    freqs_cos: Tensor
    freqs_sin: Tensor

    def __init__(self, config: MiniMindConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(MiniMindBlock(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        cos, sin = self.position_tables()
        self.register_buffer("freqs_cos", cos, persistent=False)
        self.register_buffer("freqs_sin", sin, persistent=False)

    def forward(
        self,
        input_ids: Tensor,  # (B, T)
        attention_mask: Tensor | None = None,
        past_key_values: list[KeyValue | None] | None = None,
        use_cache: bool = False,
    ) -> tuple[Tensor, list[KeyValue | None], Tensor]:
        past_key_values = past_key_values or [None] * len(self.layers)
        start = past_key_values[0][0].shape[1] if past_key_values[0] is not None else 0
        end = start + input_ids.shape[1]

        hidden_states = self.dropout(self.embed_tokens(input_ids))  # (B, T, C)

        # cos(0) is 1; a zero means that a model initialised on the meta device lost its buffers.
        if self.freqs_cos[0, 0] == 0:
            cos, sin = self.position_tables()
            self.freqs_cos, self.freqs_sin = cos.to(hidden_states.device), sin.to(hidden_states.device)
        position_embeddings = (self.freqs_cos[start:end], self.freqs_sin[start:end])  # 2 x (T, D)

        presents: list[KeyValue | None] = []
        for layer, past_key_value in zip(self.layers, past_key_values, strict=True):
            hidden_states, present = layer(
                hidden_states, position_embeddings, past_key_value, use_cache, attention_mask
            )
            presents.append(present)
        hidden_states = self.norm(hidden_states)

        aux_losses = [layer.mlp.aux_loss for layer in self.layers if isinstance(layer.mlp, MoEFeedForward)]
        return hidden_states, presents, sum(aux_losses, hidden_states.new_zeros(()))

    def position_tables(self) -> tuple[Tensor, Tensor]:
        config = self.config
        return rope_tables(config.head_dim, config.max_position_embeddings, config.rope_theta)


class MiniMindBlock(nn.Module):
    """One pre-norm layer: the two residual connections of the model are implemented here."""

    def __init__(self, config: MiniMindConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = MoEFeedForward(config) if config.use_moe else FeedForward(config, config.intermediate_size)

    def forward(
        self,
        hidden_states: Tensor,  # (B, T, C)
        position_embeddings: tuple[Tensor, Tensor],
        past_key_value: KeyValue | None = None,
        use_cache: bool = False,
        attention_mask: Tensor | None = None,
    ) -> tuple[Tensor, KeyValue | None]:
        residual = hidden_states
        normed = self.input_layernorm(hidden_states)
        hidden_states, present = self.self_attn(
            normed, position_embeddings, past_key_value, use_cache, attention_mask
        )
        hidden_states += residual  # in place, on the tensor that attention returned
        hidden_states = hidden_states + self.mlp(self.post_attention_layernorm(hidden_states))
        return hidden_states, present


class Attention(nn.Module):
    """Grouped-query attention: H / G query heads share each key/value head."""

    def __init__(self, config: MiniMindConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.groups = config.num_attention_heads // config.num_key_value_heads
        self.q_proj = nn.Linear(config.hidden_size, config.num_attention_heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, config.num_key_value_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, config.num_key_value_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(config.num_attention_heads * self.head_dim, config.hidden_size, bias=False)
        self.q_norm = RMSNorm(self.head_dim, config.rms_norm_eps)
        self.k_norm = RMSNorm(self.head_dim, config.rms_norm_eps)
        self.attn_dropout = nn.Dropout(config.dropout)
        self.resid_dropout = nn.Dropout(config.dropout)
        self.dropout = config.dropout
        self.flash = config.flash_attn

    def forward(
        self,
        x: Tensor,  # (B, T, C)
        position_embeddings: tuple[Tensor, Tensor],
        past_key_value: KeyValue | None = None,
        use_cache: bool = False,
        attention_mask: Tensor | None = None,
    ) -> tuple[Tensor, KeyValue | None]:
        batch, length, _ = x.shape
        q = self.q_proj(x).view(batch, length, -1, self.head_dim)  # (B, T, H, D)
        k = self.k_proj(x).view(batch, length, -1, self.head_dim)  # (B, T, G, D)
        v = self.v_proj(x).view(batch, length, -1, self.head_dim)  # (B, T, G, D)
        q, k = self.q_norm(q), self.k_norm(k)
        q, k = apply_rope(q, *position_embeddings), apply_rope(k, *position_embeddings)

        if past_key_value is not None:
            k = torch.cat([past_key_value[0], k], dim=1)  # (B, S, G, D)
            v = torch.cat([past_key_value[1], v], dim=1)
        present = (k, v) if use_cache else None

        q = q.transpose(1, 2)  # (B, H, T, D)
        k = repeat_heads(k, self.groups).transpose(1, 2)  # (B, H, S, D)
        v = repeat_heads(v, self.groups).transpose(1, 2)

        no_padding = attention_mask is None or bool(torch.all(attention_mask == 1))
        if self.flash and length > 1 and past_key_value is None and no_padding:
            dropout = self.dropout if self.training else 0.0
            y = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)
        else:
            scores = q @ k.transpose(-2, -1) / math.sqrt(self.head_dim)  # (B, H, T, S)
            future = torch.full((length, length), -math.inf, device=x.device).triu(1)
            scores[:, :, :, -length:] += future
            if attention_mask is not None:
                scores += (1.0 - attention_mask[:, None, None, :]) * -1e9
            y = self.attn_dropout(F.softmax(scores.float(), dim=-1).type_as(q)) @ v

        y = y.transpose(1, 2).reshape(batch, length, -1)  # (B, T, H * D)
        return self.resid_dropout(self.o_proj(y)), present


class FeedForward(nn.Module):
    """SwiGLU: a gate decides how much of each up-projected channel passes."""

    def __init__(self, config: MiniMindConfig, intermediate_size: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, intermediate_size, bias=False)
        self.down_proj = nn.Linear(intermediate_size, config.hidden_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, intermediate_size, bias=False)
        self.act_fn = ACTIVATIONS[config.hidden_act]()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))
        return y


class MoEFeedForward(nn.Module):
    """A router sends each token to its K best experts; their outputs are summed by the router's weights.

    `aux_loss` is the load-balancing loss of the last call in training mode, else zero.
    """

    aux_loss: Tensor

    def __init__(self, config: MiniMindConfig) -> None:
        super().__init__()
        self.config = config
        self.gate = nn.Linear(config.hidden_size, config.num_experts, bias=False)
        self.experts = nn.ModuleList(
            FeedForward(config, config.moe_intermediate_size) for _ in range(config.num_experts)
        )

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.view(-1, x.shape[-1])  # (N, C)
        scores = F.softmax(self.gate(tokens), dim=-1)  # (N, E)
        weights, chosen = torch.topk(scores, self.config.num_experts_per_tok, dim=-1, sorted=False)  # (N, K)
        if self.config.norm_topk_prob:
            weights = weights / (weights.sum(dim=-1, keepdim=True) + 1e-20)

        y = torch.zeros_like(tokens)
        for index, expert in enumerate(self.experts):
            mask = chosen == index  # (N, K), true where a token chose this expert
            if mask.any():
                rows = mask.any(dim=-1).nonzero().flatten()  # the n tokens of this expert
                y.index_add_(0, rows, (expert(tokens[rows]) * weights[mask].view(-1, 1)).to(y.dtype))
            elif self.training:  # nothing is added, but every parameter gets a gradient
                y[0, 0] += 0 * sum(parameter.sum() for parameter in expert.parameters())

        self.aux_loss = self.balance_loss(scores, chosen) if self.training else scores.new_zeros(())
        return y.view(x.shape)

    def balance_loss(self, scores: Tensor, chosen: Tensor) -> Tensor:
        """Smallest when every expert gets the same share of tokens; summed over the K choices."""
        load = F.one_hot(chosen, self.config.num_experts).float().mean(dim=0)  # (K, E)
        return (load * scores.mean(dim=0)).sum() * self.config.num_experts * self.config.router_aux_loss_coef


class RMSNorm(nn.Module):
    """Divides by the root mean square over the last dimension, in float32."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        normed = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return (self.weight * normed).type_as(x)


def rope_tables(head_dim: int, positions: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine of position times frequency, each (positions, D); both halves of D are alike."""
    frequencies = 1.0 / theta ** (torch.arange(0, head_dim, 2).float() / head_dim)  # (D / 2,)
    angles = torch.outer(torch.arange(positions).float(), frequencies)  # (positions, D / 2)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def apply_rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate channel i with channel i + D / 2; x is (B, T, heads, D), cos and sin are (T, D)."""
    first, second = x.chunk(2, dim=-1)
    rotated = torch.cat([-second, first], dim=-1)
    return (x * cos[:, None, :] + rotated * sin[:, None, :]).to(x.dtype)


def repeat_heads(x: Tensor, times: int) -> Tensor:
    """(B, S, G, D) -> (B, S, G * times, D), each head `times` times in a row."""
    batch, length, heads, head_dim = x.shape
    if times == 1:
        return x
    return x[:, :, :, None, :].expand(-1, -1, -1, times, -1).reshape(batch, length, heads * times, head_dim)
