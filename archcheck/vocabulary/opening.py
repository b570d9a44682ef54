"""Fused operations, opened into the parts that a figure may draw.

`scaled_dot_product_attention` is ⊗, scale, mask, SoftMax, dropout and ⊗, and
`multi_head_attention_forward` is these between four linear maps. The opened run is a run like any
other, in which the parts stand where the fused operation stood; nothing that recognises terms needs to
know of fused operations. Likewise an empty tensor that is filled part by part is their concatenation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archcheck.dataflow.run import Call, Dataflow, Op

Reads = tuple[int, ...]
Shape = tuple[int, ...]


def opened(flow: Dataflow) -> tuple[Dataflow, list[int]]:
    """Return the run with fused operations opened, and for each operation the recorded one it belongs to."""
    filled = _filled(flow)
    if not filled and not any(op.name in _OPENED for op in flow.ops):
        return flow, list(range(len(flow.ops)))
    opening = _Opening(flow, filled)
    for at, op in enumerate(flow.ops):
        opening.take(at, op)
    return opening.result(), opening.origin


def _filled(flow: Dataflow) -> dict[int, tuple[Reads, Op]]:
    """Return how each tensor filled along an axis is read, by its last write, and its concatenation."""
    found: dict[int, tuple[Reads, Op]] = {}
    for op in flow.ops:
        for reads in op.operands:
            if len(reads) > 2 and reads[0] not in found and (joined := _joined(flow.ops, reads)) is not None:
                found[reads[0]] = reads, joined
    return found


def _joined(ops: Sequence[Op], reads: Reads) -> Op | None:
    """Return the concatenation that writes to a new tensor amount to; None if they do not fill it."""
    *writes, own = reads
    shape, last = ops[own].shape, ops[reads[0]]
    parts = {write: ops[write].region for write in writes if ops[write].name == "copy"}
    if ops[own].operands or len(parts) < len(writes) or any(ops[write].shape == shape for write in writes):
        return None
    for axis, size in enumerate(shape):
        step, start = math.prod(shape[axis + 1 :]), 0
        pieces = sorted((region[5], write) for write, region in parts.items() if region is not None)
        for offset, write in pieces:
            sizes = ops[write].shape
            fits = (*sizes[:axis], size, *sizes[axis + 1 :]) == shape and offset == start * step
            start = start + sizes[axis] if fits else -1
            if not fits:
                break
        if start == size and len(pieces) == len(writes):
            operands = tuple((write,) for _, write in pieces)
            return replace(
                last, name="cat", operands=operands, arguments={"dim": axis}, shape=shape, region=None
            )
    return None


class _Opening:
    def __init__(self, flow: Dataflow, filled: Mapping[int, tuple[Reads, Op]]) -> None:
        self.flow = flow
        self.filled = filled
        self.joined: dict[Reads, int] = {}  # a read of a filled tensor -> the concatenation
        self.ops: list[Op] = []
        self.origin: list[int] = []
        self.place: list[int] = []  # recorded operation -> the one that makes its result
        self.first: list[int] = []  # recorded operation -> the first of its parts
        self.parts: dict[int, dict[int, int]] = {}  # recorded operation -> place in its tuple -> operation

    def take(self, at: int, op: Op) -> None:
        self.first.append(len(self.ops))
        open_ = _OPENED.get(op.name)
        if open_ is not None and op.operands:
            made = open_(_Parts(self, at, op))
            if isinstance(made, dict):
                self.parts[at] = made
                self.place.append(made[0])
            else:
                self.place.append(made)
            return
        operands = op.operands
        if op.name == "getitem" and operands and operands[0][0] in self.parts:
            made = self.parts[operands[0][0]]
            operands = ((operands[0][0],),)
            read = made.get(op.arguments.get("index", 0), self.place[operands[0][0]])
            self.add(at, _reading(op, ((read,),)))
        else:
            self.add(at, _reading(op, tuple([self.reads(operand) for operand in operands])))
        self.place.append(len(self.ops) - 1)
        if at in self.filled:
            reads, joined = self.filled[at]
            self.joined[reads] = self.add(at, _reading(joined, tuple(map(self.reads, joined.operands))))

    def add(self, at: int, op: Op) -> int:
        self.ops.append(op)
        self.origin.append(at)
        return len(self.ops) - 1

    def reads(self, operand: Reads) -> Reads:
        if operand in self.joined:
            return (self.joined[operand],)
        return tuple([self.place[read] for read in operand])

    def result(self) -> Dataflow:
        flow, count = self.flow, len(self.ops)
        first = [*self.first, count]
        calls = [
            Call(
                call.path,
                call.type_name,
                call.parent,
                first[call.first],
                first[call.end],
                self.reads(call.inputs),
                self.reads(call.outputs),
                call.location,
                call.depth,
            )
            for call in flow.calls
        ]
        return replace(
            flow,
            ops=self.ops,
            calls=calls,
            outputs=self.reads(flow.outputs),
            escaping=frozenset(self.place[at] for at in flow.escaping),
        )


def _reading(op: Op, operands: tuple[Reads, ...]) -> Op:
    return op if op.operands == operands else replace(op, operands=operands)


class _Parts:
    """The parts of one fused operation, as they are made."""

    def __init__(self, opening: _Opening, at: int, op: Op) -> None:
        self.opening, self.at, self.op = opening, at, op

    def operand(self, role: str) -> int | None:
        place = self.op.roles.get(role)
        return None if place is None else self.opening.reads(self.op.operands[place])[0]

    def required(self, role: str) -> int:
        found = self.operand(role)
        assert found is not None, f"{self.op.name} without {role}"
        return found

    def shape(self, at: int) -> Shape:
        return self.opening.ops[at].shape

    def make(
        self,
        name: str,
        reads: Sequence[int],
        shape: Shape,
        arguments: Mapping[str, Any] | None = None,
        numbers: tuple[float, ...] = (),
        roles: Mapping[str, int] | None = None,
        mask: str = "",
    ) -> int:
        ops = self.opening.ops
        return self.opening.add(
            self.at,
            Op(
                name,
                tuple((read,) for read in reads),
                self.op.call,
                numbers,
                shape,
                True,
                self.op.location,
                depends_on_parameter=any(ops[read].depends_on_parameter for read in reads),
                depends_on_input=any(ops[read].depends_on_input for read in reads),
                instruction=self.op.instruction,
                arguments=arguments or {},
                roles=roles or {},
                dtype=self.op.dtype,
                mask=mask,
            ),
        )


def _sum_with_product(parts: _Parts) -> int:
    """Open x + a·b if both factors depend on the model's input; otherwise it is a scaled sum and stays."""
    op, opening = parts.op, parts.opening
    operands = tuple(opening.reads(operand) for operand in op.operands)
    if len(operands) != 3 or not all(opening.ops[read[0]].depends_on_input for read in operands[1:]):
        return opening.add(parts.at, _reading(op, operands))
    value = op.arguments.get("value", 1)
    made = parts.make("mul" if op.name == "addcmul" else "div", [read[0] for read in operands[1:]], op.shape)
    if isinstance(value, (int, float)) and value != 1:
        made = parts.make("mul", (made,), op.shape, numbers=(float(value),))
    return parts.make("add", (operands[0][0], made), op.shape)


