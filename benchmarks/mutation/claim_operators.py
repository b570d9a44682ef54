"""Changes of one claim of a spec that the label, the place or a single line alone does not make.

Labels in other words and in Chinese, numbers that are not the model's, labels of two boxes exchanged, roles,
terms, counts, boxes outside, elsewhere or greyed, panels, and what a residual edge says beside its ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from itertools import combinations
from typing import Any

from benchmarks.mutation.spec_operators import Data, Mutation, inside, named_by, redrawn, with_box, without

Lines = Callable[[Data, str], list[tuple[str, str]]]

SYNONYMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"rms ?norm", ("层归一化", "Layer normalization", "批归一化", "L2 norm", "Dropout")),
    (r"layer ?norm", ("均方根归一化", "Root mean square norm", "批归一化", "组归一化", "BN")),
    (r"batch ?norm|^bn", ("层归一化", "GN", "实例归一化")),
    (r"group ?norm", ("层归一化", "BN", "实例归一化")),
    (r"silu|swish", ("高斯误差线性单元", "ReLU", "GELU", "Sigmoid 激活")),
    (r"gelu", ("Swish", "线性整流", "SiLU", "tanh")),
    (r"relu", ("Swish", "高斯误差线性单元", "LeakyReLU", "σ")),
    (r"soft ?max", ("Sigmoid", "归一化", "Sparsemax", "ReLU 激活")),
    (r"linear", ("卷积层", "词嵌入", "Conv 1d", "RMSNorm")),
    (r"embedding", ("线性层", "Linear projection", "前馈网络")),
    (r"rope|rotary", ("正弦位置编码", "可学习位置编码", "Learned positions", "相对位置偏置")),
    (r"\bmlp|ffn|feed", ("多头注意力", "自注意力", "LSTM", "卷积层")),
    (r"attention|gqa", ("前馈网络", "交叉注意力模块 MLP", "Convolution", "门控循环单元")),
    (r"moe|experts", ("自注意力", "Self-attention")),
    (r"conv", ("全连接层", "最大池化", "3×3 转置卷积", "多头注意力")),
    (r"pool", ("上采样", "3×3 卷积", "线性层")),
    (r"dropout", ("层归一化", "ReLU")),
    (r"concat", ("相加", "⊗", "逐元素乘")),
    (r"^(⊕|\+|∑|add|sum)$", ("拼接", "⊙", "Concat")),
    (r"^(⊗|⊙|×|\*)$", ("相加", "拼接", "Concat", "SoftMax")),
)
"""What a label names, and what it is renamed to; the first pattern that is found decides."""

NUMBERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"attention|gqa", ("{}, 77 heads", "77-head {}", "{}，77 头")),
    (r"conv", ("{}, stride 7", "{}, 977", "{}, groups 7", "9×9 {}", "{}, dilation 9")),
    (r"pool", ("9×9 {}", "{}, stride 9")),
    (r"layer k|block|layers", ("{} ×77", "77 {}s", "77 层 {}")),
    (r"expert|moe", ("{}, 77 experts", "{}, top-77")),
    (r"linear|embedding", ("{}, 9977", "{} (9977 → 9978)")),
    (r"group ?norm", ("{}, 77 groups",)),
)
"""What a label names, and that label with a number that no model here has."""

ROLES = ("norm", "linear", "convolution", "attention", "feed_forward", "activation", "softmax", "embedding")
ALIKE = ({"linear", "convolution", "embedding"}, {"attention", "feed_forward"}, {"softmax", "activation"})


def claim_mutations(data: Data, lines: Lines) -> Iterator[Mutation]:
    """Yield every such change of every mark; `lines` tells the lines that a panel of some data draws."""
    for panel in data["panels"]:
        for maker in (_synonyms, _numbers, _labels_exchanged, _modules_exchanged, _box_keys, _branches):
            yield from maker(data, panel)
        yield from _moved(data, panel)
        yield from _lines(data, panel, lines(data, panel))
        yield from _edge_keys(data, panel)
        yield from _panel_keys(data, panel)


def _synonyms(data: Data, panel: str) -> Iterator[Mutation]:
    for name, label in _labels(data, panel):
        found = (others for pattern, others in SYNONYMS if re.search(pattern, label, re.IGNORECASE))
        for other in next(found, ()):
            if other.casefold() not in label.casefold():
                changed = with_box(data, panel, name, label=other, role=None, op=None)
                yield Mutation("synonym", panel, f"{name}: {label} -> {other}", (name,), changed)


def _numbers(data: Data, panel: str) -> Iterator[Mutation]:
    for name, label in _labels(data, panel):
        found = (forms for pattern, forms in NUMBERS if re.search(pattern, label, re.IGNORECASE))
        for form in next(found, ()) if not re.search(r"\d", label) else ():
            text = form.format(label)
            changed = with_box(data, panel, name, label=text)
            yield Mutation("number added", panel, f"{name}: {label} -> {text}", (name,), changed)


def _labels(data: Data, panel: str) -> Iterator[tuple[str, str]]:
    for name, box in data["panels"][panel]["boxes"].items():
        if inside(box):
            yield name, box.get("label", name)


def _labels_exchanged(data: Data, panel: str) -> Iterator[Mutation]:
    labels = dict(_labels(data, panel))
    for one, other in combinations(labels, 2):
        if labels[one] != labels[other]:
            changed = with_box(data, panel, one, label=labels[other], role=None)
            changed = with_box(changed, panel, other, label=labels[one], role=None)
            what = f"{one} ({labels[one]}) and {other} ({labels[other]})"
            yield Mutation("labels exchanged", panel, what, (one, other), changed)


def _modules_exchanged(data: Data, panel: str) -> Iterator[Mutation]:
    boxes = data["panels"][panel]["boxes"]
    for one, other in combinations([name for name, box in boxes.items() if box.get("module")], 2):
        changed = with_box(data, panel, one, module=boxes[other]["module"])
        changed = with_box(changed, panel, other, module=boxes[one]["module"])
        yield Mutation("modules exchanged", panel, f"{one} and {other}", (one, other), changed)


def _box_keys(data: Data, panel: str) -> Iterator[Mutation]:
    for name, box in data["panels"][panel]["boxes"].items():
        if not inside(box):
            continue
        for operator, what, changed in _changed_keys(box):
            yield Mutation(
                operator, panel, f"{name}: {what}", (name,), with_box(data, panel, name, **changed)
            )


def _changed_keys(box: Data) -> Iterator[tuple[str, str, Data]]:
    """Operator, what is changed, and the keys of a box with their new values."""
    role = box.get("role")
    alike: set[str] = set().union(*(each for each in ALIKE if role in each))
    for other in ROLES if role in ROLES else ():
        if other != role and other not in alike:
            yield "role", other, {"role": other}
    if box.get("op"):
        for other in ("softmax", "concat", "RoPE", "LayerNorm"):
            if other.casefold() != box["op"].casefold():
                yield "op", other, {"op": other}
    repeat = box.get("repeat")
    if isinstance(repeat, int):
        for count in (repeat - 1, repeat * 2, 1):
            if count not in (repeat, 0):
                yield "count", f"×{count}", {"repeat": count}
    elif box.get("module") and repeat is None:
        yield "count added", "×2", {"repeat": 2}
    if box.get("role") not in ("input", "output"):
        yield "outside", "outside", {"outside": True}
        yield "outside, no module", "outside", {"outside": True, "module": None, "detail": None}
    if box.get("module") and box.get("role") != "expert":
        yield "greyed", "inactive", {"inactive": True}


def _branches(data: Data, panel: str) -> Iterator[Mutation]:
    """Yield a branch of what stands side by side gone, with all its boxes."""
    value = data["panels"][panel]
    for number, item in enumerate(value.get("flow", ())):
        if not isinstance(item, list):
            continue
        for at, branch in enumerate(item):
            gone = set(_flat(branch))
            if gone & named_by(value):
                continue
            copy = deepcopy(data)
            changed = copy["panels"][panel]
            for name in gone:
                del changed["boxes"][name]
            parts = changed["flow"][number]
            del parts[at]
            if not parts:
                del changed["flow"][number]
            elif len(parts) == 1 and isinstance(parts[0], list):
                changed["flow"][number : number + 1] = parts[0]
            chains = [[each for each in chain if each not in gone] for chain in value.get("edges", ())]
            changed["edges"] = [chain for chain in chains if len(chain) > 1]
            yield Mutation("branch dropped", panel, ", ".join(sorted(gone)), tuple(gone), copy)


def _flat(item: Any) -> Iterator[str]:
    if isinstance(item, str):
        yield item
    else:
        for each in item:
            yield from _flat(each)


def _moved(data: Data, panel: str) -> Iterator[Mutation]:
    """Yield a box drawn in another panel instead, before that panel's first box that the model runs."""
    value = data["panels"][panel]
    for other, target in data["panels"].items():
        if other == panel or not target.get("flow"):
            continue
        for name, box in value["boxes"].items():
            if not inside(box) or name in named_by(value) or len(value["boxes"]) == 1 or box.get("detail"):
                continue
            copy = deepcopy(data)
            changed, receiving = copy["panels"][panel], copy["panels"][other]
            del changed["boxes"][name]
            changed["flow"] = without(changed.get("flow", []), name)
            chains = [[each for each in chain if each != name] for chain in changed.get("edges", ())]
            changed["edges"] = [chain for chain in chains if len(chain) > 1]
            moved = f"moved_{name}"
            receiving["boxes"][moved] = deepcopy(box)
            receiving["flow"].insert(1, moved)
            yield Mutation("moved", panel, f"{name} to {other}", (name, moved), copy)


