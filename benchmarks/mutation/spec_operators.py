"""Changes of one mark of a spec, each to something that is not true.

A mutation works on the spec's plain data and says which mark it changed: the panel and the names of boxes by
which a finding may name it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import pairwise
from typing import Any, NamedTuple

Data = dict[str, Any]


class Mutation(NamedTuple):
    """One changed spec: the operator, the panel, what was changed, the boxes concerned, and the data."""

    operator: str
    panel: str
    what: str
    boxes: tuple[str, ...]
    data: Data


SIBLINGS = (
    ("RMSNorm", "LayerNorm"),
    ("LayerNorm", "RMSNorm"),
    ("BatchNorm", "LayerNorm"),
    ("GroupNorm", "BatchNorm"),
    ("SiLU", "GELU"),
    ("GELU", "ReLU"),
    ("ReLU", "SiLU"),
    ("Tanh", "Sigmoid"),
    ("SoftMax", "Sigmoid"),
    ("Softmax", "Sigmoid"),
    ("Linear", "1×1 conv"),
    ("Embedding", "Linear"),
    ("RoPE", "ALiBi"),
    ("⊗", "⊕"),
    ("⊙", "⊕"),
    ("⊕", "⊗"),
    ("+", "⊗"),
    ("1×1 conv", "3×3 conv"),
    ("3×3 conv", "5×5 conv"),
    ("7×7 conv", "3×3 conv"),
    ("Conv block", "Attention"),
    ("Depthwise conv", "Linear"),
    ("Up-conv", "Max pool"),
    ("Max pool", "Average pool"),
    ("verage pool", "Max pool"),
    ("Cross-attention", "Self-attention"),
    ("elf-attention", "Cross-attention"),
    ("Attention", "MLP"),
    ("GQA", "FFN"),
    ("FFN", "GQA"),
    ("MLP", "Attention"),
    ("Feed-forward", "Attention"),
    ("Dropout", "SoftMax"),
    ("Router", "Attention"),
    ("Concat", "⊕"),
    ("mask", "SoftMax"),
    ("R", "split"),
)
"""A label that holds the first text (or is it, if short) is given the second one."""

GHOSTS = (("Sigmoid", "activation"), ("LayerNorm", "norm"), ("RoPE", "position"), ("⊗", "operator"))


_ORDINAL = re.compile(r"\w+ \d+")  # "Stage 2", "Expert 1": a name, which says nothing of the code


def mutations(data: Data, lines: Callable[[Data, str], list[tuple[str, str]]]) -> Iterator[Mutation]:
    """Yield every change of every mark; `lines` tells the lines that a panel of some data draws."""
    for panel in data["panels"]:
        for maker in (_relabelled, _renumbered, _recounted, _deleted, _exchanged, _ghosts, _flow, _residuals):
            yield from maker(data, panel)
        yield from _lines(data, panel, lines(data, panel))


def inside(box: Data) -> bool:
    """Return whether the box is part of what the model runs."""
    return not box.get("outside")


def with_box(data: Data, panel: str, name: str, **changed: Any) -> Data:
    """Return the data with some keys of a box changed, or, where None, taken away."""
    copy = deepcopy(data)
    box = copy["panels"][panel]["boxes"][name]
    box.update(changed)
    for key in [key for key, value in box.items() if value is None]:
        del box[key]
    return copy


def _relabelled(data: Data, panel: str) -> Iterator[Mutation]:
    for name, box in data["panels"][panel]["boxes"].items():
        label = box.get("label", name)
        for text, sibling in SIBLINGS if inside(box) else ():
            if label == text or (len(text) > 1 and text in label):
                changed = with_box(data, panel, name, label=sibling, role=None, op=None)
                yield Mutation("relabel", panel, f"{name}: {label} -> {sibling}", (name,), changed)
                break


def _renumbered(data: Data, panel: str) -> Iterator[Mutation]:
    for name, box in data["panels"][panel]["boxes"].items():
        label = box.get("label", name)
        if not inside(box) or _ORDINAL.fullmatch(label):
            continue
        for match in re.finditer(r"(?<![\w_])\d+", label):
            number = str(int(match[0]) + 2)
            text = label[: match.start()] + number + label[match.end() :]
            yield Mutation(
                "number",
                panel,
                f"{name}: {label} -> {text}",
                (name,),
                with_box(data, panel, name, label=text),
            )


def _recounted(data: Data, panel: str) -> Iterator[Mutation]:
    for name, box in data["panels"][panel]["boxes"].items():
        if isinstance(box.get("repeat"), int):
            changed = with_box(data, panel, name, repeat=box["repeat"] + 1)
            yield Mutation("count", panel, f"{name}: ×{box['repeat'] + 1}", (name,), changed)


def _deleted(data: Data, panel: str) -> Iterator[Mutation]:
    """Yield a box gone, and its lines closed over it; one that a residual edge names stays."""
    value = data["panels"][panel]
    for name, box in value["boxes"].items():
        if not inside(box) or box.get("detail") or box.get("role") in ("input", "output"):
            continue
        if len(value["boxes"]) == 1 or name in named_by(value):
            continue
        copy = deepcopy(data)
        changed = copy["panels"][panel]
        del changed["boxes"][name]
        if "flow" in changed:
            changed["flow"] = without(changed["flow"], name)
        chains = [[each for each in chain if each != name] for chain in changed.get("edges", ())]
        changed["edges"] = [chain for chain in chains if len(chain) > 1]
        yield Mutation("delete", panel, f"{name} ({box.get('label', name)})", (name,), copy)


def named_by(value: Data) -> set[str]:
    """Return the boxes that a panel's residual edges name."""
    found: set[str] = set()
    for edge in value.get("residuals", ()):
        for each in (edge.get("around"), edge.get("from"), edge.get("to"), edge.get("through")):
            found.update([each] if isinstance(each, str) else each or ())
    return found


