"""Changes that the other operators do not make: what a figure's hand draws, not what its labels say.

Boxes moved further along, drawn twice or as one, inputs exchanged or added, words added to a label, residual
edges led to other boxes by name, other kinds and factors, what stands outside led elsewhere, open ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import combinations, pairwise

from benchmarks.mutation.spec_operators import Data, Mutation, chain_of, inside, named_by, redrawn, with_box

Lines = Callable[[Data, str], list[tuple[str, str]]]

WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"linear|线性", ("{} + ReLU", "{}, GELU", "LayerNorm & {}")),
    (r"norm|归一化", ("{} + ReLU", "Linear + {}")),
    (r"conv", ("{}, BatchNorm, Tanh", "Transposed {}", "{} + Max pool")),
    (r"attention|gqa|注意力", ("Linear {}", "{} + SwiGLU FFN", "Sliding-window {}", "ALiBi {}")),
    (r"mlp|ffn|feed", ("{} (GEGLU)", "{}, Tanh", "MoE {}")),
    (r"embedding|嵌入", ("{} + Sinusoidal positions", "{} & LayerNorm")),
    (r"relu|gelu|silu|sigmoid|softmax", ("{} + LayerNorm", "{} ⊗", "Linear, {}")),
    (r"pool", ("{} + Sigmoid", "{}, 3×3 conv")),
)
"""What a label names, and that label with a word for an operation that is not there."""


def figure_mutations(data: Data, lines: Lines) -> Iterator[Mutation]:
    """Yield every such change; `lines` tells the lines that a panel of some data draws."""
    for panel in data["panels"]:
        drawn = lines(data, panel)
        for maker in (_words, _edges, _moved_along, _inputs, _outside_dropped, _opened_elsewhere, _merged):
            yield from maker(data, panel)
        for by_lines in (_doubled, _led_elsewhere, _ghost_inputs):
            yield from by_lines(data, panel, drawn)


def _words(data: Data, panel: str) -> Iterator[Mutation]:
    for name, box in data["panels"][panel]["boxes"].items():
        label = box.get("label", name)
        found = (forms for pattern, forms in WORDS if re.search(pattern, label, re.IGNORECASE))
        for form in next(found, ()) if inside(box) else ():
            text = form.format(label)
            yield Mutation(
                "word added",
                panel,
                f"{name}: {label} -> {text}",
                (name,),
                with_box(data, panel, name, label=text),
            )


def _edges(data: Data, panel: str) -> Iterator[Mutation]:
    value = data["panels"][panel]
    for number, edge in enumerate(value.get("residuals", ())):
        for operator, what, changed in _changed_edge(edge, list(value["boxes"]), chain_of(value)):
            copy = deepcopy(data)
            copy["panels"][panel]["residuals"][number] = changed
            boxes = tuple(named_by({"residuals": [edge, changed]}))
            yield Mutation(operator, panel, f"{edge.get('around') or edge.get('from')}: {what}", boxes, copy)


def _changed_edge(edge: Data, boxes: list[str], chain: list[str]) -> Iterator[tuple[str, str, Data]]:
    if edge.get("line") == "dashed":
        return
    for kind in ("identity", "projection", "partial", "multi-stream"):
        if edge.get("kind", "projection" if edge.get("through") else "identity") != kind:
            yield "other kind", kind, {**edge, "kind": kind}
    if "factor" in edge:
        yield "other factor", "0.123", {**edge, "factor": 0.123}
    for end in ("from", "to"):
        for box in boxes if end in edge else ():
            if box not in (edge["from"], edge["to"]):
                yield f"{end} moved", f"{end} {box}", {**edge, end: box}
    around = edge.get("around")
    first, last = (around, around) if isinstance(around, str) else around or ("", "")
    for one, other in combinations([*chain, ""], 2) if first in chain and last in chain else ():
        if [one, other or one] != [first, last]:
            yield "around other boxes", f"{one}..{other}", {**edge, "around": [one, other or one]}


def _moved_along(data: Data, panel: str) -> Iterator[Mutation]:
    """Yield a box of the chain drawn two places or more from where it is."""
    value = data["panels"][panel]
    chain = chain_of(value)
    for start, name in enumerate(chain):
        for end in range(len(chain)):
            if abs(start - end) > 1 and inside(value["boxes"][name]):
                copy = deepcopy(data)
                flow = copy["panels"][panel]["flow"]
                flow.insert(end, flow.pop(start))
                yield Mutation("moved along", panel, f"{name} to place {end}", (name, chain[end]), copy)


def _inputs(data: Data, panel: str) -> Iterator[Mutation]:
    """Yield two inputs exchanged; an operation drawn as an input."""
    boxes = data["panels"][panel]["boxes"]
    given = [name for name, box in boxes.items() if box.get("role") == "input"]
    for one, other in combinations(given, 2):
        copy = with_box(data, panel, one, **boxes[other])
        copy["panels"][panel]["boxes"][other] = deepcopy(boxes[one])
        yield Mutation("inputs' labels exchanged", panel, f"{one} and {other}", (one, other), copy)
    for name, box in boxes.items():
        if inside(box) and not box.get("module") and box.get("role") not in ("input", "output"):
            changed = with_box(data, panel, name, role="input", op=None)
            yield Mutation("drawn as an input", panel, name, (name,), changed)


def _outside_dropped(data: Data, panel: str) -> Iterator[Mutation]:
    for name, box in data["panels"][panel]["boxes"].items():
        if not inside(box):
            yield Mutation("outside dropped", panel, name, (name,), with_box(data, panel, name, outside=None))


def _opened_elsewhere(data: Data, panel: str) -> Iterator[Mutation]:
    """Yield a box that another box's panel opens, or none; and open ends, first and last."""
    value = data["panels"][panel]
    opened = {
        box["detail"] for each in data["panels"].values() for box in each["boxes"].values() if "detail" in box
    }
    for name, box in value["boxes"].items():
        for other in sorted(opened) if "module" in box and "detail" not in box else ():
            copy = deepcopy(data)
            for each in copy["panels"].values():
                for drawn in each["boxes"].values():
                    if drawn.get("detail") == other:
                        del drawn["detail"]
            copy["panels"][panel]["boxes"][name]["detail"] = other
            if other != panel:
                yield Mutation("opened elsewhere", panel, f"{name} by {other}", (name,), copy)
    flow = value.get("flow", ())
    if len(flow) > 2:
        for what, changed in (("first", [[*flow[:2]], *flow[2:]]), ("last", [*flow[:-2], [*flow[-2:]]])):
            copy = deepcopy(data)
            copy["panels"][panel]["flow"] = changed
            ends = flow[:2] if what == "first" else flow[-2:]
            if all(isinstance(each, str) and inside(value["boxes"][each]) for each in ends):
                yield Mutation("open end", panel, f"{what} two side by side", tuple(ends), copy)