def _attention(parts: _Parts) -> int:
    query, key, value = (parts.required(role) for role in ("query", "key", "value"))
    arguments = parts.op.arguments
    heads = parts.shape(query)[-3] if len(parts.shape(query)) > 3 else 1
    if arguments.get("enable_gqa") and parts.shape(key)[-3] != heads:
        key, value = (_repeated(parts, each, heads) for each in (key, value))
    mask = parts.operand("attn_mask")
    causal = bool(arguments.get("is_causal"))
    scale = arguments.get("scale")
    return attend(parts, query, key, value, mask, causal, scale, arguments.get("dropout_p"))[0]


def _repeated(parts: _Parts, at: int, heads: int) -> int:
    shape = parts.shape(at)
    times = heads // max(shape[-3], 1)
    arguments = {"repeats": times, "dim": -3}
    return parts.make("repeat_interleave", [at], (*shape[:-3], heads, *shape[-2:]), arguments)


def attend(
    parts: _Parts,
    query: int,
    key: int,
    value: int,
    mask: int | None,
    causal: bool,
    scale: float | None,
    dropout: float | None,
) -> tuple[int, int]:
    """Open attention into ⊗, scale, mask, SoftMax, dropout, ⊗; return the last, and the weights."""
    wide, deep = parts.shape(query), parts.shape(key)
    scores_shape = (*wide[:-1], deep[-2]) if len(deep) > 1 else wide
    turned = parts.make("transpose", [key], (*deep[:-2], *deep[:-3:-1]), {"dim0": -2, "dim1": -1})
    strides = tuple(math.prod(deep[axis + 1 :]) for axis in range(len(deep)))
    turn = parts.shape(turned), (*strides[:-2], *strides[:-3:-1]), 0
    parts.opening.ops[turned].layout = (deep, strides, 0, *turn)
    scores = parts.make("matmul", [query, turned], scores_shape)
    factor = float(scale) if isinstance(scale, (int, float)) else max(wide[-1], 1) ** -0.5
    scores = parts.make("mul", [scores], scores_shape, numbers=(factor,))
    if mask is not None:
        op = parts.opening.ops[mask]
        if op.dtype == "bool":
            arguments, roles = {"value": float("-inf")}, {"input": 0, "mask": 1}
            scores = parts.make(
                "masked_fill", [scores, mask], scores_shape, arguments, roles=roles, mask=op.mask
            )
        else:
            scores = parts.make("add", [scores, mask], scores_shape, mask=op.mask)
    if causal:
        arguments = {"value": float("-inf")}
        scores = parts.make("masked_fill", [scores], scores_shape, arguments, roles={"input": 0})
    weights = parts.make("softmax", [scores], scores_shape, {"dim": -1}, mask=parts.op.mask)
    kept = weights if dropout is None else parts.make("dropout", [weights], scores_shape, {"p": dropout})
    return parts.make("matmul", [kept, value], (*wide[:-1], parts.shape(value)[-1])), weights


