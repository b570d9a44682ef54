"""The second witness of `--prove`: what operations do on probe inputs, against its term's own definition.

The first witness, the vocabulary, reads the operations; this one runs them again, with torch, on inputs
made up for the purpose, and knows of a term only how it behaves. Neither knows of the other's ways:
where they disagree, one of them is wrong, and that is an error, not a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from archcheck.dataflow.probe import Probe
from archcheck.errors import Problem, TraceError
from archcheck.tracing.recorder import Recorder
from archcheck.tracing.tape import CALL

_LARGEST = 2**20  # elements of an input that is probed
_CLOSE = 1e-3


class _NotReplayedError(Exception):
    """The region can't be run on its own."""


@dataclass(frozen=True)
class Disagreement:
    """A claim that the operations do not meet, and how they behave instead."""

    probe: Probe
    behaviour: str


def witness(recorder: Recorder, probes: Sequence[Probe]) -> str:
    """Return what the probes prove, as a remark.

    Raises TraceError (TRC004) if operations behave otherwise.
    """
    checked, wrong = disagreements(recorder, probes)
    if wrong:
        raise TraceError([_problem(each) for each in wrong])
    return f"proved: {checked} of {len(probes)} operations behave as their names say on other inputs"


def disagreements(recorder: Recorder, probes: Sequence[Probe]) -> tuple[int, list[Disagreement]]:
    """Return how many claims could be tested, and those that turned out wrong."""
    checked, wrong = 0, []
    with torch.no_grad():
        for probe in probes:
            behaviour = _behaviour(recorder, probe)
            checked += behaviour is not None
            if behaviour:
                wrong.append(Disagreement(probe, behaviour))
    return checked, wrong


def _behaviour(recorder: Recorder, probe: Probe) -> str | None:
    test = _TESTS.get(probe.term) or _TESTS.get(probe.family)
    steps = [recorder.tape.steps[at] for at in probe.steps]
    if test is None or any(step.kind != CALL or step.autocast for step in steps):
        return None
    try:
        return test(_Replay(recorder, probe))
    except (_NotReplayedError, RuntimeError, TypeError, ValueError, IndexError, KeyError):
        return None


def _problem(wrong: Disagreement) -> Problem:
    place, term = wrong.probe.location, wrong.probe.term
    return Problem(
        place.file if place else "",
        place.line if place else None,
        None,
        "TRC004",
        f"What was recognised as {term} does not behave like one: {wrong.behaviour}",
        hint="Please report this model.",
    )


