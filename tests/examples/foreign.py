"""torch's own layers, and code that a recorder may find hard to look into."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from tests.examples.case import Case, Expected, line_with, residual
from tests.examples.parts import VOCABULARY, Attention, D, Mlp, token_ids


class MultiheadAttention(nn.Module):
    """torch's attention gives a pair."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.attn = nn.MultiheadAttention(D, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        attended, _ = self.attn(h, h, h, need_weights=False)
        return x + attended  # sink


class Recurrent(nn.Module):
    """A residual around each of three recurrent modules, which give their state too."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(D, D, batch_first=True)
        self.gru = nn.GRU(D, D // 2, bidirectional=True, batch_first=True)
        self.rnn = nn.RNN(D, D, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.lstm(x)[0]  # sink lstm
        x = x + self.gru(x)[0]  # sink gru
        return x + self.rnn(x)[0]  # sink rnn


class Checkpointed(nn.Module):
    """Blocks are run under activation checkpointing."""

    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, D)
        self.block = _Block()
        self.f = Mlp()
        self.reentrant = reentrant

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        x = checkpoint(self.block, x, use_reentrant=self.reentrant)
        return x + checkpoint(self.f, x, use_reentrant=self.reentrant)  # sink


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.f = Attention()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(self.norm(x))  # sink


class _Squash(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # type: ignore[override]
        y = torch.tanh(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        (y,) = ctx.saved_tensors
        return grad * (1 - y * y)


class CustomFunction(nn.Module):
    """An autograd function of the user's own inside the branch."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()
        self.g = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.g(_Squash.apply(self.f(x)))  # sink


class ScriptedModule(nn.Module):
    """The branch is a scripted module."""

    def __init__(self) -> None:
        super().__init__()
        self.f = torch.jit.script(Mlp())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x)  # sink


def _squared_relu(x: Tensor) -> Tensor:
    return torch.relu(x) ** 2


class ScriptedFunction(nn.Module):
    """A scripted activation between two modules of the branch."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(D, D)
        self.act = torch.jit.script(_squared_relu)
        self.down = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(self.act(self.up(x)))  # sink


class CompiledPart(nn.Module):
    """The branch was compiled in place."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()
        self.f.compile(backend="eager")

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x)  # sink


class Hooked(nn.Module):
    """Forward hooks change what goes into the branch and what comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()
        self.f.register_forward_pre_hook(lambda module, args: (F.layer_norm(args[0], (D,)),))
        self.f.register_forward_hook(lambda module, args, output: torch.tanh(output))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x)  # sink


class Autocast(nn.Module):
    """The branch computes in bfloat16, the stream stays float32."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.f = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            h = self.f(self.norm(x))
        return x + h  # sink


class NoGrad(nn.Module):
    """A frozen first half."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()
        self.g = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = x + self.f(x)  # sink f
        return x + self.g(x)  # sink g


class ComplexStream(nn.Module):
    """A residual between complex tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Linear(D, D, dtype=torch.complex64)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x)  # sink


class FourierFilter(nn.Module):
    """A learned filter in the frequency domain: positions are mixed by no module."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.filter = nn.Parameter(torch.empty(4, D, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(self.norm(x), dim=1, norm="ortho") * self.filter
        return x + torch.fft.irfft(spectrum, n=x.shape[1], dim=1, norm="ortho")  # sink


class FourierMixing(nn.Module):
    """FNet: the branch has no parameter and mixes positions."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + torch.fft.fft(torch.fft.fft(x, dim=-1), dim=-2).real)  # sink


class Cached(nn.Module):
    """Keys and values of an earlier call are concatenated inside the attention."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.attn = _CachedAttention()

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        attended, present = self.attn(self.norm(x), past)
        return x + attended, present  # sink


class _CachedAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(D, 3 * D)

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        k = torch.cat([past[0], k], dim=1)
        v = torch.cat([past[1], v], dim=1)
        return F.scaled_dot_product_attention(q, k, v), (k, v)


class TiedWeights(nn.Module):
    """The embedding's weight is the head's too."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, D)
        self.block = _Block()
        self.head = nn.Linear(D, VOCABULARY, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.block(self.embed(ids)))


_ENCODER = nn.TransformerEncoderLayer
_DECODER = nn.TransformerDecoderLayer
_FEED_FORWARD = "linear1 dropout linear2"


def _rows(scope: str, *rows: tuple[str, str, tuple[str, int]]) -> tuple[Expected, ...]:
    """Identity residuals that one module executes: source, branch, place of torch's own add."""
    return tuple(
        Expected("identity", scope, scope, source, tuple(branch.split()), place)
        for source, branch, place in rows
    )


def _encoder(scope: str = "") -> tuple[Expected, ...]:
    return _rows(
        scope,
        ("input", "self_attn dropout1", line_with(_ENCODER, "self.norm1(x + self._sa_block(x,")),
        ("norm1", f"{_FEED_FORWARD} dropout2", line_with(_ENCODER, "self.norm2(x + self._ff_block(x))")),
    )


def _encoder_norm_first(scope: str = "") -> tuple[Expected, ...]:
    return _rows(
        scope,
        ("input", "norm1 self_attn dropout1", line_with(_ENCODER, "x = x + self._sa_block(")),
        (
            "sink(dropout1)",
            f"norm2 {_FEED_FORWARD} dropout2",
            line_with(_ENCODER, "x = x + self._ff_block("),
        ),
    )


