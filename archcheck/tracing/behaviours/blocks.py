"""RoPE, attention and its parts, gates, feed-forward networks, recurrences: what depends on what."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from archcheck.tracing.arguments import arguments
from archcheck.tracing.behaviours.probing import Behaviour, Replay, same
from archcheck.tracing.tape import Step

_GATES: dict[str, Callable[[Tensor], Tensor]] = {
    "SwiGLU": F.silu,
    "ReGLU": F.relu,
    "sigmoid GLU": torch.sigmoid,
}


_NOTHING = (
    1e-30  # shares this small are of keys that a mask of large numbers hides, and have no exact logarithm
)


def _rotary(replay: Replay) -> str | None:
    one, other = replay.probe("stream"), replay.probe("stream")
    turned, second = replay(stream=one), replay(stream=other)
    if not same(replay(stream=one + 2 * other), turned + 2 * second):
        return "it is not linear in the stream"
    if replay.details.get("turned") != one.shape[-1] or turned.shape[-1] != one.shape[-1]:
        return ""
    distance = _pairs(replay, one)
    if not all(_is_in_pairs(table, distance) for table in replay.tables()):
        return None  # two halves of a pair have angles of their own, by the model's settings
    ratios = [after.norm(dim=-1) / before.norm(dim=-1) for before, after in ((one, turned), (other, second))]
    return "" if same(ratios[0], ratios[1]) else "it does not keep norms"


def _pairs(replay: Replay, probe: Tensor) -> int:
    """How far the channel that is turned with the first one stands behind it."""
    single = torch.zeros_like(probe)
    single[..., 0] = 1.0
    moved = replay(stream=single).abs().reshape(-1, probe.shape[-1]).amax(0).nonzero().flatten().tolist()
    return max(moved, default=0)


def _is_in_pairs(table: Tensor, distance: int) -> bool:
    """Do both channels of each pair have the same value? Pairs are halves apart, or neighbours."""
    half = table.shape[-1] // 2 if table.ndim else 0
    if half < 1 or table.shape[-1] % 2:
        return True
    if distance == 1:
        return not (table[..., ::2] - table[..., 1::2]).any()
    return not (table[..., :half] - table[..., half:]).any()


def _attention(replay: Replay) -> str | None:
    if replay.term == "linear attention":
        return None  # its weights need not sum to one
    value = replay.shape_of("value")
    is_share = not any(
        step in ("cat", "concat") for step in (replay.steps_of_run[at].name for at in replay.steps)
    )
    if is_share:
        result = replay(value=torch.ones_like(value))
        attended = result.abs().amax(-1) > 0  # a query that sees no key gets nothing
        if not same(result[attended], torch.ones_like(result[attended])):
            return "equal values do not come out unchanged"
    causal = replay.details.get("causal")
    names = {replay.steps_of_run[at].name for at in replay.steps}
    result = replay(value=value)
    reads = [operand[0] for operand in replay.steps_of_run[replay.steps[-1]].operands]
    turned = len(reads) == 2 and reads[0] == replay.inputs["value"]  # the positions are the last dimension
    if (
        causal is None
        or turned
        or replay.invented - {replay.inputs[role] for role in ("query", "key", "value")}
        or "einsum" in names
        or result.shape[-2] != value.shape[-2]
        or value.shape[-2] < 2
    ):
        return ""
    for at in range(value.shape[-2] - 1, 0, -1):
        later = value.clone()
        later[..., at, :] += 1.0
        before, after = result[..., :at, :], replay(value=later)[..., :at, :]
        if causal:
            return "" if same(after, before, 1e-6) else "a later token changes an earlier result"
        if "window" in replay.details or not torch.equal(before, after):
            return ""
    return "a later token changes no earlier result"


def _gated(replay: Replay) -> str | None:
    gate, up = replay.probe("gate"), replay.probe("up")
    result = replay(gate=gate, up=up)
    if not same(replay(gate=gate, up=2 * up), 2 * result):
        return "it is not linear in the value that is gated"
    act = _GATES.get(replay.term)
    expected = replay(gate=gate, up=torch.ones_like(up))
    return "" if act is None or same(act(gate), expected) else "its gate is another function"


def _parts_of_attention(replay: Replay) -> str | None:
    """Test a step of a fused attention by the whole: with an identity as values it gives its weights."""
    if replay.inputs["value"] in (replay.inputs["key"], replay.inputs["query"]):
        return None  # they can't be changed one without the other
    query, value = replay.probe("query"), replay.shape_of("value")
    part, keys = replay.details.get("part"), value.shape[-2]
    if part == "attend":
        one, other = replay.probe("value"), replay.probe("value")
        expected = replay(value=one) + 2 * replay(value=other)
        return "" if same(replay(value=one + 2 * other), expected) else "it is not linear in the values"
    rows = torch.eye(keys, dtype=value.dtype).expand(*value.shape[:-1], keys)
    weights = replay(query=query, value=rows)
    total = weights.sum(-1)
    seen = total > 0.5
    if weights.min() < 0 or not same(total[seen], torch.ones_like(total[seen])):
        return "its weights are not shares of one"
    if part == "mask":
        other = replay(query=replay.probe("query"), value=rows)
        return "" if torch.equal(weights > 0, other > 0) else "what it hides depends on the queries"
    if part == "scores":
        shares = [replay(query=factor * query, value=rows) for factor in (0, 1, 2)]
        shown = torch.stack([each > _NOTHING for each in shares]).all(0).all(-1)
        if not shown.any():
            return None
        level, once, twice = (each - each[..., :1] for each in (share[shown].log() for share in shares))
        is_linear = same(twice - level, 2 * (once - level))
        return "" if is_linear else "its scores are not linear in the queries"
    return ""


def _alone(replay: Replay) -> str | None:
    """Test a network that acts on each position alone, in either order of channels and positions."""
    if any(_mixes_positions(replay.steps_of_run[at]) for at in replay.steps):
        return None
    name = replay.single()
    probe = replay.probe(name)
    if probe.ndim < 2 or min(probe.shape[probe.ndim > 2 :]) < 2:
        return None
    changed = probe.clone()
    changed.view(-1)[0] += 1.0
    moved = replay(**{name: changed}) != replay(**{name: probe})
    moved = moved[0] if moved.ndim > 2 else moved
    if not bool(moved.any()):
        return None
    last, first = moved.reshape(-1, moved.shape[-1]).any(-1), moved.flatten(1).any(0)
    return "" if int(last.sum()) == 1 or int(first.sum()) == 1 else "one position changes others"


def _mixes_positions(step: Step) -> bool:
    """Return whether a step acts on a few neighbours at once, or norms over the batch."""
    is_over_batch = step.name == "batch_norm" and arguments(step, step.name)[0].get("training")
    return step.name.startswith("conv") or bool(is_over_batch)


def _recurrence(replay: Replay) -> str | None:
    """Test that an earlier step changes later results, and no later one an earlier, along some dimension."""
    if replay.details.get("bidirectional"):
        return None
    names = replay.streams()
    name = names[0]
    probe = replay.probe(name)
    before = _first(replay.raw(**{name: probe}))
    if before is None or before.ndim != probe.ndim or probe.ndim < 2:
        return None
    for dim in range(probe.ndim - 1):
        length = probe.shape[dim]
        if length < 2 or before.shape[dim] != length:
            continue
        changed = probe.clone()
        changed.select(dim, length // 2).add_(1.0)
        after = _first(replay.raw(**{name: changed}))
        moved = [
            after is not None and not torch.equal(after.select(dim, at), before.select(dim, at))
            for at in range(length)
        ]
        if not any(moved[: length // 2]) and all(moved[length // 2 :]):
            return ""
    return "no dimension of it is time" if min(probe.shape[:-1]) > 1 else None


def _first(result: object) -> Tensor | None:
    while isinstance(result, tuple | list) and result:
        result = result[0]
    return result if isinstance(result, Tensor) else None


BEHAVIOURS: Mapping[str, Behaviour] = {
    "RoPE": _rotary,
    "attention": _attention,
    "part of attention": _parts_of_attention,
    **dict.fromkeys(("gate", "GLU", "SwiGLU", "GEGLU", "ReGLU", "sigmoid GLU", "bilinear GLU"), _gated),
    "feed-forward": _alone,
    "router": _alone,
    **dict.fromkeys(("RNN", "LSTM", "GRU"), _recurrence),
}
