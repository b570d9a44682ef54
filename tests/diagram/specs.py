"""Specs that the tests of the diagram share, and a strategy that makes random panels."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from archcheck.spec.flow import Reachability
from archcheck.spec.model import Panel, Spec

MODEL = {"target": "m:M"}
HOSTILE = (
    "<script>alert(1)</script>",
    '"]; image="/etc/passwd',
    "javascript:alert(1)",
    "&lt;b&gt; &amp; &#x41;",
    "\\N \\G \\l \\T \\E \\",
    "<b>bold</b>",
    "<<TABLE><TR><TD HREF='http://x'>x</TD></TR></TABLE>>",
    "😀 ‮abc‬ ‏",
    "\x1b[31mred\x1b[0m\x07\x00",
    "line\nline\r\nline",
    "--> -.-> end subgraph %% `;",
    "x" * 2_000,
    "]]> -->",
    'a" onload="alert(1)',
)


def spec(panels: dict[str, Any], **fields: Any) -> Spec:
    """Return a spec with the given panels."""
    return Spec.model_validate({"model": MODEL, "panels": panels, **fields})


def chain(*names: str, **fields: Any) -> dict[str, Any]:
    """Return a panel with boxes one after the other."""
    return {"boxes": {name: {"label": name} for name in names}, "flow": list(names), **fields}


LAYER = chain("gqa", "ffn", residuals=[{"around": "gqa"}, {"around": "ffn", "line": "dashed"}])


@st.composite
def panels(draw: st.DrawFn) -> dict[str, Any]:
    """A random panel: stops and groups in a row, residuals around them, a side chain, a loose input."""
    boxes: dict[str, Any] = {}
    flow: list[Any] = []
    spine: list[tuple[str, str]] = []

    def box(**fields: Any) -> str:
        name = f"b{len(boxes)}"
        label = draw(
            st.sampled_from(
                ["Linear", "RMSNorm", "W_q", "Multi-head attention over everything", "中文标签", "x"]
            )
        )
        boxes[name] = {"label": label, **fields}
        return name

    for _ in range(draw(st.integers(1, 6))):
        if draw(st.integers(0, 3)):
            extra: dict[str, Any] = draw(
                st.sampled_from([{}, {}, {"role": "operator", "label": "⊗"}, {"repeat": 12}])
            )
            name = box(**extra)
            flow.append(name)
            spine.append((name, name))
        else:
            branches = [
                [box() for _ in range(draw(st.integers(1, 3)))] for _ in range(draw(st.integers(2, 4)))
            ]
            flow.append(branches)
            spine.append((branches[0][0], branches[-1][-1]))
    residuals = []
    for _ in range(draw(st.integers(0, 3))):
        low = draw(st.integers(0, len(spine) - 1))
        high = draw(st.integers(low, len(spine) - 1))
        edge: dict[str, Any] = {"around": [spine[low][0], spine[high][1]]}
        edge["line"] = draw(st.sampled_from(["solid", "dashed"]))
        if draw(st.booleans()):
            edge["kind"] = draw(st.sampled_from(["scaled", "concat", "projection"]))
        if edge not in residuals:
            residuals.append(edge)
    inside = [name for name in boxes if name not in {end for ends in spine for end in ends}]
    if inside and draw(st.booleans()):
        residuals.append({"around": draw(st.sampled_from(inside))})
    edges = []
    plain = [name for name, last in spine if name == last]
    if len(plain) > 1 and draw(st.booleans()):
        low = draw(st.integers(0, len(plain) - 2))
        high = draw(st.integers(low + 1, len(plain) - 1))
        edges.append([plain[low], box(), plain[high]])
        if draw(st.booleans()):
            residuals.append({"from": plain[low], "to": plain[high], "through": [box()]})
    if plain and draw(st.booleans()):
        edges.append([box(), draw(st.sampled_from(plain))])
    if plain and draw(st.booleans()):
        edges.append([draw(st.sampled_from(plain)), box()])
    return {"title": "Panel", "boxes": boxes, "flow": flow, "edges": edges, "residuals": residuals}


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """Any graph that a spec accepts: boxes with random edges along one order, and residual edges."""
    count = draw(st.integers(2, 9))
    names = [f"b{number}" for number in range(count)]
    labels = st.sampled_from(["Linear", "RMSNorm", "⊗", "⊕", "Multi-head attention over everything", "x"])
    boxes: dict[str, Any] = {name: {"label": draw(labels)} for name in names}
    for name in draw(st.sets(st.sampled_from(names), max_size=2)):
        boxes[name] |= draw(st.sampled_from([{"repeat": 12}, {"role": "input"}, {"inactive": True}]))
    pairs = [(low, high) for index, low in enumerate(names) for high in names[index + 1 :]]
    edges = [list(pair) for pair in draw(st.lists(st.sampled_from(pairs), max_size=14, unique=True))]
    placed = {name for edge in edges for name in edge}
    loose = [name for name in names if name not in placed]
    panel: dict[str, Any] = {"boxes": boxes, "edges": edges}
    if loose or draw(st.booleans()):
        panel["flow"] = [*loose, *([] if loose else [names[0]])]
    reach = Reachability(Panel.model_validate(panel))
    ways = [(low, high) for low in names for high in names if reach.leads(low, high)]
    residuals: dict[str, Any] = {}
    for low, high in draw(st.lists(st.sampled_from(ways), max_size=4, unique=True)):
        ends: dict[str, Any] = {"around": [low, high]}
        if low != high and draw(st.booleans()):
            ends = {"from": low, "to": high}
        kind = draw(st.sampled_from([{}, {"kind": "scaled"}, {"kind": "concat"}, {"label": "a long label"}]))
        if draw(st.integers(0, 3)) == 0:
            boxes["down"] = {"label": "1×1 conv"}
            ends["through"] = ["down"]
        residuals[f"{low}{high}"] = {**ends, **kind, "line": draw(st.sampled_from(["solid", "dashed"]))}
    return {**panel, "residuals": list(residuals.values())}
