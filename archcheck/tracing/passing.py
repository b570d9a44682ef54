"""Which operands of a recorded call have a part in its result: a factor of zero lets nothing pass.

`0 * x`, a buffer of zeros, `add(b, x, alpha=0)`, a mask that removes everything and a dropout with p = 1 add
nothing. A learned factor that happens to be zero is one (ReZero), and so is a random mask. On the meta device
nothing has values, and everything passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from torch import Tensor

from archcheck.dataflow.operations import PRODUCTS, VIEWS, ZEROS
from archcheck.dataflow.run import Op
from archcheck.tracing.tape import Step

# The operands that a keyword of zero takes out.
_SWITCHES: dict[str, dict[str, tuple[int, ...]]] = {
    "add": {"alpha": (1,)},
    "sub": {"alpha": (1,)},
    "addcmul": {"value": (1, 2)},
    "addcdiv": {"value": (1, 2)},
    **{name: {"alpha": (1, 2), "beta": (0,)} for name in ("addmm", "addbmm", "baddbmm", "addmv", "addr")},
}


def blocked(
    step: Step, op: Op, ops: Sequence[Op], value_of: Callable[[int], Tensor | None]
) -> frozenset[int]:
    """Return the places of the operands of which nothing passes into the result.

    `value_of` gives an operand's tensor if it is a constant of the run: neither made from an input nor
    learned nor random.
    """
    places = range(len(op.operands))

    def is_zero(place: int) -> bool:
        return _root(ops, op.operands[place]) in ZEROS or _is_zero(value_of(place))

    if op.name in PRODUCTS:
        number = op.name.startswith("mul") and len(places) == 1 and op.numbers[:1] == (0.0,)
        return frozenset(places) if number or any(map(is_zero, places)) else frozenset()
    if op.name == "sub" and len(set(op.operands)) == 1 < len(places) and not op.numbers:
        return frozenset(places)  # a tensor less itself
    if op.name in ("add", "sub") and len(places) == 2 and not op.numbers:
        nothing = [at for at in places[op.name == "sub" :] if is_zero(at)]
        return frozenset(nothing[:1])
    if op.name in _SWITCHES:
        off = [at for name, taken in _SWITCHES[op.name].items() if step.kwargs.get(name) == 0 for at in taken]
        return frozenset(off)
    if op.name == "masked_fill" and len(places) > 1:
        mask = value_of(1)
        return frozenset([0]) if mask is not None and bool(mask.all()) else frozenset()
    if op.name == "where" and len(places) == 3:
        return _by_condition(step, value_of)
    if op.name == "lerp" and len(places) == 2 and op.numbers[:1] in ((0.0,), (1.0,)):
        return frozenset([1 - int(op.numbers[0])])
    is_dropout = op.name.endswith("dropout") or op.name.startswith("dropout")
    if is_dropout and op.arguments.get("p") == 1 and op.arguments.get("training", True):
        return frozenset(places)
    return frozenset()


def as_reduction(op: Op, ops: Sequence[Op], value_of: Callable[[int], Tensor | None]) -> None:
    """Rename a matrix product with a vector of ones to what it is: a sum over an axis."""
    if op.name not in ("matmul", "mm", "mv", "einsum") or len(op.operands) != 2:
        return
    for ones, kept in ((0, 1), (1, 0)):
        by = op.operands[ones]
        if not _is_one(value_of(ones)) or any(ops[read].parameter for read in by):
            continue
        axis = _summed_axis(op, ops[by[0]].shape, ones, len(ops[op.operands[kept][0]].shape))
        if axis is not None:
            _rename(op, "sum", (op.operands[kept],), {"dim": axis})
            return


def _rename(
    op: Op, name: str, operands: Sequence[tuple[int, ...]], arguments: dict[str, object] | None = None
) -> None:
    op.name, op.operands = name, tuple(operands)
    op.arguments, op.roles, op.numbers = arguments or {}, {}, ()


def _summed_axis(op: Op, ones: tuple[int, ...], place: int, axes: int) -> int | None:
    if op.name == "einsum":
        factors, _, after = _equation(op).partition("->")
        one, other = factors.split(",")[::-1] if place else factors.split(",")
        gone = set(one) - set(after)
        is_sum = len(one) == len(gone) == 1 and other.count(one) == 1 and other.replace(one, "") == after
        at = other.find(one)
        return None if not is_sum else at if "." not in other[:at] else at - len(other)
    if place:
        return axes - 1 if len(ones) == 1 or (len(ones) == 2 and ones[1] == 1) else None
    return max(axes - 2, 0) if len(ones) == 1 or (len(ones) == 2 and ones[0] == 1) else None


def _equation(op: Op) -> str:
    return str(op.arguments.get("equation", "")).replace(" ", "")


def _is_one(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.numel() > 0 and bool((tensor == 1).all())


def _root(ops: Sequence[Op], reads: tuple[int, ...]) -> str:
    """Return the name of the operation that made these values, past views; "" for a patchwork."""
    while len(reads) == 1:
        op = ops[reads[0]]
        if op.name not in VIEWS or not op.operands:
            return op.name
        reads = op.operands[0]
    return ""


def _by_condition(step: Step, value_of: Callable[[int], Tensor | None]) -> frozenset[int]:
    """Return the side that `torch.where(condition, a, b)` never takes, if it never changes."""
    place = 1 if step.func is Tensor.where else 0
    condition = value_of(place)
    if condition is None or not condition.numel():
        return frozenset()
    taken, other = [at for at in range(3) if at != place]
    if bool(condition.all()):
        return frozenset([place, other])
    return frozenset() if bool(condition.any()) else frozenset([place, taken])


def _is_zero(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.numel() > 0 and not bool(tensor.any())


def take_out(op: Op, places: Iterable[int], ops: Sequence[Op]) -> bool:
    """Remove operands from an operation; return whether one of them depends on the input."""
    gone = frozenset(places)
    if not gone:
        return False
    removed = [operand for at, operand in enumerate(op.operands) if at in gone]
    op.operands = tuple(operand for at, operand in enumerate(op.operands) if at not in gone)
    op.roles = {}
    if not op.operands:
        op.name, op.arguments = "constant", {}
    elif len(op.operands) == 1:
        op.name, op.numbers, op.arguments = "alias", (), {}
    return any(ops[read].depends_on_input for operand in removed for read in operand)
