"""Attention: scores of queries and keys, a softmax over the keys, and the values weighted by it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from archcheck.dataflow.operations import CONCATS, DIVISIONS, PRODUCTS, SUMS, VIEWS
from archcheck.vocabulary.arithmetic import CASTS
from archcheck.vocabulary.flaws import Parts, flaw
from archcheck.vocabulary.groups import number_of
from archcheck.vocabulary.regions import Detail, Region, region_of
from archcheck.vocabulary.walking import Walks, near

_REPEATS = frozenset(["expand", "expand_as", "repeat", "repeat_interleave", "tile", "broadcast_to"])
_MASKS = frozenset(["masked_fill", "where", "maximum", "max", "clamp", "clamp_min", "tanh"])
_STEPS = 24  # operations between scores and softmax, and between softmax and the values


@dataclass
class _Scores:
    """The path from a softmax back to its scores: the operations on it, and what was added or masked."""

    product: int
    ops: list[int] = field(default_factory=list)
    causal: bool = False
    biases: list[int] = field(default_factory=list)


def attentions(walks: Walks, softmax: Region) -> Iterator[Region]:
    """Yield the attention that a softmax belongs to, with its two matrix products as separate regions."""
    scores = _scores(walks, softmax.inputs[0]) if softmax.inputs else None
    if scores is None:
        return
    weighed = _weighed(walks, softmax)
    if weighed is None:
        return
    attend, way, sums_shares = weighed
    flow = walks.flow
    query, key = _query_and_key(walks, scores.product)
    values = [read for (read, *_) in walks.ops[attend].operands if read not in (*way, softmax.output)]
    if not values:
        return
    value = values[0]
    heads, shared = _heads(walks, query, scores.product), _kv_heads(walks, key, scores.product)
    source, mask = _source(walks, query, key), walks.ops[softmax.output].mask
    roles = {"query": (query,), "key": (key,), "value": (value,)}
    details: dict[str, Detail] = {"heads": heads, "kv_heads": shared, "source": source}
    factor = _scale(walks, [*scores.ops, *_factors_of(walks, query), *_factors_of(walks, key)])
    details["scale"] = None if factor is None else _as_scale(factor, walks.ops[query].shape[-1:])
    details |= _let_through(mask or ("causal" if scores.causal else ""))
    parts = Parts(scores.product, attend, query, key, value, source, mask)
    hidden = any(walks.ops[at].name in _MASKS for at in scores.ops) or bool(scores.biases)
    if not sums_shares:
        wrong = "takes shares over a dimension that it does not sum over"
    elif not hidden and any(_is_masked(walks, at) for at in way):
        wrong = "hides keys after the softmax only, so that their shares are lost"
    else:
        wrong = flaw(walks, parts)
    details |= {"flaw": wrong} if wrong else {}
    name = _name(walks, heads, shared, key, value) if sums_shares else "attention"
    yield region_of(flow, "scores", [scores.product], scores.product)
    yield region_of(flow, "attend", [attend], attend)
    yield from _mask_regions(walks, scores)
    ops = [*scores.ops, *softmax.ops, *way, attend]
    yield region_of(flow, name, ops, attend, details, roles)
    joined = _joined(walks, attend)
    if heads > 1 and joined is not None:
        yield region_of(flow, "joined heads", [joined], joined)


def _joined(walks: Walks, attend: int) -> int | None:
    """Return the view that puts the heads' results side by side, which figures draw as a concatenation."""
    at = attend
    while len(users := set(walks.users[at])) == 1:
        before, at = walks.ops[at], users.pop()
        op = walks.ops[at]
        if op.name not in VIEWS:
            return None
        if op.shape and before.shape and op.numel == before.numel and op.shape[-1] > before.shape[-1]:
            return at
    return None


def _scores(walks: Walks, at: int, steps: int = _STEPS) -> _Scores | None:
    """Return the matrix product of queries and keys behind a softmax."""
    found = _Scores(at)
    for _ in range(steps):
        op = walks.ops[at]
        found.ops.append(at)
        if walks.compares(at):
            found.product = at
            return found
        if not op.operands:
            return None
        fed = walks.fed(op)
        if op.name in VIEWS | CASTS | {"masked_fill", "tanh"} or (op.name in PRODUCTS and len(fed) == 1):
            found.causal = found.causal or (op.name == "masked_fill" and _is_triangular(walks, at))
            at = fed[0] if op.name in PRODUCTS else op.operands[op.roles.get("input", 0)][0]
        elif op.name in SUMS | _MASKS | PRODUCTS | CONCATS:
            ways = [(read, way) for read in fed if (way := _scores(walks, read, steps - len(found.ops)))]
            if not ways:
                return None
            read, way = ways[0]
            others = [operand[0] for operand in op.operands if operand[0] != read]
            found.causal = found.causal or way.causal or _is_triangular(walks, at)
            if op.name in SUMS:
                # To subtract the largest score from all changes no share.
                biases = (at for at in others if walks.ops[walks.root(at)].name not in ("max", "amax"))
                found.biases += biases
            return _Scores(way.product, [*found.ops, *way.ops], found.causal, [*found.biases, *way.biases])
        else:
            return None
    return None