class _Replay:
    """Operations that are run again with other inputs."""

    def __init__(self, recorder: Recorder, probe: Probe) -> None:
        self.steps_of_run = recorder.tape.steps
        self.steps, self.inputs = probe.steps, probe.inputs
        self.term, self.details = probe.term, probe.details
        self.generator = torch.Generator().manual_seed(0)
        self.others: dict[int, Tensor] = {}  # the same values each time, for what no probe changes

    def shape_of(self, name: str) -> Tensor:
        value = self.steps_of_run[self.inputs[name]].out
        if not isinstance(value, Tensor) or value.dtype not in (torch.float32, torch.float64):
            raise _NotReplayedError
        if not 1 < value.numel() <= _LARGEST:
            raise _NotReplayedError
        return self.filled(value)

    def filled(self, value: Tensor) -> Tensor:
        """Return random numbers in the shape of an activation whose values were not kept."""
        if not value.is_meta:
            return value
        if not value.is_floating_point():
            return torch.zeros_like(value, device="cpu")
        return torch.randn(value.shape, generator=self.generator, dtype=torch.float64).to(value.dtype)

    def probe(self, name: str, scale: float = 1.0) -> Tensor:
        """Return random numbers in the shape of an input."""
        like = self.shape_of(name)
        return scale * torch.randn(like.shape, generator=self.generator, dtype=like.dtype).to(like.device)

    def tables(self) -> list[Tensor]:
        """Return the inputs without a role, as they were in the run."""
        with_role = {at for name, at in self.inputs.items() if not name.isdigit()}
        values = [self.steps_of_run[at].out for at in self.inputs.values() if at not in with_role]
        return [value for value in values if isinstance(value, Tensor)]

    def single(self) -> str:
        """Return the name of the only input. Raises where there are several."""
        names = {at: name for name, at in self.inputs.items()}
        if len(names) != 1:
            raise _NotReplayedError
        return next(iter(names.values()))

    def __call__(self, **given: Tensor) -> Tensor:
        """Return the region's result with these inputs, and everything else as it was."""
        values: dict[int, Any] = {self.inputs[name]: value for name, value in given.items()}
        for at in self.steps:
            step = self.steps_of_run[at]
            if step.origin is not None:
                values[at] = values[step.origin[0]][step.origin[1]]
                continue
            pending = iter(step.operands)
            args = self._replaced(step.args, pending, values)
            kwargs = self._replaced(step.kwargs, pending, values)
            values[at] = step.func(*args, **kwargs)
            if values[at] is None or step.name == "__setitem__":
                raise _NotReplayedError
        result = values[self.steps[-1]]
        if not isinstance(result, Tensor):
            raise _NotReplayedError
        return result

    def _replaced(self, value: Any, reads: Iterator[Sequence[int]], values: dict[int, Any]) -> Any:
        """Return arguments with the probed tensors replaced; in-place calls get copies."""
        if isinstance(value, Tensor):
            read = next(reads, ())
            at = next((at for at in read if at in values), None)
            if at is None and value.is_meta and read:
                at = read[0]
                values[at] = self.others.setdefault(at, self.filled(value))
            new = value if at is None else values[at]
            return new.clone() if isinstance(new, Tensor) and new.is_floating_point() else new
        if type(value) in (tuple, list):
            return type(value)(self._replaced(item, reads, values) for item in value)
        if type(value) is dict:
            return {key: self._replaced(item, reads, values) for key, item in value.items()}
        return value


def _same(one: Tensor, other: Tensor, within: float = _CLOSE) -> bool:
    if one.shape != other.shape:
        return False
    scale = max(float(other.abs().max()), 1e-6)
    return float((one - other).abs().max()) <= within * scale


# -- each returns "" where the region behaves, how it does not, or None where nothing can be said ---


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
_GATES: dict[str, Callable[[Tensor], Tensor]] = {
    "SwiGLU": F.silu,
    "ReGLU": F.relu,
    "sigmoid GLU": torch.sigmoid,
}


def _activation(replay: _Replay) -> str | None:
    name = replay.single()
    like = replay.shape_of(name)
    probe = torch.linspace(-5, 5, like.numel(), dtype=like.dtype, device=like.device).reshape(like.shape)
    result = replay(**{name: probe})
    formula = _FORMULAS.get(replay.term)
    if formula is not None:
        return "" if _same(result, formula(probe), 2e-5) else "its values are not those of the formula"
    changed = probe.clone()
    changed.view(-1)[0] += 1.0
    others = (replay(**{name: changed}) - result).reshape(-1)[1:]
    return "" if not others.any() else "one element changes others"


def _invariant(scaled: bool, shifted: bool) -> Callable[[_Replay], str | None]:
    def test(replay: _Replay) -> str | None:
        name = replay.single()
        probe = replay.probe(name, 20.0)
        result = replay(**{name: probe})
        if result.abs().max() == 0:
            return None
        if _same(replay(**{name: 3 * probe}), result) != scaled:
            return f"scaling its input {'changes' if scaled else 'does not change'} its result"
        if _same(replay(**{name: probe + 30.0}), result) != shifted:
            return f"shifting its input {'changes' if shifted else 'does not change'} its result"
        return ""

    return test


def _batch_norm(replay: _Replay) -> str | None:
    return "" if _affine(replay) == "" else _invariant(True, True)(replay)


def _affine(replay: _Replay) -> str | None:
    name = replay.single()
    one, other = replay.probe(name), replay.probe(name)
    middle = replay(**{name: (one + other) / 2})
    expected = (replay(**{name: one}) + replay(**{name: other})) / 2
    return "" if _same(middle, expected) else "it is not affine"


