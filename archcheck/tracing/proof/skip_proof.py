"""The skip path: how the sink moves when only the skip path's own use of the source is changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from archcheck.dataflow.join import Join
from archcheck.tracing.proof.movement import (
    Movement,
    bijective,
    close,
    injective,
    is_in_order,
    is_transposition,
    size_of,
)
from archcheck.tracing.proof.verdict import RefutedError, UnclearError
from archcheck.tracing.proof.windows import Change, Window, WindowChanges

_NORMS = frozenset(["batch_norm", "group_norm", "layer_norm", "instance_norm", "rms_norm"])
_POOLS = ("max_pool", "amax", "adaptive_max_pool", "max")
_POOLED = 0.99  # of the elements that maxima were taken for: two nearly equal ones may change places

Uses = frozenset[tuple[int, int]]


@dataclass
class Trial:
    """A claim of a `kind`, its window, and where skip path (with its `names`) and others read the source."""

    claim: Join
    kind: str
    window: Window
    skip_uses: Uses
    other_uses: Uses
    names: Mapping[int, str] = field(default_factory=dict)
    held: Mapping[tuple[int, int], Change] = field(default_factory=dict)

    def moved(self, change: Change, context: WindowChanges | None = None) -> Tensor:
        """Return the sink with `change` applied where the skip path uses the source."""
        context = context or WindowChanges()
        uses = {**context.uses, **dict.fromkeys(self.skip_uses, change)}
        return self.run(WindowChanges(uses, context.results))

    def run(self, changes: WindowChanges, seen: Mapping[int, list[Tensor]] | None = None) -> Tensor:
        """Return the sink with these changes and all that is held."""
        return self.window.run(WindowChanges({**self.held, **changes.uses}, changes.results), seen)


def uses_of(window: Window, source: int, skip: frozenset[int]) -> tuple[Uses, Uses]:
    """Return the reads of `source` by steps on the skip path, and by all others in the window."""
    steps = window.sweep.steps
    reading = [
        step
        for step in map(window.sweep.step, window.nodes)
        if any(source in reads for reads in steps[step].operands)
    ]
    return (
        frozenset((step, source) for step in reading if step in skip),
        frozenset((step, source) for step in reading if step not in skip),
    )


def held_beside(window: Window, skip: frozenset[int]) -> dict[tuple[int, int], Change]:
    """Return, for each read of a result on the skip path by a step beside it, the result as it was.

    A buffer that is written in parts is not held: the later writes belong to it.
    """
    steps = window.sweep.steps
    found = [
        (step, read)
        for step in map(window.sweep.step, window.nodes)
        if step not in skip and step < max(skip)
        for reads in steps[step].operands
        for read in skip.intersection(reads)
        if steps[read].mutates is None
    ]
    seen: dict[int, list[Tensor]] = {read: [] for _, read in found}
    if found:
        window.run(WindowChanges(), seen)
    return {(step, read): _constant(seen[read][0].clone()) for step, read in found if seen[read]}


def _constant(value: Tensor) -> Change:
    return lambda _: value


def prove_skip_path(trial: Trial, context: Callable[[], WindowChanges]) -> None:
    """Raise RefutedError or UnclearError unless the sink moves as its kind says, whatever the `context`."""
    base = trial.window.base
    if not bool(base.isfinite().all()):
        raise UnclearError("the sink holds numbers that are not finite")
    kind = trial.kind
    if kind in ("projection", "multi-stream"):
        _prove_affine(trial, kind)
        return
    movement = movement_of(trial.moved, base)
    if movement is None and _is_read_for_both(trial):
        raise UnclearError("one operation reads the source for the skip path and the branch")
    if movement is None:
        raise RefutedError("the sink does not move element by element with its source")
    place, ratio, count = movement.place, movement.ratio, movement.count
    if not bool((place >= 0).any()):
        raise RefutedError("the sink does not move with its source")
    if kind == "concat":
        _prove_part(place, ratio, count)
    elif kind == "partial":
        if bijective(place, count) or not is_in_order(place, tuple(base.shape), movement.shape):
            raise RefutedError("what moves is no part of the source in its own place")
        _check_ratio(trial, ratio[place >= 0])
    elif not bijective(place, count):
        if _is_masked(trial) and bool((place == torch.arange(count))[place >= 0].all()):
            raise UnclearError("a mask holds back a part of the source")
        raise RefutedError("the skip path does not carry every element of the source")
    elif not is_transposition(place):
        raise RefutedError("the skip path carries elements of the source to other places")
    elif kind == "gated":
        _prove_gate(trial, context(), ratio)
    else:
        _check_ratio(trial, ratio)
        if kind == "scaled" and bool((ratio != 1).any()):
            _prove_constant(trial, context(), ratio)


def prove_part(trial: Trial) -> None:
    """Raise RefutedError or UnclearError unless the skip path alone carries a part, in its place."""
    part = replace(trial, kind="partial")
    prove_skip_path(part, WindowChanges)
    movement = movement_of(trial.moved, trial.window.base)
    assert movement is not None  # or it would not carry a part
    if not bool((movement.place >= 0).all()):
        raise RefutedError("the sink has elements of something else")
    carried = torch.zeros(movement.count, dtype=torch.bool)
    carried[movement.place[movement.place >= 0]] = True
    scale = size_of(trial.window.base) or 1.0

    def beside(tensor: Tensor) -> Tensor:
        values = torch.where(carried, 0.0, _noise(movement.count))
        return _added(tensor, scale * values.view(_numbers(tensor).shape))

    moved = trial.window.run(WindowChanges(dict.fromkeys(trial.other_uses, beside)))
    if not torch.equal(moved, trial.window.base):
        raise RefutedError("the branch reads more of the source than the skip path carries")


def _is_read_for_both(trial: Trial) -> bool:
    """Return whether an operation on the skip path takes the source several times, as `cat((x, x))` does."""
    steps = trial.window.sweep.steps
    return any(sum(source in reads for reads in steps[at].operands) > 1 for at, source in trial.skip_uses)


def _is_masked(trial: Trial) -> bool:
    """Return whether the skip path passes a mask, whose values are held fixed."""
    steps = trial.window.sweep.steps
    reads = [read for at in trial.claim.skip for operand in steps[at].operands for read in operand]
    return any(steps[read].dtype is torch.bool for read in reads)


def movement_of(run: Callable[[Change], Tensor], base: Tensor) -> Movement | None:
    """Return how the value of `run` moves with a tensor that it changes; None if not element by element."""
    scale = size_of(base) or 1.0
    shapes: list[torch.Size] = []

    def by(values: Callable[[int], Tensor]) -> Tensor:
        def change(tensor: Tensor) -> Tensor:
            shape = _numbers(tensor).shape
            shapes.append(shape)
            return _added(tensor, scale * values(shape.numel()).view(shape))

        return _numbers(run(change) - base).flatten() / scale

    moved = by(_noise)
    if not shapes:
        raise UnclearError("what is changed is not read")
    shape, count = tuple(shapes[0]), shapes[0].numel()
    limit = 1 + float(base.abs().max()) / scale
    if moved.numel() == count and close(moved, _noise(count), limit):
        return Movement(torch.arange(count), torch.ones_like(moved), shape)
    ratio = by(lambda size: torch.ones(size, dtype=moved.dtype))
    moves = ratio.abs() > 1e-9 * limit
    ratio = torch.where(moves, ratio, 0.0)
    ramp = by(lambda size: torch.arange(1, size + 1, dtype=moved.dtype) / size)
    place = torch.where(moves, (ramp / torch.where(moves, ratio, 1.0) * count).round() - 1, -1.0)
    if not bool(((place >= -1) & (place < count)).all()):
        return None
    index = place.long()
    expected = torch.where(moves, ratio * _noise(count)[index.clamp(min=0)], 0.0)
    if not close(moved, expected, limit * max(1.0, float(ratio.abs().max()))):
        return None
    return Movement(index, ratio, shape)


def _numbers(tensor: Tensor) -> Tensor:
    """Return the real numbers in a tensor: complex ones as pairs."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def _added(tensor: Tensor, numbers: Tensor) -> Tensor:
    return tensor + (torch.view_as_complex(numbers) if tensor.is_complex() else numbers)


