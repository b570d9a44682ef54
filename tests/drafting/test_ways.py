"""Lines as a flow and the chains that are left: together they are the same lines, whatever these are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archcheck.spec.flow import flow_edges
from archcheck.spec.model import Box, Panel
from archcheck.spec.ways import arranged

BOXES = "abcdefg"
LINES = [(one, other) for at, one in enumerate(BOXES) for other in BOXES[at + 1 :]]


@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=12, unique=True))
def test_flow_and_edges_are_the_lines(lines: list[tuple[str, str]]) -> None:
    flow, edges = arranged(BOXES, lines)
    panel = Panel(boxes=dict.fromkeys(BOXES, Box()), flow=flow, edges=edges)
    assert set(flow_edges(panel)) == set(lines)


def test_attention_reads_as_it_is_drawn() -> None:
    boxes = ["q", "k", "v", "q_rope", "k_rope", "scores", "mask", "softmax", "attend", "out"]
    lines = [
        *(("q", "q_rope"), ("k", "k_rope"), ("q_rope", "scores"), ("k_rope", "scores"), ("scores", "mask")),
        *(("mask", "softmax"), ("softmax", "attend"), ("v", "attend"), ("attend", "out")),
    ]
    flow, edges = arranged(boxes, lines)
    scores = [[["q", "q_rope"], ["k", "k_rope"]], "scores", "mask", "softmax"]
    assert (flow, edges) == ([[scores, "v"], "attend", "out"], [])


def test_boxes_aside_stay_out_of_the_flow() -> None:
    assert arranged("abm", [("a", "b"), ("m", "b")], aside=["m"]) == (["a", "b"], [["m", "b"]])
