"""`--prove`: check the trace and the detector against the model's own numbers. Imports torch.

Replay: the recorded graph, run again on the same inputs, must give the model's output bit for bit. Ablation:
at each sink the branch is forced to zero; the sink must then equal its skip path exactly, and must not with
the branch left as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, fx

from archcheck.connections import Kind
from archcheck.dataflow.join import Join
from archcheck.dataflow.operations import CONCATS
from archcheck.errors import Problem, TraceError
from archcheck.tracing import Recording


def prove(traced: Recording, joins: Sequence[Join]) -> list[str]:
    """What was proved of the residuals found in a run, as remarks.

    Raises TraceError (TRC002, TRC003) where replay or ablation disagrees.

    On the meta device there are no numbers to prove anything with, and the remark says so.
    """
    if any(tensor.is_meta for tensor in traced.model.parameters()):
        return ["not proved by replay and ablation: the model is too large to be run on real values"]
    sinks = {join.sink: join for join in joins}
    problems, witness = _replayed(traced, sinks.values())
    checked = 0
    for join in joins:
        verdict = _ablated(traced, join, witness)
        if verdict is None:
            continue
        checked += 1
        if verdict:
            problems.append(_problem(traced, join, verdict))
    if problems:
        raise TraceError(problems)
    count = len(joins)
    left = f"; {count - checked} join in a way that ablation can't take apart" if checked < count else ""
    return [
        f"proved: the trace replays bit for bit, and ablation agrees on {checked} of {count} residuals{left}"
    ]


class _Witness(fx.Interpreter):
    """A replay that keeps what each sink reads, as it was when the sink ran."""

    def __init__(self, module: fx.GraphModule, steps: Iterable[int]) -> None:
        super().__init__(module, garbage_collect_values=False)
        self.wanted = frozenset(steps)
        self.seen: dict[int, tuple[fx.Node, tuple[Any, ...], dict[str, Any], Any]] = {}

    def run_node(self, n: fx.Node) -> Any:
        step = n.meta.get("step")
        if step not in self.wanted:
            return super().run_node(n)
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        args, kwargs = _copied(args), _copied(kwargs)
        result = super().run_node(n)
        self.seen[step] = (n, args, kwargs, _copied(result))
        return result


def _replayed(traced: Recording, joins: Iterable[Join]) -> tuple[list[Problem], _Witness]:
    witnesses: list[_Witness] = []

    def watched(module: fx.GraphModule) -> fx.Interpreter:
        witnesses.append(_Witness(module, [join.sink for join in joins]))
        return witnesses[0]

    output = traced.replay(watched)
    if same(output, traced.output):
        return [], witnesses[0]
    name = type(traced.model).__name__
    return [
        Problem("", None, None, "TRC002", f"The trace of {name} does not replay: it gives another output", "",
                "The report's remarks say what could not be seen into.")
    ], witnesses[0]  # fmt: skip


def same(one: Any, other: Any) -> bool:
    """Are two outputs equal, bit for bit, whatever containers they come in?"""
    ours, theirs = _leaves(one), _leaves(other)
    return len(ours) == len(theirs) and all(map(_equal, ours, theirs))


def _equal(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return torch.equal(one, other) or bool(((one == other) | (one.isnan() & other.isnan())).all())


def _leaves(value: Any, depth: int = 0) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value.detach()]
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item, depth)]
    if isinstance(value, (tuple, list)):
        return [leaf for item in value for leaf in _leaves(item, depth)]
    if depth < 4 and hasattr(value, "__dict__") and not isinstance(value, type):
        return [leaf for item in vars(value).values() for leaf in _leaves(item, depth + 1)]
    return []


def _ablated(traced: Recording, join: Join, witness: _Witness) -> str | None:
    """ "" if the numbers agree, else how they do not; None if this sink can't be taken apart."""
    op = traced.dataflow.ops[join.sink]
    if join.sink not in witness.seen or op.name in CONCATS or join.residual.kind is Kind.CONCAT:
        return None
    node, args, kwargs, result = witness.seen[join.sink]
    if op.name not in ("add", "sub", "rsub", "addmm", "baddbmm", "addbmm", "addcmul", "addcdiv"):
        return None
    reads = list(op.operands)
    if len(reads) < 2 or reads.count(join.skip_operand) != 1:
        return None
    place = reads.index(join.skip_operand)
    if op.name == "rsub":
        place = 1 - place
    tensors = _tensors(args)
    if len(tensors) != len(reads):
        return None
    skip = tensors[place]
    zeroed = {id(tensor): torch.zeros_like(tensor) for at, tensor in enumerate(tensors) if at != place}
    with torch.no_grad():
        without = _call(node, _swapped(_copied_but(args, zeroed), zeroed), kwargs)
    negative = (op.name == "sub" and place == 1) or (op.name == "rsub" and place == 0)
    wanted = (-skip if negative else skip).to(without.dtype).expand_as(without)
    if not _equal(without, wanted):
        return "with its branch forced to zero the sink is not its skip path"
    if _equal(result, without):
        return "the sink is the same with and without its branch" if _is_live(tensors, place) else None
    return ""


def _is_live(tensors: list[Tensor], place: int) -> bool:
    """Did the branch give anything but zeros in this run?"""
    return any(bool(tensor.any()) for at, tensor in enumerate(tensors) if at != place)


def _call(node: fx.Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    if node.op == "call_method":
        result = getattr(args[0], str(node.target))(*args[1:], **kwargs)
    else:
        assert callable(node.target)
        result = node.target(*args, **kwargs)
    assert isinstance(result, Tensor)
    return result


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [tensor for item in value for tensor in _tensors(item)]
    return []


def _copied(value: Any) -> Any:
    return map_arg_values(value, lambda tensor: tensor.detach().clone())


def _copied_but(value: Any, kept: dict[int, Tensor]) -> Any:
    return map_arg_values(value, lambda tensor: tensor if id(tensor) in kept else tensor.clone())


def _swapped(value: Any, replacements: dict[int, Tensor]) -> Any:
    return map_arg_values(value, lambda tensor: replacements.get(id(tensor), tensor))


def map_arg_values(value: Any, change: Any) -> Any:
    """`value` with `change` applied to each tensor in its containers."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, (tuple, list)):
        return (
            type(value)([map_arg_values(item, change) for item in value])
            if type(value) in (tuple, list)
            else value
        )
    if isinstance(value, dict):
        return {key: map_arg_values(item, change) for key, item in value.items()}
    return value


def _problem(traced: Recording, join: Join, verdict: str) -> Problem:
    place = join.residual.location
    around = ", ".join(join.residual.branch) or "operations of its own"
    scope = join.residual.scope or type(traced.model).__name__
    return Problem(
        place.file if place else "", place.line if place else None, None, "TRC003",
        f"The residual around {around} in {scope} is not proved: {verdict}",
        hint="Please report this model.",
    )  # fmt: skip