def _lines(data: Data, panel: str, drawn: Sequence[tuple[str, str]]) -> Iterator[Mutation]:
    boxes = data["panels"][panel]["boxes"]
    for one, other in drawn:
        if inside(boxes[one]) and inside(boxes[other]):
            lines = [(other, one) if line == (one, other) else line for line in drawn]
            yield redrawn("line reversed", data, panel, (one, other), f"{one} -> {other}", lines)


def _edge_keys(data: Data, panel: str) -> Iterator[Mutation]:
    value = data["panels"][panel]
    for number, edge in enumerate(value.get("residuals", ())):
        for operator, what, changed in _changed_edge(data, panel, edge):
            copy = deepcopy(data)
            copy["panels"][panel]["residuals"][number] = changed
            boxes = tuple(named_by({"residuals": [edge, changed]}))
            yield Mutation(operator, panel, f"{edge.get('around') or edge.get('from')}: {what}", boxes, copy)


def _changed_edge(data: Data, panel: str, edge: Data) -> Iterator[tuple[str, str, Data]]:
    if edge.get("line") == "dashed":
        for target in _solid_edges(data):
            if target != edge.get("realized_by"):
                yield "realized_by", target, {**edge, "realized_by": target}
        return
    for label in ("concat", "gated", "× 0.37", "×α", "projection", "拼接"):
        yield "edge label", label, {**edge, "label": label}
    yield "factor", "0.37", {**edge, "kind": "scaled", "factor": 0.37}
    if edge.get("factor_on"):
        others = {"skip", "branch", "both"} - {edge["factor_on"]}
        for place in sorted(others):
            yield "factor's place", place, {**edge, "factor_on": place}
    if edge.get("through"):
        yield "through", "nothing", {key: item for key, item in edge.items() if key != "through"}
    for box in data["panels"][panel]["boxes"]:
        if box not in (edge.get("through") or ()):
            yield "through", box, {**edge, "through": [*(edge.get("through") or ()), box]}