def _decoder(scope: str = "") -> tuple[Expected, ...]:
    return _rows(
        scope,
        ("input", "self_attn dropout1", line_with(_DECODER, "self.norm1(x + self._sa_block(x,")),
        ("norm1", "multihead_attn dropout2", line_with(_DECODER, "self.norm2(x + self._mha_block(x,")),
        ("norm2", f"{_FEED_FORWARD} dropout3", line_with(_DECODER, "self.norm3(x + self._ff_block(x))")),
    )


def _decoder_norm_first(scope: str = "") -> tuple[Expected, ...]:
    return _rows(
        scope,
        ("input", "norm1 self_attn dropout1", line_with(_DECODER, "x = x + self._sa_block(")),
        ("sink(dropout1)", "norm2 multihead_attn dropout2", line_with(_DECODER, "x = x + self._mha_block(")),
        (
            "sink(dropout2)",
            f"norm3 {_FEED_FORWARD} dropout3",
            line_with(_DECODER, "x = x + self._ff_block("),
        ),
    )


def _decoder_inputs() -> tuple[Tensor, Tensor]:
    return torch.randn(2, 5, D), torch.randn(2, 4, D)


_RECURRENT = (("input", "lstm"), ("sink(lstm)", "gru"), ("sink(gru)", "rnn"))

CASES = (
    Case("MultiheadAttention", MultiheadAttention, (residual(MultiheadAttention, "input", "norm attn"),)),
    Case("EncoderLayer", lambda: nn.TransformerEncoderLayer(D, 2, 16, batch_first=True), _encoder()),
    Case(
        "EncoderLayerInTraining",
        lambda: nn.TransformerEncoderLayer(D, 2, 16, batch_first=True),
        _encoder(),
        train=True,
    ),
    Case(
        "EncoderLayerNormFirst",
        lambda: nn.TransformerEncoderLayer(D, 2, 16, batch_first=True, norm_first=True),
        _encoder_norm_first(),
    ),
    Case(
        "EncoderLayerFastPath",
        lambda: nn.TransformerEncoderLayer(D, 2, 16, batch_first=True).requires_grad_(False),
        _encoder(),
        unseen="the fused kernel calls no module, hooks or not" if torch.__version__ < "2.5" else "",
    ),
    Case(
        "Encoder",
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(D, 2, 16, batch_first=True), 2),
        (*_encoder("layers.0"), *_encoder("layers.1")),
    ),
    Case(
        "DecoderLayer",
        lambda: nn.TransformerDecoderLayer(D, 2, 16, batch_first=True),
        _decoder(),
        inputs=_decoder_inputs,
    ),
    Case(
        "DecoderLayerNormFirst",
        lambda: nn.TransformerDecoderLayer(D, 2, 16, batch_first=True, norm_first=True),
        _decoder_norm_first(),
        inputs=_decoder_inputs,
    ),
    Case(
        "Transformer",
        lambda: nn.Transformer(D, 2, 1, 1, 16, batch_first=True),
        (*_encoder("encoder.layers.0"), *_decoder("decoder.layers.0")),
        inputs=_decoder_inputs,
    ),
    Case(
        "Recurrent",
        Recurrent,
        tuple(residual(Recurrent, source, branch, branch) for source, branch in _RECURRENT),
    ),
    *(
        Case(
            f"Checkpointed{'Reentrant' * reentrant}",
            lambda reentrant=reentrant: Checkpointed(reentrant),  # type: ignore[misc]
            (
                residual(_Block, "input", "norm f", scope="block"),
                residual(Checkpointed, "block", "f"),
            ),
            inputs=token_ids,
            train=True,
        )
        for reentrant in (False, True)
    ),
    Case("CustomFunction", CustomFunction, (residual(CustomFunction, "input", "f g"),)),
    Case(
        "ScriptedModule",
        ScriptedModule,
        (residual(ScriptedModule, "input", "f"),),
        unseen="a scripted module takes no hooks",
    ),
    Case("ScriptedFunction", ScriptedFunction, (residual(ScriptedFunction, "input", "up down"),)),
    Case(
        "CompiledPart",
        CompiledPart,
        (residual(CompiledPart, "input", "f"),),
        unseen="hooks would be compiled along with the module",
    ),
    Case("Hooked", Hooked, (residual(Hooked, "input", "f"),)),
    Case("Autocast", Autocast, (residual(Autocast, "input", "norm f"),)),
    Case("NoGrad", NoGrad, (residual(NoGrad, "input", "f", "f"), residual(NoGrad, "sink(f)", "g", "g"))),
    Case(
        "ComplexStream",
        ComplexStream,
        (residual(ComplexStream, "input", "f"),),
        inputs=lambda: (torch.randn(2, 6, D, dtype=torch.complex64),),
    ),
    Case("FourierFilter", FourierFilter, (residual(FourierFilter, "input", "norm"),)),
    Case("FourierMixing", FourierMixing, (residual(FourierMixing, "input", ""),)),
    Case(
        "Cached",
        Cached,
        (residual(Cached, "input", "norm attn"),),
        inputs=lambda: (torch.randn(2, 3, D), (torch.randn(2, 4, D), torch.randn(2, 4, D))),
    ),
    Case(
        "TiedWeights",
        TiedWeights,
        (residual(_Block, "input", "norm f", scope="block"),),
        inputs=token_ids,
    ),
)
