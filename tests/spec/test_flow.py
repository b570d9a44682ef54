"""What a panel's flow means, by example and against brute force."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import pytest
from hypothesis import given

from archcheck.spec import Reachability, between, edge_id, flow_edges, topological
from archcheck.spec.edges import ends, find_edge
from archcheck.spec.flow import find_cycle
from archcheck.spec.model import Box, Panel, ResidualEdge
from tests.spec.strategies import built, panels


def panel(boxes: str, **parts: Any) -> Panel:
    return Panel.model_validate({"boxes": {name: {} for name in boxes.split()}, **parts})


@pytest.mark.parametrize(
    ("boxes", "parts", "edges"),
    [
        ("a", {}, ""),
        ("a b c", {}, "ab bc"),
        ("a b c", {"flow": ["c", "a", "b"]}, "ca ab"),
        ("n q k v o", {"flow": ["n", ["q", "k", "v"], "o"]}, "nq nk nv qo ko vo"),
        ("a b c d", {"flow": [["a", "b"], ["c", "d"]]}, "ac ad bc bd"),
        ("n u g s m", {"flow": ["n", ["u", ["g", "s"]], "m"]}, "nu ng gs um sm"),
        ("a b c", {"flow": [[["a", "b", "c"]]]}, "ab bc"),
        ("n v q k s m", {"flow": ["n", ["v", [["q", "k"], "s"]], "m"]}, "nv nq nk qs ks vm sm"),
        ("a b c d e", {"flow": [["a", ["b", [["c", "d"], "e"]]]]}, "bc be cd"),
        ("a b c", {"flow": ["a", "b"], "edges": [["a", "c", "b"]]}, "ab ac cb"),
        ("a b", {"flow": ["a", "b"], "edges": [["a", "b"]]}, "ab"),
        ("a b c", {"edges": [["a", "b"], ["a", "c"]]}, "ab ac"),
        ("a d b", {"residuals": [{"around": ["a", "b"], "through": ["d"]}]}, "ab"),
    ],
)
def test_flow_edges(boxes: str, parts: dict[str, Any], edges: str) -> None:
    assert flow_edges(panel(boxes, **parts)) == tuple((edge[0], edge[1]) for edge in edges.split())


def test_boxes_come_after_what_leads_to_them_and_otherwise_as_written() -> None:
    assert topological(panel("c b a")) == ("c", "b", "a")
    assert topological(panel("o v k q n", flow=["n", ["q", "k", "v"], "o"])) == ("n", "v", "k", "q", "o")
    assert topological(panel("a skip b", residuals=[{"around": ["a", "b"], "through": ["skip"]}])) == (
        "a",
        "skip",
        "b",
    )


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        ("n", "o", ("n", "q", "k", "m", "s", "o")),
        ("q", "s", ("q", "s")),
        ("k", "k", ("k",)),
        ("m", "o", ("m", "s", "o")),
        ("q", "k", ()),
        ("o", "n", ()),
        ("nowhere", "n", ()),
    ],
)
def test_between(first: str, last: str, found: tuple[str, ...]) -> None:
    attention = panel("n q k s m o", flow=["n", ["q", "k"], "s", "o"], edges=[["m", "s"], ["n", "m"]])
    assert between(attention, first, last) == found


def test_a_large_panel_is_quick() -> None:
    sides = [[f"{stage}_{side}" for side in range(50)] for stage in range(10)]
    large = panel(" ".join(name for stage in sides for name in stage), flow=sides)
    reachability = Reachability(large)
    assert all(reachability.leads("0_0", name) for name in sides[9])
    assert len(reachability.between("0_0", "9_0")) == 402


def closure(panel: Panel) -> set[tuple[str, str]]:
    """Which box leads to which, by trying all ways of going one edge further until nothing new is found."""
    leads = {(box, box) for box in panel.boxes} | set(flow_edges(panel))
    while True:
        further = {(a, d) for (a, b), (c, d) in product(leads, leads) if b == c}
        if further <= leads:
            return leads
        leads |= further


def addresses(flow: Any, above: tuple[tuple[int, int], ...] = ()) -> dict[str, tuple[tuple[int, int], ...]]:
    """Each box with its place in every list around it, outermost first: its index and how many follow it."""
    if isinstance(flow, str):
        return {flow: above}
    found = {}
    for index, item in enumerate(flow):
        found |= addresses(item, (*above, (index, len(flow) - 1 - index)))
    return found


def edges_by_definition(panel: Panel) -> set[tuple[str, str]]:
    """The edges, by the places of all pairs: lists are in turn chains and what stands side by side."""
    if not panel.flow and not panel.edges:
        written = list(panel.boxes)
        return {(before, written[index + 1]) for index, before in enumerate(written[:-1])}
    found = {(chain[index], chain[index + 1]) for chain in panel.edges for index in range(len(chain) - 1)}
    places = addresses(panel.flow)
    for (before, one), (after, other) in permutations(places.items(), 2):
        level = next(n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
        ends_there = all(follow == 0 for _, follow in one[level + 1 :][1::2])
        begins_there = all(index == 0 for index, _ in other[level + 1 :][1::2])
        if level % 2 == 0 and other[level][0] == one[level][0] + 1 and ends_there and begins_there:
            found.add((before, after))
    return found


@given(panels())
def test_flow_edges_agree_with_the_definition(data: dict[str, Any]) -> None:
    edges = flow_edges(built(data))
    assert set(edges) == edges_by_definition(built(data))
    assert len(edges) == len(set(edges))


@given(panels())
def test_order_and_between_agree_with_brute_force(data: dict[str, Any]) -> None:
    drawn = built(data)
    leads = closure(drawn)
    order = topological(drawn)
    assert sorted(order) == sorted(drawn.boxes)
    assert all(order.index(before) < order.index(after) for before, after in flow_edges(drawn))
    for first, last in product(drawn.boxes, drawn.boxes):
        on_a_path = [box for box in order if (first, box) in leads and (box, last) in leads]
        assert between(drawn, first, last) == tuple(on_a_path)


@given(panels())
def test_of_boxes_that_are_ready_the_one_written_first_comes_first(data: dict[str, Any]) -> None:
    drawn = built(data)
    order = topological(drawn)
    for index, box in enumerate(order):
        needs = {after: {b for b, a in flow_edges(drawn) if a == after} for after in drawn.boxes}
        ready = [
            name for name in drawn.boxes if name not in order[:index] and needs[name] <= set(order[:index])
        ]
        assert box == ready[0]


@pytest.mark.parametrize(
    ("edges", "cycle"),
    [
        ("ab bc", ""),
        ("ab bc ca", "abc"),
        ("ab bc cb", "bc"),
        ("ab bc cb cd", "bc"),
        ("aa", "a"),
        ("dc cd ab", "cd"),
    ],
)
def test_find_cycle(edges: str, cycle: str) -> None:
    assert find_cycle(list("abcd"), [(edge[0], edge[1]) for edge in edges.split()]) == tuple(cycle)


@pytest.mark.parametrize(
    ("edge", "called"),
    [
        (ResidualEdge(around="gqa"), "gqa"),
        (ResidualEdge(around=["norm", "out"]), "norm..out"),
        (ResidualEdge(around=["gqa", "gqa"]), "gqa"),
        (ResidualEdge.model_validate({"from": "input", "to": "out"}), "input->out"),
    ],
)
def test_edges_are_called_by_their_ends_unless_named(edge: ResidualEdge, called: str) -> None:
    assert edge_id(edge) == ends(edge) == called
    named = edge.model_copy(update={"name": "skip"})
    assert (edge_id(named), ends(named)) == ("skip", called)


def test_find_edge_goes_by_name_and_by_ends() -> None:
    plain, named = ResidualEdge(around="b"), ResidualEdge(around="a", name="skip")
    panels = {"p": Panel(boxes={"a": Box(), "b": Box()}, residuals=[plain, named])}
    assert find_edge(panels, "p.b") == ("p", plain)
    assert find_edge(panels, "p.a") == find_edge(panels, "p.skip") == ("p", named)
    assert find_edge(panels, "p.c") is None
    assert find_edge(panels, "q.a") is None
    assert find_edge(panels, "p") is None