def without(items: list[Any], name: str) -> list[Any]:
    kept = [without(item, name) if isinstance(item, list) else item for item in items if item != name]
    return [item for item in kept if item != []]


def _exchanged(data: Data, panel: str) -> Iterator[Mutation]:
    """Yield what two neighbours stand for, exchanged: label, module, role and all."""
    boxes = data["panels"][panel]["boxes"]
    for one, other in pairwise(chain_of(data["panels"][panel])):
        if not (inside(boxes[one]) and inside(boxes[other])) or boxes[one] == boxes[other]:
            continue
        copy = deepcopy(data)
        changed = copy["panels"][panel]["boxes"]
        changed[one], changed[other] = changed[other], changed[one]
        yield Mutation("swap", panel, f"{one} and {other}", (one, other), copy)


def chain_of(value: Data) -> list[str]:
    """Return the boxes of the flow that follow each other, up to the first that stand side by side."""
    found = []
    for item in value.get("flow", ()):
        if not isinstance(item, str):
            break
        found.append(item)
    return found


def _ghosts(data: Data, panel: str) -> Iterator[Mutation]:
    value = data["panels"][panel]
    flow = value.get("flow", ())
    for number, (one, other) in enumerate(pairwise(flow)):
        ends = [each for each in (one, other) if isinstance(each, str)]
        if any(not inside(value["boxes"][each]) for each in ends):
            continue
        label, role = GHOSTS[number % len(GHOSTS)]
        copy = deepcopy(data)
        changed = copy["panels"][panel]
        changed["boxes"]["ghost"] = {"label": label, "role": role}
        changed["flow"].insert(number + 1, "ghost")
        yield Mutation("ghost", panel, f"{label} before {other}", ("ghost",), copy)