def _multi_head(parts: _Parts) -> int | dict[int, int]:
    query, key, value = (parts.required(role) for role in ("query", "key", "value"))
    arguments = parts.op.arguments
    heads = int(arguments.get("num_heads") or 1)
    shared = parts.operand("in_proj_weight")
    bias = parts.operand("in_proj_bias")
    heads_of = []
    for read, role in ((query, "q"), (key, "k"), (value, "v")):
        weight = shared if shared is not None else parts.operand(f"{role}_proj_weight")
        reads = [each for each in (read, weight, bias) if each is not None]
        roles = {name: at for at, name in enumerate(("input", "weight", "bias")[: len(reads)])}
        width = parts.shape(query)[-1]
        made = parts.make("linear", reads, (*parts.shape(read)[:-1], width), roles=roles)
        heads_of.append(_by_head(parts, made, heads))
    mask = parts.operand("attn_mask")
    causal = bool(arguments.get("is_causal")) and mask is None
    padding = parts.operand("key_padding_mask")
    q, k, v = heads_of
    out, weights = attend(
        parts, q, k, v, mask if mask is not None else padding, causal, None, arguments.get("dropout_p")
    )
    turned = parts.make("transpose", [out], parts.shape(out)[::-1])
    merged = parts.make("reshape", [turned], parts.shape(query))
    reads = [
        each
        for each in (merged, parts.operand("out_proj_weight"), parts.operand("out_proj_bias"))
        if each is not None
    ]
    roles = {name: at for at, name in enumerate(("input", "weight", "bias")[: len(reads)])}
    return {0: parts.make("linear", reads, parts.shape(query), roles=roles), 1: weights}


def _by_head(parts: _Parts, at: int, heads: int) -> int:
    shape = parts.shape(at)
    if len(shape) < 2:
        return at
    length, width = shape[0], shape[-1] // heads
    return parts.make(
        "transpose",
        [parts.make("view", [at], (length, *shape[1:-1], heads, width))],
        (*shape[1:-1], heads, length, width),
        {"dim0": 0, "dim1": -2},
    )


def _glu(parts: _Parts) -> int:
    read = parts.operand("input")
    read = parts.opening.reads(parts.op.operands[0])[0] if read is None else read
    dim = parts.op.arguments.get("dim", -1)
    both = parts.make("chunk", [read], (), {"chunks": 2, "dim": dim})
    up, gate = (parts.make("getitem", [both], parts.op.shape, {"index": index}) for index in (0, 1))
    weight = parts.make("sigmoid", [gate], parts.op.shape)
    return parts.make("mul", [up, weight], parts.op.shape)


def _product_and_sum(parts: _Parts) -> int:
    """Open `addmm` and its kin: β·input + α·(a @ b)."""
    names = ("mat1", "mat2") if parts.op.name == "addmm" else ("batch1", "batch2")
    reads = [parts.opening.reads(operand)[0] for operand in parts.op.operands]
    if len(reads) < 3:
        return parts.make(parts.op.name, reads, parts.op.shape)
    ops, arguments = parts.opening.ops, parts.op.arguments
    places = [parts.op.roles.get(name, at + 1) for at, name in enumerate(names)]
    factors = [reads[place] for place in places]
    if not all(ops[read].depends_on_input for read in factors):
        inputs = [read for read in factors if ops[read].depends_on_input]
        weights = [read for read in factors if not ops[read].depends_on_input]
        roles = {"input": 0, "weight": 1, "bias": 2}
        if inputs and not ops[reads[0]].depends_on_input:
            return parts.make("linear", [*inputs, *weights, reads[0]], parts.op.shape, roles=roles)
    product = parts.make("matmul", factors, parts.op.shape)
    if arguments.get("alpha", 1) != 1:
        product = parts.make("mul", [product], parts.op.shape, numbers=(float(arguments["alpha"]),))
    return (
        parts.make("add", [reads[0], product], parts.op.shape) if arguments.get("beta", 1) != 0 else product
    )


_OPENED: dict[str, Callable[[_Parts], int | dict[int, int]]] = {
    "scaled_dot_product_attention": _attention,
    "flex_attention": _attention,
    "multi_head_attention_forward": _multi_head,
    "glu": _glu,
    **dict.fromkeys(("addcmul", "addcdiv"), _sum_with_product),
    "addmm": _product_and_sum,
    "baddbmm": _product_and_sum,
}