def _is_masked(walks: Walks, at: int) -> bool:
    """Return whether shares are hidden here: filled, or multiplied by a table of queries and keys."""
    op = walks.ops[at]
    constants = [operand[0] for operand in op.operands if operand[0] not in walks.fed(op)]
    table = walks.ops[constants[0]].shape if walks.scale_factor(op) and constants else ()
    return op.name == "masked_fill" or min(table[-2:], default=0) > 1


def _scale(walks: Walks, ops: Iterable[int]) -> float | None:
    """Return the number by which these operations scale scores; None if it is not a known number."""
    factor = 1.0
    for at in ops:
        op = walks.ops[at]
        if walks.scale_factor(op):
            constants = [operand[0] for operand in op.operands if operand[0] not in walks.fed(op)]
            number = number_of(walks.flow, constants[0]) if constants else next(iter(op.numbers), None)
            if not number:
                return None
            factor *= 1 / number if op.name in DIVISIONS else number
    return factor


def _factors_of(walks: Walks, at: int) -> Iterator[int]:
    """Yield the factors of queries or keys on the way from the norm, or the linear map, that makes them."""
    for _ in range(_STEPS):
        op, made = walks.ops[at], walks.made.get(at)
        if made is not None and made.term.name == "RoPE":
            (at,) = made.roles["stream"]
        elif walks.scale_factor(op) or (op.name in VIEWS | CASTS and op.operands):
            yield at
            at = walks.fed(op)[0] if walks.scale_factor(op) else op.operands[0][0]
        else:
            return


def _as_scale(factor: float, width: tuple[int, ...]) -> str:
    """Return a factor of scores as figures write it."""
    is_usual = bool(width) and abs(factor * factor * width[0] - 1) < 1e-3
    return "1/√d" if is_usual else f"{factor:.4g}"


def _let_through(mask: str) -> dict[str, Detail]:
    """Return the details that a mask's pattern shows."""
    words = mask.split()
    if not words or mask == "unclear":
        return {}
    details: dict[str, Detail] = {"causal": words[-1] == "causal"}
    if words[0] == "window":
        details["window"] = int(words[1])
    return details


def _is_triangular(walks: Walks, at: int) -> bool:
    """Return whether a masking operation reads a triangle. For runs without values."""
    op = walks.ops[at]
    names = {walks.ops[below].name for operand in op.operands[1:] for below in near(walks.flow, operand[0])}
    return bool(names & {"tril", "triu"}) or (op.name == "masked_fill" and len(op.operands) == 1)


def _weighed(walks: Walks, softmax: Region) -> tuple[int, list[int], bool] | None:
    """Return the product of weights and values, and whether it sums over what the softmax shares out.

    Between softmax and product, which are returned too, lie dropout, casts, a factor per head. Shares that
    are shared out again, as in slot attention, may be over any dimension.
    """
    pending: list[tuple[int, list[int], int | None]] = [(softmax.output, [], _dim(walks, softmax))]
    seen: set[int] = set()
    other: tuple[int, list[int], bool] | None = None
    while pending and len(seen) < _STEPS:
        at, way, dim = pending.pop(0)
        for user in walks.users[at]:
            if user in seen:
                continue
            seen.add(user)
            op = walks.ops[user]
            if walks.compares(user):
                if _sums_over(walks, user, at, dim):
                    return user, way, True
                is_shared_again = any(walks.ops[each].name in DIVISIONS for each in way)
                other = other or (user, way, is_shared_again)
            elif op.name in PRODUCTS or (op.name in VIEWS | CASTS and op.operands[0][0] == at):
                pending.append((user, [*way, user], _moved(walks, at, user, dim)))
    return other


def _dim(walks: Walks, softmax: Region) -> int | None:
    """Return the softmax's dimension, counted from the end."""
    dim = softmax.details.get("dim", -1)
    rank = len(walks.ops[softmax.output].shape)
    return None if not isinstance(dim, int) else dim if dim < 0 else dim - rank


def _moved(walks: Walks, before: int, at: int, dim: int | None) -> int | None:
    """Return where a view moves the dimension; None if unknown."""
    op, below = walks.ops[at], walks.ops[before]
    if dim is None:
        return None
    if op.layout is not None:
        sizes, strides, _, new_sizes, new_strides, _ = op.layout
        axis = (sizes[dim], strides[dim])
        places = [at for at, each in enumerate(zip(new_sizes, new_strides, strict=True)) if each == axis]
        return places[0] - len(new_sizes) if len(places) == 1 else None
    return dim if op.shape[dim:] == below.shape[dim:] else None


