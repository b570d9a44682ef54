"""Random panels and specs that are valid, as plain data."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any

from hypothesis import strategies as st

from archcheck.spec.model import Panel, Role

ids = st.text("abcxyzABC019_-", min_size=1, max_size=6).filter(lambda name: name != "input")
texts = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufffe\uffff"
    ).filter(lambda character: not ("\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069")),
    max_size=20,
)


@st.composite
def flows(draw: st.DrawFn, boxes: list[str], depth: int = 3) -> list[Any]:
    """A flow that places each of `boxes` once: items of one box, or of several chains side by side."""
    flow: list[Any] = []
    waiting = list(boxes)
    while waiting:
        size = draw(st.integers(1, len(waiting)))
        taken, waiting = waiting[:size], waiting[size:]
        if len(taken) == 1 or not depth:
            flow += taken
            continue
        cuts = sorted(draw(st.sets(st.integers(1, size - 1), max_size=3)))
        branches = [taken[low:high] for low, high in pairwise([0, *cuts, size])]
        flow.append([draw(flows(branch, depth - 1)) for branch in branches])
    return flow


@st.composite
def panels(draw: st.DrawFn) -> dict[str, Any]:
    """A panel as plain data: boxes in any order, a flow, edges along it, or neither."""
    placed = draw(st.lists(ids, min_size=1, max_size=7, unique=True))
    panel: dict[str, Any] = {"boxes": {name: draw(boxes) for name in draw(st.permutations(placed))}}
    if draw(st.booleans()):
        panel["flow"] = draw(flows(placed))
    pairs = list(combinations(placed, 2))  # along one order, so that there is no cycle
    if "flow" in panel and pairs:
        panel["edges"] = [list(pair) for pair in draw(st.lists(st.sampled_from(pairs), max_size=4))]
    around = draw(st.lists(st.sampled_from(placed), max_size=3, unique=True))
    panel["residuals"] = [
        {"around": name, "line": draw(st.sampled_from(["solid", "dashed"]))} for name in around
    ]
    return panel


boxes = st.fixed_dictionaries(
    {},
    optional={
        "label": texts,
        "module": st.one_of(ids, st.lists(ids, min_size=1, max_size=3)),
        "role": st.sampled_from([role.value for role in Role]),
        "repeat": st.one_of(st.integers(1, 200), texts),
        "inactive": st.booleans(),
        "note": texts,
    },
)
plain = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        texts,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ids, inner, max_size=3)),
    max_leaves=6,
)
specs = st.fixed_dictionaries(
    {
        "model": st.fixed_dictionaries(
            {"target": st.sampled_from(["models:build", "folder/file.py:Class"])},
            optional={"arguments": st.dictionaries(ids, plain, max_size=3)},
        ),
        "panels": st.dictionaries(ids, panels(), min_size=1, max_size=3),
    },
    optional={"title": texts, "note": texts, "caption": texts},
)


def built(panel: dict[str, Any]) -> Panel:
    """The panel that this plain data is of."""
    return Panel.model_validate(panel)