def _softmax(replay: _Replay) -> str | None:
    name, dim = replay.single(), replay.details.get("dim")
    result = replay(**{name: replay.probe(name)})
    if not isinstance(dim, int):
        return None
    if result.min() < 0:
        return "it gives a negative share"
    total = result.sum(dim)
    return (
        "" if _same(total, torch.ones_like(total)) else f"its shares over dimension {dim} do not sum to one"
    )


def _rotary(replay: _Replay) -> str | None:
    one, other = replay.probe("stream"), replay.probe("stream")
    turned, second = replay(stream=one), replay(stream=other)
    if not _same(replay(stream=one + 2 * other), turned + 2 * second):
        return "it is not linear in the stream"
    if replay.details.get("turned") != one.shape[-1] or turned.shape[-1] != one.shape[-1]:
        return ""
    if not all(_is_in_pairs(table) for table in replay.tables()):
        return None  # two halves of a pair have angles of their own, by the model's settings
    ratios = [after.norm(dim=-1) / before.norm(dim=-1) for before, after in ((one, turned), (other, second))]
    return "" if _same(ratios[0], ratios[1]) else "it does not keep norms"


def _is_in_pairs(table: Tensor) -> bool:
    """Return whether both channels of a pair have the same value, in either layout of pairs."""
    half = table.shape[-1] // 2 if table.ndim else 0
    if half < 1 or table.shape[-1] % 2:
        return True
    halves, neighbours = table[..., :half] - table[..., half:], table[..., ::2] - table[..., 1::2]
    return not halves.any() or not neighbours.any()


def _attention(replay: _Replay) -> str | None:
    if replay.term == "linear attention":
        return None  # its weights need not sum to one
    value = replay.shape_of("value")
    is_share = not any(
        step in ("cat", "concat") for step in (replay.steps_of_run[at].name for at in replay.steps)
    )
    if is_share:
        result = replay(value=torch.ones_like(value))
        attended = result.abs().amax(-1) > 0  # a query that sees no key gets nothing
        if not _same(result[attended], torch.ones_like(result[attended])):
            return "equal values do not come out as they are"
    causal = replay.details.get("causal")
    names = {replay.steps_of_run[at].name for at in replay.steps}
    result = replay(value=value)
    reads = [operand[0] for operand in replay.steps_of_run[replay.steps[-1]].operands]
    turned = len(reads) == 2 and reads[0] == replay.inputs["value"]  # the positions are the last dimension
    if (
        causal is None
        or turned
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
            return "" if _same(after, before, 1e-6) else "a later token changes an earlier result"
        if "window" in replay.details or not torch.equal(before, after):
            return ""
    return "a later token changes no earlier result"


def _gated(replay: _Replay) -> str | None:
    gate, up = replay.probe("gate"), replay.probe("up")
    result = replay(gate=gate, up=up)
    if not _same(replay(gate=gate, up=2 * up), 2 * result):
        return "it is not linear in the value that is gated"
    act = _GATES.get(replay.term)
    expected = replay(gate=gate, up=torch.ones_like(up))
    return "" if act is None or _same(act(gate), expected) else "its gate is another function"


def _max_pooling(replay: _Replay) -> str | None:
    name = replay.single()
    probe = replay.probe(name)
    shifted = replay(**{name: 2 * probe + 3})
    return "" if _same(shifted, 2 * replay(**{name: probe}) + 3) else "it does not keep the order of values"


_TESTS: dict[str, Callable[[_Replay], str | None]] = {
    "activation": _activation,
    "LayerNorm": _invariant(True, True),
    "GroupNorm": _invariant(True, True),
    "InstanceNorm": _invariant(True, True),
    "RMSNorm": _invariant(True, False),
    "L2 norm": _invariant(True, False),
    "BatchNorm": _batch_norm,
    "linear": _affine,
    "convolution": _affine,
    "average pooling": _affine,
    "global average pooling": _affine,
    "max pooling": _max_pooling,
    "softmax": _softmax,
    "RoPE": _rotary,
    "attention": _attention,
    "GLU": _gated,
    "SwiGLU": _gated,
    "GEGLU": _gated,
    "ReGLU": _gated,
    "sigmoid GLU": _gated,
}
