"""Activations, norms, linear maps, pools, shares and sums: what they do to the numbers they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from archcheck.tracing.behaviours.probing import Behaviour, Replay, same

_FORMULAS: dict[str, Callable[[Tensor], Tensor]] = {
    "ReLU": F.relu,
    "ReLU²": lambda x: F.relu(x).square(),
    "ReLU6": F.relu6,
    "SiLU": F.silu,
    "exact GELU": F.gelu,
    "tanh GELU": lambda x: F.gelu(x, approximate="tanh"),
    "QuickGELU": lambda x: x * torch.sigmoid(1.702 * x),
    "Sigmoid": torch.sigmoid,
    "Tanh": torch.tanh,
    "LogSigmoid": F.logsigmoid,
    "Mish": F.mish,
    "Softplus": F.softplus,
    "Softsign": F.softsign,
    "Hardswish": F.hardswish,
    "Hardsigmoid": F.hardsigmoid,
    "Hardtanh": F.hardtanh,
    "SELU": F.selu,
}


def _activation(replay: Replay) -> str | None:
    name = replay.single()
    like = replay.shape_of(name)
    probe = torch.linspace(-5, 5, like.numel(), dtype=like.dtype, device=like.device).reshape(like.shape)
    result = replay(**{name: probe})
    formula = _FORMULAS.get(replay.term)
    if formula is not None:
        return "" if same(result, formula(probe), 2e-5) else "its values are not those of the formula"
    changed = probe.clone()
    changed.view(-1)[0] += 1.0
    others = (replay(**{name: changed}) - result).reshape(-1)[1:]
    return "" if not others.any() else "one element changes others"


def _invariant(scaled: bool, shifted: bool) -> Callable[[Replay], str | None]:
    def test(replay: Replay) -> str | None:
        name = replay.single()
        probe = replay.probe(name, 1e3)  # so large that no epsilon counts, however few elements are normed
        result = replay(**{name: probe})
        if result.abs().max() == 0:
            return None
        if same(replay(**{name: 3 * probe}), result) != scaled:
            return f"scaling its input {'changes' if scaled else 'does not change'} its result"
        if same(replay(**{name: probe + 1.5e3}), result) != shifted:
            return f"shifting its input {'changes' if shifted else 'does not change'} its result"
        return ""

    return test


def _batch_norm(replay: Replay) -> str | None:
    return "" if _affine(replay) == "" else _invariant(True, True)(replay)


def _affine(replay: Replay) -> str | None:
    name = replay.single()
    one, other = replay.probe(name), replay.probe(name)
    middle = replay(**{name: (one + other) / 2})
    expected = (replay(**{name: one}) + replay(**{name: other})) / 2
    return "" if same(middle, expected) else "it is not affine"


def _softmax(replay: Replay) -> str | None:
    name, dim = replay.single(), replay.details.get("dim")
    result = replay(**{name: replay.probe(name)})
    if not isinstance(dim, int):
        return None
    if result.min() < 0:
        return "it gives a negative share"
    total = result.sum(dim)
    return "" if same(total, torch.ones_like(total)) else f"its shares over dimension {dim} do not sum to one"


def _max_pooling(replay: Replay) -> str | None:
    name = replay.single()
    probe = replay.probe(name)
    shifted = replay(**{name: 2 * probe + 3})
    return "" if same(shifted, 2 * replay(**{name: probe}) + 3) else "it does not keep the order of values"


def _softmax_logarithm(replay: Replay) -> str | None:
    name, dim = replay.single(), replay.details.get("dim")
    if not isinstance(dim, int):
        return None
    total = replay(**{name: replay.probe(name)}).exp().sum(dim)
    return "" if same(total, torch.ones_like(total)) else "its shares do not sum to one"


def _local_norm(replay: Replay) -> str | None:
    name = replay.single()
    probe = replay.probe(name)
    result = replay(**{name: probe})
    return "" if bool((result * probe >= 0).all()) else "it changes signs"


def _sum(replay: Replay) -> str | None:
    """Affine in all summands together, and each of them by itself moves the result."""
    names = replay.streams()
    one = {name: replay.probe(name) for name in names}
    other = {name: replay.probe(name) for name in names}
    middle = replay(**{name: (one[name] + other[name]) / 2 for name in names})
    if not same(middle, (replay(**one) + replay(**other)) / 2):
        return "it is not affine in its summands"
    still = [name for name in names if same(replay(**{**one, name: other[name]}), replay(**one))]
    return "a summand does not change the result" if still else ""


def _product(replay: Replay) -> str | None:
    """Of degree one in each factor, or minus one in a divisor; of two in what is multiplied with itself.

    A single factor may also stand beside a number that was drawn at random.
    """
    names = replay.streams()
    probes = {name: replay.probe(name) for name in names}
    result = replay(**probes)
    times = (3, 9, 1 / 3) if len(set(replay.inputs.values())) == 1 else (3, 1 / 3)
    for name in names:
        scaled = replay(**{**probes, name: 3 * probes[name]})
        if not any(same(scaled, factor * result) for factor in times):
            return "scaling a factor does not scale its result"
    return ""


def _scale(replay: Replay) -> str | None:
    name = replay.single()
    one, other = replay.probe(name), replay.probe(name)
    expected = replay(**{name: one}) + 2 * replay(**{name: other})
    return "" if same(replay(**{name: one + 2 * other}), expected) else "it is not linear"


def _power(replay: Replay) -> str | None:
    """Scaling what is raised scales the result, by the same factor everywhere."""
    name = replay.single()
    probe = replay.probe(name).abs() + 0.5
    ratio = replay(**{name: 2 * probe}) / replay(**{name: probe})
    return (
        "" if same(ratio, ratio.reshape(-1)[0].expand_as(ratio)) else "it raises elements to different powers"
    )


def _magnitude(replay: Replay) -> str | None:
    name = replay.single()
    probe = replay.probe(name)
    return "" if same(replay(**{name: probe}), probe.abs()) else "its values are not the magnitudes"


def _idempotent(replay: Replay) -> str | None:
    name = replay.single()
    once = replay(**{name: replay.probe(name, 5.0)})
    return "" if same(replay(**{name: once}), once) else "applied again it changes its result"


def _dropout(replay: Replay) -> str | None:
    """Each element stays as it is, is scaled as all that are kept, or is dropped."""
    name = replay.single()
    probe = replay.probe(name)
    ratio = (replay(**{name: probe}) / probe).reshape(-1)
    kept = ratio[ratio.abs() > 1e-9]
    return (
        "" if kept.numel() == 0 or same(kept, kept[0].expand_as(kept)) else "it scales elements differently"
    )


BEHAVIOURS: Mapping[str, Behaviour] = {
    "activation": _activation,
    "LayerNorm": _invariant(True, True),
    "GroupNorm": _invariant(True, True),
    "InstanceNorm": _invariant(True, True),
    "RMSNorm": _invariant(True, False),
    "L2 norm": _invariant(True, False),
    "BatchNorm": _batch_norm,
    "local response norm": _local_norm,
    "linear": _affine,
    "convolution": _affine,
    "average pooling": _affine,
    "global average pooling": _affine,
    "max pooling": _max_pooling,
    "global max pooling": _max_pooling,
    "softmax": _softmax,
    "log SoftMax": _softmax_logarithm,
    "sum": _sum,
    "product": _product,
    "scale": _scale,
    "power": _power,
    "absolute value": _magnitude,
    "clamp": _idempotent,
    "rounding": _idempotent,
    "dropout": _dropout,
}
