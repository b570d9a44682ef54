"""How figures write a term: labels and roles, by what is computed."""

from __future__ import annotations

import re
from collections.abc import Mapping

from archcheck.vocabulary.regions import Region
from archcheck.vocabulary.terms import Family, families

ROLES: Mapping[Family, str] = {
    **{
        family: family.value
        for family in families(
            "norm, activation, linear, convolution, embedding, position, attention, softmax, pooling, "
            "dropout, router, mask"
        )
    },
    Family.FEED_FORWARD: "feed_forward",
    Family.MIXTURE: "feed_forward",
    Family.RECURRENCE: "block",
    Family.RESAMPLING: "other",
}
_SIGNS: Mapping[str, str] = {
    "matrix product": "⊗",
    "scores": "⊗",
    "attend": "⊗",
    "product": "⊙",
    "gate": "⊙",
    "sum": "+",
    "difference": "−",
    "exact GELU": "GELU",
    "tanh GELU": "GELU",
    "learned positions": "Learned positional embedding",
    "sinusoidal positions": "Sinusoidal positional encoding",
    "relative positions": "Relative position bias",
    "state-space model": "SSM",
    "local response norm": "LRN",
    "max pooling": "Max pool",
    "average pooling": "Average pool",
    "global average pooling": "Global average pool",
    "global max pooling": "Global max pool",
    "upsampling": "Upsample",
    "downsampling": "Downsample",
    "resampling": "Resize",
    "stochastic depth": "Drop path",
    "gated feed-forward": "Feed-forward",
    "MHA": "Multi-head attention",
    "GQA": "Grouped-query attention",
    "MQA": "Multi-query attention",
    "MLA": "Multi-head latent attention",
    "single-head attention": "Attention",
}
_CONVOLUTIONS = {
    "convolution": "conv",
    "pointwise convolution": "conv",
    "depthwise convolution": "depthwise conv",
    "transposed convolution": "transposed conv",
}
QKV = {"q": "Q", "query": "Q", "k": "K", "key": "K", "v": "V", "value": "V", "qkv": "QKV", "kv": "KV"}


_TABLES = re.compile(r"token_type|word|token|segment|class|label|time")
"""The contents of tables, by their names in code."""


def sign(region: Region) -> str:
    """Return the sign that figures use for an operation."""
    return _SIGNS.get(region.term.name) or capital(region.term.name)


def label_of(region: Region, leaf: str, counts: Mapping[str, str] | None = None) -> str:
    """Return a figure's label for a module of a region; `leaf` is its name, `counts` those of attention."""
    match region.term.family:
        case Family.LINEAR:
            parts = [QKV[word] for word in re.split(r"[\W_]+", leaf.casefold()) if word in QKV]
            return f"Linear {''.join(parts)}".rstrip()
        case Family.CONVOLUTION:
            return _convolution(region)
        case Family.EMBEDDING:
            kind = _TABLES.search(leaf.casefold())
            return f"{capital(kind[0].replace('_', ' '))} embedding" if kind else "Embedding"
        case Family.ATTENTION:
            return _attention(region, counts or {})
    return sign(region)


_MASKED = {"MHA": "Masked multi-head attention", "single-head attention": "Masked attention"}


def _convolution(region: Region) -> str:
    kernel, stride = region.details.get("kernel"), region.details.get("stride")
    word = _CONVOLUTIONS.get(region.term.name, "conv")
    sizes = "×".join(map(str, kernel)) if isinstance(kernel, tuple) and len(kernel) > 1 else ""
    text = f"{sizes} {word}".strip()
    strides = set(stride) if isinstance(stride, tuple) else {stride}
    step = next(iter(strides)) if len(strides) == 1 else None
    return f"{text}, /{step}" if isinstance(step, int) and step > 1 and sizes else capital(text)


def _attention(region: Region, counts: Mapping[str, str]) -> str:
    """Return an attention's label: its kind, what it sees and, below, how many heads it has."""
    name, details = sign(region), region.details
    if details.get("window") and details.get("causal"):
        name = "Sliding-window attention"
    elif details.get("source") == "cross":
        name = {"MHA": "Multi-head cross-attention"}.get(region.term.name, "Cross-attention")
    elif details.get("causal") and region.term.name in _MASKED:
        name = _MASKED[region.term.name]
    heads = [f"{details[key]} {noun}" for key, noun in counts.items() if details.get(key)]
    return "\n".join([name, ", ".join(heads)]) if heads else name


def capital(text: str) -> str:
    """Return the text with its first letter capitalised."""
    return text[:1].upper() + text[1:]