def _noise(size: int, seed: int = 1) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _prove_part(place: Tensor, ratio: Tensor, count: int) -> None:
    used = place >= 0
    if bool(((ratio[used] - 1).abs() > 1e-6).any()):
        raise RefutedError("the part that is concatenated is not its source's values")
    if not injective(place, count):
        raise UnclearError("only a part of the source is concatenated")
    if bool(used.all()):
        raise RefutedError("nothing but the source is concatenated")


def _check_ratio(trial: Trial, ratio: Tensor) -> None:
    """Check that the factor on the skip path is the claimed one."""
    is_scaled = trial.kind == str(trial.claim.residual.kind) != "identity"
    expected = factor_on("skip", trial.claim) if is_scaled else 1.0
    if expected is not None and not has_factor(ratio, expected):
        found = float(ratio.flatten()[0])
        raise RefutedError(
            f"the sink moves by {found:.6g} times the change of its source, not {expected:g} times"
        )


def factor_on(side: str, claim: Join) -> float | None:
    """Return the claimed factor on one side, and on the whole sum, or None if one is learned."""
    values = [factor.value for factor in claim.residual.factors if factor.on in (side, "both")]
    return math.prod(value for value in values if value is not None) if None not in values else None


def has_factor(ratio: Tensor, expected: float) -> bool:
    """Return whether each ratio is the expected one, up to the rounding of a constant in float32."""
    return bool(((ratio - expected).abs() <= 1e-6 * max(abs(expected), 1e-6)).all())


