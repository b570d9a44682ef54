"""Written-out norms, activations and softmax: found by what they compute, not by how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from archcheck.dataflow.operations import VIEWS
from archcheck.dataflow.run import Dataflow
from archcheck.vocabulary.arithmetic import CASTS, REDUCTIONS, UNARY
from archcheck.vocabulary.definitions import Meaning, meaning
from archcheck.vocabulary.groups import Entries, Group, number_of
from archcheck.vocabulary.regions import Detail, Region, region_of
from archcheck.vocabulary.terms import TERMS, Family
from archcheck.vocabulary.walking import near

# What a written-out activation may end with, beside operations that bring two values together.
_LAST = frozenset(
    """
    mul div reciprocal_div reciprocal pow square log log1p exp clamp clip clamp_min clamp_max maximum
    minimum where masked_fill neg threshold logaddexp prelu
    """.split()
)
_SHAPES = frozenset(["view", "reshape", "flatten", "unflatten", "transpose", "permute"])
_JOIN_REACH, _CHAIN_REACH = 3, 6  # entries tried: few, since the nearest is almost always the one


class Written:
    """The written-out terms of a run."""

    def __init__(self, flow: Dataflow) -> None:
        self.flow = flow
        self.entries = Entries(flow)
        self._known: dict[tuple[object, ...], Meaning | None] = {}
        self._centred: dict[int, Group] = {}

    def at(self, at: int) -> Iterator[Region]:
        """Yield the written-out terms whose result is this operation's."""
        is_join = self.entries.joins[at]
        name = self.flow.ops[at].name
        if self.entries.entry[at] < 0 or (name not in _LAST and not is_join) or name in REDUCTIONS:
            return
        best: tuple[Group, Meaning] | None = None
        for group in self.entries.groups(at, _JOIN_REACH if is_join else _CHAIN_REACH):
            if len(group.ops) == 1 and (name in UNARY or is_join):
                continue
            found = self._meaning(group)
            if found is not None and (best is None or best[1] == found):
                best = group, found
            if best is not None and best[1].name != "SoftMax":  # it may take off the maximum before
                break
        if best is None:
            return
        if best[1].name == "centred":
            self._centred[at] = best[0]
        elif is_join or TERMS[best[1].name].family is not Family.NORM:
            yield from self._regions(*best)

    def _meaning(self, group: Group) -> Meaning | None:
        key = group.signature
        if key not in self._known:
            self._known[key] = meaning(group)
        return self._known[key]

    def _regions(self, group: Group, found: Meaning) -> list[Region]:
        ops, entry, name = list(group.ops), group.entry, found.name
        dims = group.dims
        if name in ("RMSNorm", "L2 norm") and entry in self._centred and self._centred[entry].dims == dims:
            ops = [*self._centred[entry].ops, *ops]
            entry, name = self._centred[entry].entry, "LayerNorm"
        details: dict[str, Detail] = {"dims": dims} if dims is not None else {}
        if TERMS[name].family is Family.SOFTMAX and dims:
            details = {"dim": dims[0] - len(group.shape)}
        name = self._sort_of_norm(name, entry, dims or ())
        regions = with_affine(self.flow, region_of(self.flow, name, ops, ops[-1], details), found.weighted)
        if not dims or self._is_weighted_along(regions[-1].ops, group.shape, dims):
            return regions
        # statistics over positions, and a weight per channel
        return [replace(each, term=TERMS["InstanceNorm"]) for each in regions if name == "LayerNorm"]

    def _is_weighted_along(self, ops: Sequence[int], shape: tuple[int, ...], dims: tuple[int, ...]) -> bool:
        """Return whether a norm's weights, if it has any, differ along all that its statistics go over."""
        over = {axis - len(shape) for axis in dims if shape[axis] > 1}
        for at in ops:
            for operand in self.flow.ops[at].operands if self.flow.ops[at].shape == shape else ():
                weight = self.flow.ops[operand[0]]
                axes = {axis - len(weight.shape) for axis, size in enumerate(weight.shape) if size > 1}
                if weight.depends_on_parameter and not weight.depends_on_input and axes and not over <= axes:
                    return False
        return True

    def _sort_of_norm(self, name: str, entry: int, dims: tuple[int, ...]) -> str:
        """Return the kind of a centred norm, by what its statistics are taken over."""
        op = self.flow.ops[entry]
        rank = len(op.shape)
        if name != "LayerNorm" or not dims:
            return name
        if 0 in dims and rank > 1:
            return "BatchNorm"
        below = self.flow.ops[op.operands[0][0]] if op.name in VIEWS and op.operands else op
        is_regrouped = len(below.shape) >= 3 and rank >= 3 and below.shape[0] == op.shape[0]
        if is_regrouped and dims == tuple(range(2, rank)) and op.shape[1] < below.shape[1]:
            return "GroupNorm" if below.shape[1] % op.shape[1] == 0 else name
        return "InstanceNorm" if rank >= 4 and dims == tuple(range(2, rank)) else name


