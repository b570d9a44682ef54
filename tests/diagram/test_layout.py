"""Nothing overlaps, no line runs through a box, no label is cut: for random panels."""

from __future__ import annotations

from itertools import combinations, pairwise, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcheck.diagram import Arrangement, Style, draw, render
from archcheck.diagram.composition import Composer
from archcheck.diagram.labels import width_of
from archcheck.diagram.scene import Scene, Shape
from archcheck.diagram.theme import ThemeName
from archcheck.spec.flow import flow_edges
from archcheck.spec.model import Panel
from tests.diagram.specs import LAYER, chain, graphs, panels, spec


def composed(panels: dict[str, Any], style: Style | None = None) -> Scene:
    composer = Composer(spec(panels), style or Style())
    composer.compose()
    return composer.scene


def solid_shapes(scene: Scene) -> list[Shape]:
    return [shape for shape in scene.shapes if shape.form in ("box", "circle")]


def is_apart(a: Shape, b: Shape) -> bool:
    return abs(a.x - b.x) >= (a.w + b.w) / 2 - 0.1 or abs(a.y - b.y) >= (a.h + b.h) / 2 - 0.1


def runs_through(shape: Shape, start: tuple[float, float], end: tuple[float, float]) -> bool:
    inset = 1.5
    low_x, high_x = sorted((start[0], end[0]))
    low_y, high_y = sorted((start[1], end[1]))
    within_x = high_x > shape.x - shape.w / 2 + inset and low_x < shape.x + shape.w / 2 - inset
    within_y = high_y > shape.y - shape.h / 2 + inset and low_y < shape.y + shape.h / 2 - inset
    return within_x and within_y


@given(st.one_of(panels(), graphs()))
def test_nothing_overlaps_and_no_line_runs_through_a_box(panel: dict[str, Any]) -> None:
    scene = composed({"p": panel})
    plates = [shape for shape in scene.above if shape.form == "plate"]
    for a, b in [*combinations(plates, 2), *product(plates, solid_shapes(scene))]:
        assert is_apart(a, b), (a.key, b.key)
    shapes = solid_shapes(scene)
    for a, b in combinations(shapes, 2):
        assert is_apart(a, b), (a.key, b.key)
    for curve in scene.curves:
        for start, end in pairwise(curve.points):
            for shape in shapes:
                if curve.group != "sign" and shape.key not in (curve.tail, curve.head):
                    assert not runs_through(shape, start, end), (shape.key, curve.tail, curve.head)


@given(st.one_of(panels(), graphs()))
def test_every_edge_is_drawn(panel: dict[str, Any]) -> None:
    scene = composed({"p": panel})
    edges = set(flow_edges(Panel.model_validate(panel)))
    assert {(low, high) for low, high in edges if not is_drawn(scene, low, high)} == set()
    drawn = {name for curve in scene.curves for name in curve.group.split() if name.startswith("edge-")}
    assert drawn == {f"edge-0-{index}" for index in range(len(panel["residuals"]))}


def is_drawn(scene: Scene, low: str, high: str) -> bool:
    """Whether lines lead from one box to another past no third one; a dot joins the lines that it lies on."""
    boxes = {shape.key for shape in scene.shapes if shape.group == "box"}
    reached, waiting = {f"p.{low}"}, [f"p.{low}"]
    after: dict[str, set[str]] = {}
    for curve in scene.curves:
        after.setdefault(curve.tail, set()).add(curve.head)
    for dot in scene.shapes:
        if dot.form == "point":
            for curve in scene.curves:
                if any(lies_on(dot, *pair) for pair in pairwise(curve.points)):
                    after.setdefault(curve.tail, set()).add(dot.key)
    while waiting:
        for head in after.get(waiting.pop(), set()) - reached:
            reached.add(head)
            waiting += [] if head in boxes else [head]
    return f"p.{high}" in reached


def lies_on(dot: Shape, start: tuple[float, float], end: tuple[float, float]) -> bool:
    low_x, high_x = sorted((start[0], end[0]))
    low_y, high_y = sorted((start[1], end[1]))
    return low_x - 0.1 <= dot.x <= high_x + 0.1 and low_y - 0.1 <= dot.y <= high_y + 0.1


@pytest.mark.parametrize("suffix", [".svg", ".dot", ".mmd", ".html"])
@given(graphs())
def test_any_graph_is_drawn_in_every_format(suffix: str, panel: dict[str, Any]) -> None:
    assert render(draw(spec({"p": panel})), suffix)