def _prove_gate(trial: Trial, context: WindowChanges, ratio: Tensor) -> None:
    moved = movement_of(lambda change: trial.moved(change, context), trial.run(context))
    if moved is None:
        raise RefutedError("the sink does not move element by element with its source")
    if bool(((ratio - 1).abs() < 1e-9).all()):
        raise RefutedError("nothing gates the source on its way to the sink")
    if close(moved.ratio, ratio, 1.0):
        raise UnclearError("the gate does not depend on the source")


def _prove_constant(trial: Trial, context: WindowChanges, ratio: Tensor) -> None:
    moved = movement_of(lambda change: trial.moved(change, context), trial.run(context))
    if moved is None or not close(moved.ratio, ratio, 1e3 * float(ratio.abs().max())):
        raise RefutedError("the factor on the skip path depends on the source")


def _prove_affine(trial: Trial, kind: str) -> None:
    """Check that the skip path is affine, up to a normalization after it; a pooling keeps its choice."""
    named = {step: trial.names.get(step, "") for step in trial.claim.skip}
    pools = any(name.startswith(_POOLS) for name in named.values())
    norms = sorted(step for step, name in named.items() if name in _NORMS)
    if _is_affine(trial, None, pools, kind == "projection"):
        return
    if len(norms) != 1:
        raise RefutedError("the skip path is not an affine map of the source")
    (read, *_), *_ = trial.window.sweep.steps[norms[0]].operands
    if not _is_affine(trial, read, pools, False):
        raise RefutedError("the skip path is not an affine map of the source, nor one that is normalized")


def _is_affine(trial: Trial, probe: int | None, pools: bool, proper: bool) -> bool:
    """Return whether the value at step `probe`, or the sink's, moves affinely with the source.

    If the skip path pools, the change is small, so that maxima stay where they are; of many, a few may not.
    Raises RefutedError if the value does not move at all, or, if `proper`, moves as the source itself does.
    """
    size = size_of(_probed(trial, probe, None)) or 1.0
    scale = size * (1e-5 if pools else 1.0)
    count = 0

    def shifted(*seeds: int) -> Tensor:
        def change(tensor: Tensor) -> Tensor:
            nonlocal count
            count = tensor.numel()
            noise = sum((scale * _noise(count, seed) for seed in seeds), torch.zeros(()))
            if pools:
                noise = noise + size * _noise(count, 3)
            return tensor + noise.expand(count).view(tensor.shape)

        return _probed(trial, probe, change)

    base = shifted()

    def by(*seeds: int) -> Tensor:
        return (shifted(*seeds) - base) / scale

    one, other, both = by(1), by(2), by(1, 2)
    limit = float(base.abs().max()) / scale + float(both.abs().max()) + 1
    if not bool((one.abs() > 1e-9 * limit).any()):
        raise RefutedError("the sink does not move with its source")
    if proper and one.numel() == count and close(one.flatten(), _noise(count), limit):
        raise RefutedError("the skip path is the source itself, not a projection of it")
    agree = (one + other - both).abs() <= 1e-9 * limit
    return float(agree.double().mean()) >= (_POOLED if pools else 1.0)


def _probed(trial: Trial, probe: int | None, change: Change | None) -> Tensor:
    uses = {} if change is None else dict.fromkeys(trial.skip_uses, change)
    seen: dict[int, list[Tensor]] = {} if probe is None else {probe: []}
    value = trial.run(WindowChanges(uses), seen)
    if probe is None:
        return value
    if not seen[probe]:
        raise UnclearError("the normalization reads what no step of the skip path made")
    return seen[probe][-1]