def with_affine(flow: Dataflow, region: Region, weighted: bool = False) -> list[Region]:
    """Return a norm, `weighted` or not, with the scale and shift that the model applies to its result.

    If another module applies them, the norm alone is one too.
    """
    if region.term.family is not Family.NORM:
        return [region]
    weighted = weighted or "weight" in flow.ops[region.output].roles
    name, more = followed_by_affine(flow, region.output, region.term.name, weighted)
    if not more:
        return [region]
    whole = region_of(flow, name, [*region.ops, *more], more[-1], region.details)
    return [whole] if flow.ops[more[-1]].call == flow.ops[region.output].call else [region, whole]


def followed_by_affine(flow: Dataflow, output: int, name: str, weighted: bool) -> tuple[str, list[int]]:
    """Return a norm's learned scale and shift in its module, and its name: a scaled L2 norm is RMSNorm."""
    taken: list[int] = []
    pending: list[int] = []
    at, shifted = output, False
    home = flow.ops[output].call
    outer = flow.calls[home].parent if not weighted and flow.calls[home].outputs == (output,) else home
    while len(users := set(flow.users[at])) == 1:
        at = users.pop()
        op = flow.ops[at]
        if op.call != home and op.call != outer:
            break
        pending.append(at)
        if op.name in CASTS or (op.name in _SHAPES and op.numel == flow.ops[output].numel):
            continue
        factor = op.numbers[0] if len(op.numbers) == 1 and len(op.operands) == 1 else None
        constants = [operand[0] for operand in op.operands if not flow.ops[operand[0]].depends_on_input]
        if constants and factor is None:
            factor = number_of(flow, constants[0])
        if (
            name == "L2 norm"
            and op.name == "mul"
            and factor is not None
            and _is_root_of_width(factor, op.shape)
        ):
            name = "RMSNorm"
        elif not constants or len(op.operands) != 2 or not flow.ops[constants[0]].depends_on_parameter:
            break
        elif op.name == "mul" and not weighted and not shifted and _is_vector(flow, constants[0], 2):
            weighted = True
        elif op.name == "add" and not shifted and _is_vector(flow, constants[0], 1 + weighted):
            shifted = True
        else:
            break
        taken, pending = [*taken, *pending], []
    return name, taken


def _is_root_of_width(factor: float, shape: tuple[int, ...]) -> bool:
    return any(abs(factor * factor - size) < 1e-3 * size for size in shape if size > 1)


def _is_vector(flow: Dataflow, at: int, axes: int) -> bool:
    """Return whether it is one number per channel, perhaps per head, not per position."""
    return sum(size > 1 for size in flow.ops[at].shape) <= axes


def frozen_batch_norm(flow: Dataflow, at: int) -> Region | None:
    """Return a written-out batch norm: a factor, perhaps an offset, of running statistics."""
    op = flow.ops[at]
    if op.name != "mul" or len(op.operands) != 2 or not op.depends_on_input:
        return None
    factors = [operand[0] for operand in op.operands if not flow.ops[operand[0]].depends_on_input]
    if len(factors) != 1 or not _is_over_spread(flow, factors[0]):
        return None
    ops = [at]
    for user in flow.users[at] if len(flow.users[at]) == 1 else ():
        after = flow.ops[user]
        constants = [operand for operand in after.operands if not flow.ops[operand[0]].depends_on_input]
        if after.call == op.call and (after.name == "alias" or (after.name in ("add", "sub") and constants)):
            ops.append(user)
    return region_of(flow, "BatchNorm", ops, ops[-1])


def _is_over_spread(flow: Dataflow, at: int) -> bool:
    """Return whether this is made of the (inverse) square root of a buffer with a number per channel."""
    for below in near(flow, at):
        op = flow.ops[below]
        is_root = op.name in ("rsqrt", "sqrt") or (op.name == "pow" and op.numbers in ((-0.5,), (0.5,)))
        if is_root and not op.depends_on_parameter and op.numel > 1:
            return True
    return False