def _merged(data: Data, panel: str) -> Iterator[Mutation]:
    """Yield two neighbours with modules drawn as one box with the first one's label."""
    value = data["panels"][panel]
    chain = chain_of(value)
    for one, other in pairwise(chain):
        first, second = value["boxes"][one], value["boxes"][other]
        if not (first.get("module") and second.get("module")) or other in named_by(value):
            continue
        copy = deepcopy(data)
        changed = copy["panels"][panel]
        modules = [
            m
            for each in (first, second)
            for m in ([each["module"]] if isinstance(each["module"], str) else each["module"])
        ]
        changed["boxes"][one]["module"] = modules
        del changed["boxes"][other]
        changed["flow"] = [each for each in changed["flow"] if each != other]
        changed["edges"] = [
            [one if each == other else each for each in chain] for chain in value.get("edges", ())
        ]
        yield Mutation("merged", panel, f"{one} with {other}", (one, other), copy)


def _doubled(data: Data, panel: str, drawn: list[tuple[str, str]]) -> Iterator[Mutation]:
    """Yield a box drawn twice, once after the other."""
    for name, box in data["panels"][panel]["boxes"].items():
        if not inside(box) or box.get("role") in ("input", "output"):
            continue
        again = [("again" if one == name else one, other) for one, other in drawn]
        copy = redrawn("doubled", data, panel, (name, "again"), name, [*again, (name, "again")])
        copy.data["panels"][panel]["boxes"]["again"] = {
            key: deepcopy(item) for key, item in box.items() if key != "detail"
        }
        yield copy


def _led_elsewhere(data: Data, panel: str, drawn: list[tuple[str, str]]) -> Iterator[Mutation]:
    """Yield a line from an input, or from what is outside, led to another box, or away from an output."""
    boxes = data["panels"][panel]["boxes"]
    loose = {name for name, box in boxes.items() if not inside(box) or box.get("role") in ("input", "output")}
    for one, other in drawn:
        for box in boxes:
            if box in (one, other) or box in loose:
                continue
            for line in ((one, box) if one in loose else None, (box, other) if other in loose else None):
                if line and line not in drawn:
                    left = [each for each in drawn if each != (one, other)]
                    what = f"{one} -> {other} to {line[0]} -> {line[1]}"
                    yield redrawn("end led elsewhere", data, panel, (one, other, box), what, [*left, line])


def _ghost_inputs(data: Data, panel: str, drawn: list[tuple[str, str]]) -> Iterator[Mutation]:
    """Yield an input, and an output, that is not there, at any box."""
    for name, box in data["panels"][panel]["boxes"].items():
        if not inside(box) or box.get("role") in ("input", "output"):
            continue
        for role, line in (("input", ("ghost", name)), ("output", (name, "ghost"))):
            copy = redrawn(f"ghost {role}", data, panel, ("ghost", name), f"at {name}", [*drawn, line])
            copy.data["panels"][panel]["boxes"]["ghost"] = {"label": f"another {role}", "role": role}
            yield copy
