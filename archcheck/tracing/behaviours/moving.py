"""Terms that look up, move, repeat, select or join elements: where each of them ends up."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from archcheck.tracing.behaviours.probing import Behaviour, NotReplayedError, Replay, same


def _distinct(replay: Replay, name: str, begin: int = 1) -> Tensor:
    """Whole numbers that are all different, in the shape of an input."""
    like = replay.shape_of(name)
    return torch.arange(begin, begin + like.numel(), dtype=like.dtype).reshape(like.shape)


def _all(result: object) -> Tensor:
    """Every element of a tensor, or of several."""
    if isinstance(result, Tensor):
        return result.reshape(-1)
    if isinstance(result, tuple | list) and result:
        return torch.cat([_all(each) for each in result])
    raise NotReplayedError


def _moved(replay: Replay) -> str | None:
    """Test that each element stands in the result once."""
    name = replay.single()
    probe = _distinct(replay, name)
    found = _all(replay.raw(**{name: probe}))
    return "" if torch.equal(found.sort()[0], probe.reshape(-1)) else "it does not only move elements"


def _repeated(replay: Replay) -> str | None:
    """Test that each element stands in the result equally often."""
    name = replay.single()
    probe = _distinct(replay, name)
    values, counts = torch.unique(_all(replay.raw(**{name: probe})), return_counts=True)
    alike = torch.equal(values, probe.reshape(-1)) and bool((counts == counts[0]).all())
    return "" if alike else "it does not repeat each element equally often"


def _selected(replay: Replay) -> str | None:
    """Test that each element of the result is one of the input, and none is there twice."""
    name = replay.single()
    probe = _distinct(replay, name)
    found = _all(replay.raw(**{name: probe}))
    values, counts = torch.unique(found, return_counts=True)
    fine = bool(torch.isin(values, probe).all()) and bool((counts == 1).all())
    return "" if fine else "it does not only take elements out"


def _joined(replay: Replay) -> str | None:
    """Test that each element of each input stands in the result."""
    probes: dict[str, Tensor] = {}
    begin = 1
    for name in replay.streams():
        probes[name] = _distinct(replay, name, begin)
        begin += probes[name].numel()
    found = _all(replay.raw(**probes))
    there = all(bool(torch.isin(probe, found).all()) for probe in probes.values())
    return "" if there else "elements of an input are not in its result"


def _sorted(replay: Replay) -> str | None:
    name = replay.single()
    result = replay.raw(**{name: replay.probe(name)})
    values = result[0] if isinstance(result, tuple) else result
    falls = any(
        bool((values.diff(dim=dim) >= 0).all()) or bool((values.diff(dim=dim) <= 0).all())
        for dim in range(values.ndim)
        if values.shape[dim] > 1
    )
    return "" if falls else "its results are in no order"


def _top(replay: Replay) -> str | None:
    """Test for the largest elements, as many as it says."""
    name, k = replay.single(), replay.details.get("k")
    probe = replay.probe(name)
    result = replay.raw(**{name: probe})
    values = result[0] if isinstance(result, tuple) else None
    if not isinstance(values, Tensor) or not isinstance(k, int) or values.is_floating_point() is False:
        return None
    return (
        "" if same(values.sort(-1)[0], probe.sort(-1)[0][..., -k:]) else f"it does not give the {k} largest"
    )


def _running(operation: str) -> Behaviour:
    def test(replay: Replay) -> str | None:
        name = replay.single()
        probe = replay.probe(name, 3.0).round()  # whole numbers, as results may be
        result = replay(**{name: probe})
        scans = (getattr(torch, operation)(probe, dim) for dim in range(probe.ndim))
        return (
            "" if any(same(result, scan) for scan in scans) else f"it is no {operation} along any dimension"
        )

    return test


def _masked(replay: Replay) -> str | None:
    """Test that what it adds, or puts in an element's place, is the same whatever stands there."""
    name = replay.single()
    one, other = replay.probe(name), replay.probe(name)
    first, second = replay(**{name: one}), replay(**{name: other})
    if first.shape != one.shape:
        return None
    added = ((first - one) - (second - other)).abs() < 1e-4
    put = (first == second) | ((first < -80.0) & (second < -80.0))
    return "" if bool((added | put).all()) else "what it does to a score depends on the score"


def _embedding(replay: Replay) -> str | None:
    """Equal indices give equal rows, and each index changes its own row alone."""
    name = replay.single()
    like = replay.steps_of_run[replay.inputs[name]].out
    if not isinstance(like, Tensor) or like.is_floating_point() or like.numel() < 2:
        return None
    zeros = torch.zeros(like.shape, dtype=like.dtype)
    rows = replay(**{name: zeros}).reshape(like.numel(), -1)
    if not same(rows, rows[:1].expand_as(rows)):
        return "equal indices give different rows"
    changed = zeros.clone()
    changed.view(-1)[0] = 1
    return (
        ""
        if same(replay(**{name: changed}).reshape(like.numel(), -1)[1:], rows[1:])
        else "an index changes others"
    )


def _resampled(replay: Replay) -> str | None:
    """Test that a picture of one value stays one, of another size."""
    name = replay.single()
    plain = torch.ones_like(replay.shape_of(name))
    result = replay(**{name: plain})
    if result.numel() == plain.numel():
        return _moved(replay)
    return "" if same(result, torch.ones_like(result)) else "a picture of one value is changed"


BEHAVIOURS: Mapping[str, Behaviour] = {
    "Embedding": _embedding,
    **dict.fromkeys(("transpose", "flip", "cyclic shift"), _moved),
    "repeat": _repeated,
    "split": _selected,
    "concat": _joined,
    "sort": _sorted,
    "top-k": _top,
    "running sum": _running("cumsum"),
    "running product": _running("cumprod"),
    "mask": _masked,
    "resampling": _resampled,
}
