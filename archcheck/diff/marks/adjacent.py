"""Labels that name a module and an operation on its result: "Conv + GELU" where GELU is a function."""

from __future__ import annotations

from archcheck.diff.marks.claimed import claimed, meets
from archcheck.diff.marks.territory import Territory
from archcheck.spec.model import Panel


def with_adjacent(panel: Panel, anchors: Territory) -> Territory:
    """Give boxes with several claims operations of no box that meet one and read only the box's."""
    by_output = anchors.values.recognition.by_output
    for box, value in panel.boxes.items():
        said = claimed(panel, box) if value.module is not None else ()
        if len(said) < 2 or box not in anchors.nodes_of:
            continue
        for claim in said[1:]:
            inside = set(anchors.nodes_of[box])
            made = [region for node in inside for region in by_output.get(node, ())]
            if any(meets(region, claim) for region in made):
                continue
            free = set(anchors.unowned())
            found = [
                region
                for node in sorted(free)
                for region in by_output.get(node, ())
                if meets(region, claim)
                and free.issuperset(region.ops)
                and set(anchors.origins(anchors.read_by(region.ops)).boxes) == {box}
            ]
            if found:
                anchors = anchors.with_nodes({box: found[0].ops})
    return anchors