def _solid_edges(data: Data) -> Iterator[str]:
    for panel, value in data["panels"].items():
        for edge in value.get("residuals", ()):
            around = edge.get("around")
            if edge.get("line") != "dashed" and around:
                yield f"{panel}.{around if isinstance(around, str) else '..'.join(around)}"


def _panel_keys(data: Data, panel: str) -> Iterator[Mutation]:
    value = data["panels"][panel]
    scope = value.get("scope", "")
    if "*" in scope:
        for number in (0, 1):
            copy = deepcopy(data)
            excepted = scope.replace("*", str(number))
            copy["panels"][panel]["except"] = [*value.get("except", ()), excepted]
            yield Mutation("except", panel, excepted, (), copy)
    for name in value.get("except", ()):
        copy = deepcopy(data)
        copy["panels"][panel]["except"] = [each for each in value["except"] if each != name]
        yield Mutation("except", panel, f"{name} is in", (), copy)
    details = [name for name, box in value["boxes"].items() if box.get("detail")]
    for one, other in combinations(details, 2):
        changed = with_box(data, panel, one, detail=value["boxes"][other]["detail"])
        changed = with_box(changed, panel, other, detail=value["boxes"][one]["detail"])
        yield Mutation("details exchanged", panel, f"{one} and {other}", (one, other), changed)
