"""The field's terms, as plain values: name, class, and the more general terms it is a case of.

`RMSNorm` is a case of `Norm`: a box that says "Norm" is right about it, one that says "LayerNorm" is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Family(StrEnum):
    """The class of a term: a panel that draws one norm draws all of its norms."""

    NORM = "norm"
    ACTIVATION = "activation"
    LINEAR = "linear"
    CONVOLUTION = "convolution"
    EMBEDDING = "embedding"
    POSITION = "position"
    ATTENTION = "attention"
    SOFTMAX = "softmax"
    PRODUCT = "product"
    MATRIX_PRODUCT = "matrix product"
    SUM = "sum"
    SCALE = "scale"
    POOLING = "pooling"
    RESAMPLING = "resampling"
    DROPOUT = "dropout"
    FEED_FORWARD = "feed-forward"
    MIXTURE = "mixture"
    ROUTER = "router"
    RECURRENCE = "recurrence"
    CONCAT = "concat"
    SPLIT = "split"
    REPEAT = "repeat"
    MASK = "mask"
    TRANSPOSE = "transpose"
    REORDERING = "reordering"
    ELEMENTWISE = "elementwise"
    OFFSET = "offset"
    NOISE = "noise"
    SCAN = "scan"
    VALUE = "value"


def families(names: str) -> frozenset[Family]:
    """Return the families of these names.

    >>> sorted(families("norm, matrix product"))
    [<Family.MATRIX_PRODUCT: 'matrix product'>, <Family.NORM: 'norm'>]
    """
    return frozenset(map(Family, names.split(", ")))


@dataclass(frozen=True, slots=True)
class Term:
    """One term: `kinds` are the names of the more general terms that it is a case of, the nearest first."""

    name: str
    family: Family
    kinds: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


_TABLE: dict[Family, str] = {
    Family.NORM: "Norm; LayerNorm<Norm; RMSNorm<Norm; BatchNorm<Norm; GroupNorm<Norm; InstanceNorm<Norm; "
    "L2 norm<Norm; local response norm<Norm",
    Family.ACTIVATION: "activation; ReLU<activation; ReLU²<activation; ReLU6<activation; "
    "LeakyReLU<activation; "
    "PReLU<activation; ELU<activation; SELU<activation; CELU<activation; GELU<activation; exact GELU<GELU; "
    "tanh GELU<GELU; QuickGELU<GELU; SiLU<activation; Sigmoid<activation; LogSigmoid<activation; "
    "Tanh<activation; Mish<activation; Softplus<activation; Softsign<activation; Hardswish<activation; "
    "Hardsigmoid<activation; Hardtanh<activation; Sine<activation; Exp<activation",
    Family.LINEAR: "Linear",
    Family.CONVOLUTION: "convolution; pointwise convolution<convolution; "
    "depthwise convolution<convolution; transposed convolution<convolution",
    Family.EMBEDDING: "Embedding",
    Family.POSITION: "positions; RoPE<positions; learned positions<positions; "
    "sinusoidal positions<positions; "
    "relative positions<positions; ALiBi<relative positions",
    Family.ATTENTION: "attention; MHA<attention; GQA<attention; MQA<GQA; MLA<attention; "
    "single-head attention<attention; linear attention<attention",
    Family.SOFTMAX: "SoftMax; log SoftMax<SoftMax",
    Family.PRODUCT: "product; gate<product; GLU<gate; SwiGLU<GLU; GEGLU<GLU; ReGLU<GLU; sigmoid GLU<GLU; "
    "bilinear GLU<GLU",
    Family.MATRIX_PRODUCT: "matrix product; scores<matrix product; attend<matrix product",
    Family.SUM: "sum; difference<sum",
    Family.SCALE: "scale",
    Family.POOLING: "pooling; max pooling<pooling; average pooling<pooling; global average pooling<"
    "average pooling; global max pooling<max pooling",
    Family.RESAMPLING: "resampling; upsampling<resampling; downsampling<resampling",
    Family.DROPOUT: "dropout; stochastic depth<dropout",
    Family.FEED_FORWARD: "feed-forward; gated feed-forward<feed-forward",
    Family.MIXTURE: "mixture of experts",
    Family.ROUTER: "router; top-k<router",
    Family.RECURRENCE: "recurrence; RNN<recurrence; LSTM<recurrence; GRU<recurrence; "
    "state-space model<recurrence",
    Family.CONCAT: "concat; joined heads",
    Family.SPLIT: "split",
    Family.REPEAT: "repeat",
    Family.MASK: "mask",
    Family.TRANSPOSE: "transpose",
    Family.REORDERING: "flip; cyclic shift; sort; reordering",
    Family.ELEMENTWISE: "absolute value; power; clamp; rounding; function",
    Family.OFFSET: "offset",
    Family.NOISE: "noise",
    Family.SCAN: "running sum; running product",
    Family.VALUE: "query; key; value",
}


def _terms() -> dict[str, Term]:
    terms: dict[str, Term] = {}
    for family, text in _TABLE.items():
        for entry in text.split("; "):
            name, _, kind = entry.partition("<")
            terms[name] = Term(name, family, (kind, *terms[kind].kinds) if kind else ())
    return terms


TERMS: dict[str, Term] = _terms()
"""All terms by name."""


def is_a(name: str, kind: str) -> bool:
    """Return whether the term `name` is the term `kind`, or a special case of it.

    >>> is_a("RMSNorm", "Norm"), is_a("Norm", "RMSNorm"), is_a("tanh GELU", "GELU")
    (True, False, True)
    """
    return name == kind or kind in TERMS[name].kinds
