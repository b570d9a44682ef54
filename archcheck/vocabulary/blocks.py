"""Gates and feed-forward networks: linear maps around an activation, and products with one."""

from __future__ import annotations

from collections.abc import Iterator

from archcheck.dataflow.operations import VIEWS
from archcheck.vocabulary.origins import positions
from archcheck.vocabulary.regions import Region, region_of
from archcheck.vocabulary.terms import Family, is_a
from archcheck.vocabulary.walking import Walks

_GATED = (("SiLU", "SwiGLU"), ("GELU", "GEGLU"), ("ReLU", "ReGLU"), ("Sigmoid", "sigmoid GLU"))
_GATES = ("Sigmoid", "Hardsigmoid", "Tanh", "SoftMax")
_BETWEEN = 8  # operations between an activation and the linear map that follows


def gate(walks: Walks, at: int) -> Region | None:
    """Return the gate that a product is: one operand is an activation's result, and the other is not."""
    op = walks.ops[at]
    if op.name not in ("mul", "multiply") or len(walks.fed(op)) != 2:
        return None
    for gate, up in (walks.fed(op), walks.fed(op)[::-1]):
        act = walks.made.get(walks.root(gate))
        if act is None or act.term.family not in (Family.ACTIVATION, Family.SOFTMAX) or not act.inputs:
            continue
        if walks.root(act.inputs[0]) == walks.root(up) and not _is_part(walks, up):
            return None  # x times a function of itself is an activation, or nothing known
        name = _gated(walks, act, up)
        if name:
            views = [
                view for view in walks.views(gate) if view != act.output and walks.ops[view].name in VIEWS
            ]
            ops = [*act.ops, *views, at] if name != "gate" else [at]
            return region_of(walks.flow, name, ops, at, {}, {"gate": act.inputs, "up": (up,)})
    return None


def _gated(walks: Walks, act: Region, up: int) -> str:
    """Return GLU's kind if gate and value are maps of one tensor; else the gate that the activation makes."""
    maps = _map_at(walks, act.inputs[0]), _map_at(walks, up)
    is_alike = walks.ops[act.output].numel == walks.ops[up].numel
    if is_alike and -1 not in maps and walks.input_of(maps[0]) == walks.input_of(maps[1]):
        known = next((gated for name, gated in _GATED if is_a(act.term.name, name)), "")
        return known or ("GLU" if act.term.family is Family.ACTIVATION else "gate")
    return "gate" if act.term.name in _GATES else ""


def _map_at(walks: Walks, at: int, mixing: bool = False) -> int:
    """Return the linear map behind these values, past views, bias, clamp (and mixing); -1 if none."""
    for _ in range(4):
        at = walks.root(at)
        if mixing and _mixes_neighbours(walks, at):
            at = walks.fed(walks.ops[at])[0]
            continue
        if walks.is_map(at):
            return at
        op, made = walks.ops[at], walks.made.get(at)
        if made is not None and made.term.family is Family.NORM and len(made.inputs) == 1:
            at = made.inputs[0]
            continue
        if op.name not in ("add", "clamp", "mul", "conv1d") or len(walks.fed(op)) != 1:
            return -1
        at = walks.fed(op)[0]
    return -1


def _is_part(walks: Walks, at: int) -> bool:
    """Return whether it is a part of a tensor that was split."""
    return any(
        walks.ops[view].name in ("chunk", "split", "unbind", "getitem", "narrow", "split_with_sizes")
        for view in walks.views(at)
    )


def _mixes_neighbours(walks: Walks, at: int) -> bool:
    """Return whether it is a depthwise convolution over several positions, as in a Mix-FFN."""
    op = walks.ops[at]
    if not op.name.startswith("conv") or "transpose" in op.name or op.arguments.get("groups", 1) == 1:
        return False
    return any(size > 1 for size in walks.ops[op.operands[op.roles.get("weight", 1)][0]].shape[2:])


def _sees_one_position(walks: Walks, at: int) -> bool:
    """Return whether a linear map is of each position alone, or in a sequence model of a few neighbours."""
    op = walks.ops[at]
    if not op.name.startswith("conv"):
        return True
    kernel = walks.ops[op.operands[op.roles.get("weight", 1)][0]].shape[2:]
    if op.name == "conv1d" and op.arguments.get("groups", 1) == 1:
        return True
    return all(size == 1 for size in kernel)


def feed_forwards(walks: Walks, at: int) -> Iterator[Region]:
    """Yield the feed-forward network that ends with this linear map: map, activation or gate, map."""
    if not walks.is_map(at):
        return
    way = [at]
    below = walks.fed(walks.ops[at])[0]
    for _ in range(_BETWEEN):
        below, views = walks.root(below), [view for view in walks.views(below) if view != walks.root(below)]
        way += views
        made = walks.made.get(below)
        if made is not None and made.term.name == "scale":  # a mask over the padding, say
            way.append(below)
            below = made.inputs[0]
            continue
        if made is None or not made.inputs:
            return
        if made.term.family is Family.ACTIVATION:
            alone = len(walks.users[made.output]) == 1  # a state-space model reads it again
            first = [_map_at(walks, made.inputs[0], mixing=alone)]
            name = "feed-forward"
        elif is_a(made.term.name, "GLU"):
            first = [_map_at(walks, made.roles[role][0]) for role in ("gate", "up")]
            name = "gated feed-forward"
        elif made.term.family is Family.NORM and len(made.inputs) == 1:
            way += made.ops
            below = made.inputs[0]
            continue
        else:
            return
        if -1 in first or len({walks.input_of(each) for each in first}) != 1:
            return
        if not all(_sees_one_position(walks, each) for each in (at, *first)):
            return
        if len({positions(walks, each) for each in (at, *first)}) != 1:
            return  # channels become positions between
        between = [view for read in made.inputs for view in walks.views(read) if view not in first]
        ops = [*way, *made.ops, *first, *between]
        details = {"from": walks.ops[first[0]].shape[-1]} if walks.ops[first[0]].shape else {}
        yield region_of(walks.flow, name, [each for each in ops if each >= min(first)], at, details)
        return
