"""Further changes of one mark of a spec: every label of another sort, every other line, every other edge.

They are too many to try all of them at every change of the code; `spec_mutants --wide N` draws some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import combinations

from benchmarks.mutation.spec_operators import Data, Mutation, chain_of, inside, redrawn, with_box

FAMILIES: tuple[tuple[str, ...], ...] = (
    ("RMSNorm", "LayerNorm", "BatchNorm", "GroupNorm", "InstanceNorm", "批归一化"),
    ("ReLU", "GELU", "SiLU", "Sigmoid", "Tanh", "LeakyReLU", "Softplus", "Mish", "ELU", "SoftMax"),
    ("Linear", "3×3 conv", "Embedding", "Attention", "LSTM", "线性层"),
    ("Max pool", "Average pool", "Upsample", "3×3 depthwise conv"),
    ("Multi-head attention", "GQA", "Cross-attention", "MLP", "MoE", "Mamba", "前馈网络", "多头注意力"),
    ("⊕", "⊗", "⊙", "Concat", "Split"),
    ("RoPE", "ALiBi", "Sinusoidal positions"),
)
"""Labels of the field; one is changed to any other that does not hold it, nor is held by it."""

_ALIKE = (
    {"Linear", "线性层"},
    {"MLP", "前馈网络", "MoE"},
    {"Attention", "Multi-head attention", "GQA", "Cross-attention", "多头注意力"},
    {"⊗", "⊙"},
    {"BatchNorm", "批归一化"},
)
_GHOSTS = (
    "Sigmoid",
    "LayerNorm",
    "RoPE",
    "⊗",
    "SoftMax",
    "3×3 conv",
    "Concat",
    "Dropout",
    "Max pool",
    "Linear",
)


def wide_mutations(data: Data, lines: Callable[[Data, str], list[tuple[str, str]]]) -> Iterator[Mutation]:
    """Yield every such change; `lines` tells the lines that a panel of some data draws."""
    for panel in data["panels"]:
        drawn = lines(data, panel)
        yield from _relabelled(data, panel)
        yield from _exchanged(data, panel)
        yield from _ghosts(data, panel, drawn)
        yield from _lines(data, panel, drawn)
        yield from _edges(data, panel)


def _relabelled(data: Data, panel: str) -> Iterator[Mutation]:
    for name, box in data["panels"][panel]["boxes"].items():
        label = box.get("label", name)
        family = next(
            (each for each in FAMILIES if any(text.casefold() in label.casefold() for text in each)), ()
        )
        for other in (text for each in FAMILIES for text in each) if family and inside(box) else ():
            if not _may_be(label, other):
                changed = with_box(data, panel, name, label=other, role=None, op=None)
                yield Mutation("wide relabel", panel, f"{name}: {label} -> {other}", (name,), changed)


def _may_be(label: str, other: str) -> bool:
    """Return whether a box of one label could be given the other one and be right."""
    one, two = label.casefold(), other.casefold()
    if one in two or two in one:
        return True
    return any(
        two in alike and any(text in one for text in alike)
        for alike in ({text.casefold() for text in each} for each in _ALIKE)
    )


def _exchanged(data: Data, panel: str) -> Iterator[Mutation]:
    """Yield what any two boxes stand for, exchanged."""
    boxes = data["panels"][panel]["boxes"]
    for one, other in combinations(boxes, 2):
        if not (inside(boxes[one]) and inside(boxes[other])) or boxes[one] == boxes[other]:
            continue
        copy = deepcopy(data)
        changed = copy["panels"][panel]["boxes"]
        changed[one], changed[other] = changed[other], changed[one]
        yield Mutation("wide swap", panel, f"{one} and {other}", (one, other), copy)


def _ghosts(data: Data, panel: str, drawn: list[tuple[str, str]]) -> Iterator[Mutation]:
    """Yield an operation that the code does not have, on any line."""
    boxes = data["panels"][panel]["boxes"]
    for one, other in drawn:
        if not (inside(boxes[one]) or inside(boxes[other])):
            continue
        for label in _GHOSTS:
            left = [line for line in drawn if line != (one, other)]
            copy = redrawn(
                "wide ghost",
                data,
                panel,
                ("ghost",),
                f"{label} from {one} to {other}",
                [*left, (one, "ghost"), ("ghost", other)],
            )
            copy.data["panels"][panel]["boxes"]["ghost"] = {"label": label}
            yield copy


def _lines(data: Data, panel: str, drawn: list[tuple[str, str]]) -> Iterator[Mutation]:
    """Yield a line between any two boxes, and each line led to, or from, any other box."""
    boxes = data["panels"][panel]["boxes"]
    names = [name for name, box in boxes.items() if inside(box)]
    for one in names:
        for other in names:
            if one == other or (one, other) in drawn:
                continue
            what = f"{one} -> {other}"
            yield redrawn("wide line", data, panel, (one, other), what, [*drawn, (one, other)])
            for line in drawn:
                if line[0] == one or line[1] == other:
                    left = [each for each in drawn if each != line]
                    yield redrawn(
                        "wide redirect",
                        data,
                        panel,
                        (one, other, *line),
                        f"{line[0]} -> {line[1]} to {what}",
                        [*left, (one, other)],
                    )


def _edges(data: Data, panel: str) -> Iterator[Mutation]:
    """Yield a residual around any boxes that follow each other, beside the others or instead of one."""
    value = data["panels"][panel]
    edges = value.get("residuals", [])
    chain = chain_of(value)
    there = [edge.get("around") for edge in edges]
    there = [[each, each] if isinstance(each, str) else each for each in there]
    for first, last in combinations([*chain, None], 2):
        around = [first, last or first]
        if around in there:
            continue
        for line in ("solid", "dashed"):
            copy = deepcopy(data)
            copy["panels"][panel].setdefault("residuals", []).append({"around": around, "line": line})
            yield Mutation("wide residual", panel, f"{line} around {around}", tuple(around), copy)