def _flow(data: Data, panel: str) -> Iterator[Mutation]:
    """Parallel parts made one after the other, and the end of one branch moved to another."""
    for number, item in enumerate(data["panels"][panel].get("flow", ())):
        if not isinstance(item, list):
            continue
        copy = deepcopy(data)
        flat = tuple(_flattened(item))
        copy["panels"][panel]["flow"][number : number + 1] = flat
        yield Mutation("flatten", panel, ", ".join(flat), flat, copy)
        for at, branch in enumerate(item):
            if isinstance(branch, list) and len(branch) > 1 and len(item) > 1:
                copy = deepcopy(data)
                parts = copy["panels"][panel]["flow"][number]
                moved = parts[at].pop()
                to = (at + 1) % len(parts)
                parts[to] = [*(parts[to] if isinstance(parts[to], list) else [parts[to]]), moved]
                parts[at] = parts[at][0] if len(parts[at]) == 1 else parts[at]
                yield Mutation("other branch", panel, str(moved), tuple(_flattened([moved])), copy)


def _flattened(items: list[Any]) -> Iterator[str]:
    for item in items:
        yield from _flattened(item) if isinstance(item, list) else [item]


def _lines(data: Data, panel: str, drawn: list[tuple[str, str]]) -> Iterator[Mutation]:
    """Yield one line dropped, one added past a box, one led to the next box instead."""
    boxes = data["panels"][panel]["boxes"]
    within = [line for line in drawn if all(inside(boxes[box]) for box in line)]
    if len(drawn) < 2:
        return
    for one, other in within:
        left = [line for line in drawn if line != (one, other)]
        yield redrawn("drop line", data, panel, (one, other), f"{one} -> {other}", left)
        for after in [end for start, end in within if start == other and (one, end) not in drawn][:1]:
            ends = (one, other, after)
            yield redrawn("add line", data, panel, ends, f"{one} -> {after}", [*drawn, (one, after)])
            yield redrawn("redirect line", data, panel, ends, f"{one} -> {after}", [*left, (one, after)])


def redrawn(
    operator: str, data: Data, panel: str, boxes: tuple[str, ...], what: str, lines: list[tuple[str, str]]
) -> Mutation:
    """Return the mutation that draws these lines instead of those of the panel."""
    copy = deepcopy(data)
    changed = copy["panels"][panel]
    changed["flow"] = []
    changed["edges"] = [list(line) for line in lines]
    return Mutation(operator, panel, what, boxes, copy)


def _residuals(data: Data, panel: str) -> Iterator[Mutation]:
    value = data["panels"][panel]
    for number, edge in enumerate(value.get("residuals", ())):
        boxes = tuple(named_by({"residuals": [edge]}))
        name = f"{edge.get('around') or (edge.get('from'), edge.get('to'))}"
        for operator, changed in _changed_edges(edge, chain_of(value)):
            copy = deepcopy(data)
            copy["panels"][panel]["residuals"][number : number + 1] = changed
            touched = named_by({"residuals": [edge, *changed]})
            yield Mutation(operator, panel, name, tuple(touched) or boxes, copy)


def _changed_edges(edge: Data, chain: list[str]) -> Iterator[tuple[str, list[Data]]]:
    """Yield what may stand for an edge instead, and is not true."""
    if edge.get("line") != "dashed":
        yield "residual deleted", []
        yield "residual doubled", [edge, {**edge, "name": "again"}]
    dashed = edge.get("line") == "dashed"
    flipped = {key: value for key, value in edge.items() if key not in ("line", "realized_by")}
    yield "residual flipped", [{**flipped, "line": "solid" if dashed else "dashed"}]
    for kind in ("scaled", "concat", "gated"):
        if edge.get("kind") != kind and not dashed:
            yield "kind", [{**edge, "kind": kind}]
    around = edge.get("around")
    first, last = (around, around) if isinstance(around, str) else around or ("", "")
    if first in chain and last in chain and not dashed:
        start, end = chain.index(first), chain.index(last)
        if start:
            yield "source moved", [{**edge, "around": [chain[start - 1], last]}]
        if start < end:
            yield "source moved", [{**edge, "around": [chain[start + 1], last]}]
            yield "sink moved", [{**edge, "around": [first, chain[end - 1]]}]
        if end + 1 < len(chain):
            yield "sink moved", [{**edge, "around": [first, chain[end + 1]]}]