def _sums_over(walks: Walks, product: int, weights: int, dim: int | None) -> bool:
    """Return whether this matrix product sums over the dimension along which the softmax normalises."""
    op = walks.ops[product]
    if dim is None:
        return True
    places = [place for place, operand in enumerate(op.operands) if operand[0] == weights]
    equation = op.arguments.get("equation")
    if isinstance(equation, str) and "->" in equation:
        terms = equation.replace(" ", "").split("->")[0].split(",")
        letters = terms[places[0]]
        return -dim <= len(letters) and letters[dim] not in equation.split("->")[1]
    return dim == (-1 if places[0] == 0 else -2) or op.name == "einsum"


def _query_and_key(walks: Walks, product: int) -> tuple[int, int]:
    op = walks.ops[product]
    one, other = (operand[0] for operand in op.operands[:2])
    equation = op.arguments.get("equation")
    if isinstance(equation, str) and "->" in equation:
        terms, result = equation.replace(" ", "").split("->")
        if result and result[-1] in terms.split(",")[0]:
            return other, one
    return one, other


# -- heads ----------------------------------------------------------------------------------------


def _heads(walks: Walks, at: int, product: int) -> int:
    """Return the number of heads of these queries or keys, by their shapes on the way here."""
    shape = walks.ops[at].shape
    if len(walks.ops[product].shape) >= 4 and len(shape) >= 4:
        equation = walks.ops[product].arguments.get("equation")
        if not isinstance(equation, str):
            return (
                math.prod(shape[-4:-2]) if len(shape) == 5 and shape[-3] > 1 and shape[1] > 1 else shape[-3]
            )
        return walks.ops[product].shape[-3]
    scores = walks.ops[product]
    width = walks.ops[scores.operands[0][0]].shape[-1]  # what the product sums over
    length = scores.shape[-2] if scores.operands[0][0] == at else scores.shape[-1]
    numel = walks.ops[at].numel
    for below in walks.views(at):
        before = walks.ops[below].shape
        if walks.ops[below].numel != numel or not width:
            break
        if len(before) == 4 and before[-1] == width:
            return max(numel // max(before[0] * length * width, 1), 1)
        if len(before) == 3 and length in before[:2] and before[-1] > width and before[-1] % width == 0:
            return before[-1] // width
    return 1


def _kv_heads(walks: Walks, key: int, product: int) -> int:
    """Return the heads of the keys before they were repeated for the queries that share them."""
    heads, repeated = _heads(walks, key, product), 1
    for at in walks.views(key):
        op = walks.ops[at]
        if op.name in _REPEATS and op.operands:
            repeated *= max(op.numel // max(walks.ops[op.operands[0][0]].numel, 1), 1)
    return max(heads // repeated, 1) if heads % repeated == 0 else heads


def _source(walks: Walks, query: int, key: int) -> str | None:
    """`self` if queries and keys are maps of one tensor, `cross` if of two."""
    maps = walks.map_behind(query), walks.map_behind(key)
    if -1 in maps:
        return None
    one, other = (walks.input_of(each) for each in maps)
    return "self" if one == other or maps[0] == maps[1] else "cross"


def _name(walks: Walks, heads: int, shared: int, key: int, value: int) -> str:
    if _is_latent(walks, key, value):
        return "MLA"
    if heads > shared:
        return "MQA" if shared == 1 else "GQA"
    return "MHA" if heads > 1 else "single-head attention"


def _is_latent(walks: Walks, key: int, value: int) -> bool:
    """Return whether a part of the keys is mapped up from a narrow latent, and another is not."""
    joined = next((at for at in walks.views(key) if walks.ops[at].name in ("cat", "concat")), None)
    if joined is None:
        return False
    maps = {walks.map_behind(operand[0]) for operand in walks.ops[joined].operands}
    up = walks.map_behind(value)
    if up not in maps or len(maps) < 2 or -1 in maps:
        return False
    latent = walks.map_behind(walks.input_of(up))
    return latent in maps


def _mask_regions(walks: Walks, scores: _Scores) -> Iterator[Region]:
    """Yield the masks of the scores, and the biases by position that are added to them."""
    masked = [at for at in scores.ops if walks.ops[at].name in ("masked_fill", "where")]
    for bias in scores.biases:
        names = {walks.ops[below].name for below in near(walks.flow, bias)}
        if walks.ops[bias].depends_on_parameter:
            yield region_of(walks.flow, "relative positions", walks.views(bias), bias)
        elif names & {"arange", "cumsum", "pow", "exp2"} and not names & {
            "tril",
            "triu",
            "where",
            "masked_fill",
        }:
            yield region_of(walks.flow, "ALiBi", walks.views(bias), bias)
        else:
            masked += [at for at in scores.ops if (bias,) in walks.ops[at].operands]
    for at in masked:
        yield region_of(walks.flow, "mask", [at], at)