@given(st.one_of(panels(), graphs()))
def test_every_label_fits_its_box(panel: dict[str, Any]) -> None:
    for shape in solid_shapes(composed({"p": panel})):
        for line in shape.lines:
            assert width_of(line, shape.size) <= shape.w, shape.key


def test_every_panel_lies_within_its_frame_and_frames_do_not_overlap() -> None:
    composer = Composer(spec({"a": LAYER, "b": LAYER, "c": chain("x")}), Style())
    placed = composer.compose()
    for left, right in pairwise(placed):
        assert left.x + left.w / 2 < right.x - right.w / 2
    for frame in placed:
        for shape in composer.scene.shapes:
            if shape.key.startswith(f"{frame.picture.name}."):
                assert abs(shape.x - frame.x) + shape.w / 2 <= frame.w / 2
                assert abs(shape.y - frame.y) + shape.h / 2 <= frame.h / 2


@pytest.mark.parametrize("layout", list(Arrangement))
@given(panel=st.one_of(panels(), graphs()), opened=st.sets(st.integers(0, 8), min_size=1, max_size=3))
def test_no_leader_line_runs_through_a_box(
    layout: Arrangement, panel: dict[str, Any], opened: set[int]
) -> None:
    details = {}
    for number, (name, box) in enumerate(panel["boxes"].items()):
        if number in opened:
            box["detail"] = f"of_{name}"
            details[f"of_{name}"] = chain("x", "y")
    scene = composed({"p": panel, **details}, Style(layout=layout))
    for curve in scene.curves:
        for start, end in pairwise(curve.points) if curve.group == "leader" else ():
            for shape in solid_shapes(scene):
                assert not runs_through(shape, start, end), shape.key


def test_the_spine_is_straight_and_a_residual_leaves_and_enters_at_right_angles() -> None:
    scene = composed({"layer": LAYER})
    spine = {shape.x for shape in scene.shapes if shape.form in ("box", "circle", "point")}
    assert len(spine) == 1
    (x,) = spine
    solid, dashed = (curve for curve in scene.curves if "residual" in curve.group)
    assert (solid.line, dashed.line) == ("solid", "dashed")
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = solid.points
    assert x0 == x < x1 == x2
    assert y0 == y1 < y2 == y3
    assert x < x3 < x2  # it ends at the rim of the sink, from the side
    assert solid.head == "layer.:sink0"


def test_nested_residuals_get_lanes_of_their_own() -> None:
    panel = chain("a", "b", "c", residuals=[{"around": ["a", "c"]}, {"around": "b"}])
    outer, inner = (curve for curve in composed({"p": panel}).curves if "residual" in curve.group)
    if "edge-0-1" in outer.group:
        outer, inner = inner, outer
    assert max(x for x, _ in inner.points) + 10 < max(x for x, _ in outer.points)


def test_residuals_around_parallel_boxes_share_one_line_and_one_sink() -> None:
    panel = {
        "boxes": {name: {} for name in ("norm", "attn", "mlp")},
        "flow": ["norm", ["attn", "mlp"]],
        "residuals": [{"around": ["norm", "attn"]}, {"around": ["norm", "mlp"]}],
    }
    scene = composed({"p": panel})
    residuals = [curve for curve in scene.curves if "residual" in curve.group]
    assert [curve.group for curve in residuals] == ["residual edge-0-0 edge-0-1"]
    into = sorted(
        curve.tail for curve in scene.curves if curve.head == residuals[0].head and curve.group == "flow"
    )
    assert into == ["p.attn", "p.mlp"]


def test_a_residual_uses_the_plus_that_the_author_drew() -> None:
    panel = chain("conv", "plus", "relu", residuals=[{"around": "conv"}])
    panel["boxes"]["plus"] = {"label": "⊕", "role": "operator"}
    scene = composed({"p": panel})
    assert [curve.head for curve in scene.curves if "residual" in curve.group] == ["p.plus"]
    assert not [shape for shape in scene.shapes if ":sink" in shape.key]


def test_the_skip_path_passes_through_its_boxes() -> None:
    panel = chain(
        "conv", "bn", residuals=[{"around": ["conv", "bn"], "kind": "projection", "through": ["down"]}]
    )
    panel["boxes"]["down"] = {"label": "1×1 conv"}
    legs = [(curve.tail, curve.head) for curve in composed({"p": panel}).curves if "residual" in curve.group]
    assert legs == [("p.:tap0", "p.down"), ("p.down", "p.:sink0")]


@pytest.mark.parametrize("theme", list(ThemeName))
def test_a_chain_on_the_side_stands_with_the_branches_of_the_same_fork(theme: ThemeName) -> None:
    panel = {
        "boxes": {name: {} for name in ("norm", "q", "k", "v", "scores", "attend")},
        "flow": ["norm", [["q"], ["k"]], "scores", "attend"],
        "edges": [["norm", "v", "attend"]],
    }
    places = {shape.key: shape for shape in composed({"p": panel}, Style(theme=theme)).shapes}
    q, k, v = places["p.q"], places["p.k"], places["p.v"]
    assert q.y == k.y == v.y
    assert q.x < k.x == places["p.norm"].x < v.x


def test_a_long_chain_goes_up_in_columns_and_no_residual_is_torn() -> None:
    panel = chain(*(f"b{number}" for number in range(26)), residuals=[{"around": ["b7", "b11"]}])
    scene = composed({"p": panel})
    places = {shape.key: shape for shape in scene.shapes if shape.form == "box"}
    columns = sorted({shape.x for shape in places.values()})
    assert len(columns) == 3
    assert len({places[f"p.b{number}"].x for number in range(7, 12)}) == 1
    assert max(shape.y for shape in places.values()) < 800
    turns = [curve for curve in scene.curves if curve.points[0][0] != curve.points[-1][0]]
    assert len([curve for curve in turns if curve.group == "flow"]) == 2
    for curve in scene.curves:
        for start, end in pairwise(curve.points):
            for shape in solid_shapes(scene):
                if curve.group != "sign" and shape.key not in (curve.tail, curve.head):
                    assert not runs_through(shape, start, end), (shape.key, curve.tail, curve.head)


def u_net(levels: int, **fields: Any) -> dict[str, Any]:
    """A panel with one concatenation inside the other, `levels` deep, and a box at the bottom."""
    down = [f"down{level}" for level in range(levels)]
    up = [f"up{level}" for level in reversed(range(levels))]
    names = [name for level in down for name in (level, f"{level}_pool")] + ["bottom", *up, "head"]
    joined = [{"from": f"down{n}", "to": f"up{n}", "kind": "concat", **fields} for n in range(levels)]
    return chain(*names, residuals=joined)


@pytest.mark.parametrize("layout", ["row", "column"])
@pytest.mark.parametrize("levels", [2, 3, 5])
def test_concatenations_in_each_other_are_level_lines_across_a_u(levels: int, layout: str) -> None:
    scene = composed({"p": u_net(levels, label="skip")}, Style(layout=layout))
    skips = [curve for curve in scene.curves if "residual" in curve.group]
    assert len(skips) == levels
    for curve in skips:
        (x0, y0), (x1, y1) = curve.points
        assert y0 == y1
        assert x0 < x1
    places = {shape.key: shape for shape in scene.shapes}
    assert places["p.down0"].y > places["p.down1"].y > places["p.bottom"].y
    assert places["p.up0"].y > places["p.up1"].y > places["p.bottom"].y
    assert places["p.down0"].x == places["p.bottom"].x < places["p.up0"].x == places["p.head"].x
    shapes = solid_shapes(scene)
    assert all(is_apart(a, b) for a, b in combinations(shapes, 2))
    for curve in scene.curves:
        for start, end in pairwise(curve.points):
            for shape in shapes:
                if curve.group != "sign" and shape.key not in (curve.tail, curve.head):
                    assert not runs_through(shape, start, end), (shape.key, curve.tail, curve.head)


@pytest.mark.parametrize(
    "residuals",
    [
        [{"from": "a", "to": "d", "kind": "concat"}],
        [{"from": "a", "to": "d"}, {"from": "b", "to": "c"}],
        [{"from": "a", "to": "c", "kind": "concat"}, {"from": "b", "to": "d", "kind": "concat"}],
    ],
    ids=["one", "sums", "crossing"],
)
def test_other_panels_stand_on_one_axis(residuals: list[dict[str, str]]) -> None:
    scene = composed({"p": chain("a", "b", "x", "c", "d", residuals=residuals)})
    assert len({shape.x for shape in scene.shapes if shape.form == "box"}) == 1


def test_the_longest_way_leads_to_the_output_and_no_dot_stands_in_a_box() -> None:
    panel = {
        "boxes": {name: {} for name in ("a", "b", "c", "aux", "side")},
        "edges": [["a", "b", "c"], ["side", "b"], ["side", "c"], ["a", "aux"]],
        "residuals": [{"from": "a", "to": "c"}],
    }
    scene = composed({"p": panel})
    assert [curve.tail for curve in scene.curves if curve.head == "p.:output"] == ["p.:sink0"]
    assert not [shape for shape in scene.above if shape.key == "p.a:dot"]
