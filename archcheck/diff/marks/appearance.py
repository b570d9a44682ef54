"""What a box's looks claim: its colour, which is its role, and whether it is greyed out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from archcheck.diff.marks.claimed import claimed, role_claim
from archcheck.diff.marks.territory import Territory
from archcheck.diff.panel_calls import PanelCall
from archcheck.diff.wording import label
from archcheck.phrasing.module_paths import leaf, parent
from archcheck.spec.flow import flow_edges
from archcheck.spec.model import Panel, Role
from archcheck.vocabulary import TERMS, Claim, Family, Region, claims, is_a

# What a box of a role may name or compute beside the role's own term.
_FITTING: Mapping[Role, tuple[str, ...]] = {
    Role.LINEAR: ("pointwise convolution", "router"),
    Role.FEED_FORWARD: ("gate",),
    Role.ACTIVATION: ("SoftMax", "gate"),
    Role.POOLING: ("downsampling",),
    Role.ROUTER: ("router", "Linear", "SoftMax", "Sigmoid"),
}
# A patch embedding is a convolution, a table of positions an embedding.
_WORDS: Mapping[Role, re.Pattern[str]] = {
    Role.EMBEDDING: re.compile("embed|patch|嵌入"),
    Role.POSITION: re.compile("pos|位置"),
}


def other_role(panel: Panel, box: str, computed: Iterable[Region]) -> Claim | None:
    """Return what a box's role claims, if it fits neither its label nor what was `computed` for it."""
    value = panel.boxes[box]
    said = claimed(panel, box)
    own = role_claim(value)
    if own is None or value.role is None or not (value.op or claims(label(panel, box))):
        return None
    names = [*(term for claim in said for term in claim.terms), *(region.term.name for region in computed)]
    fitting = (*own.terms, *_FITTING.get(value.role, ()))
    word = _WORDS.get(value.role)
    if any(is_a(name, term) for name in names if name in TERMS for term in fitting):
        return None
    is_value = any(name in TERMS and TERMS[name].family is Family.VALUE for name in names)
    if is_value and value.role in (Role.LINEAR, Role.ATTENTION, Role.POSITION):  # what makes it, or reads it
        return None
    return None if (word and word.search(label(panel, box).casefold())) else own


def not_chosen(call: PanelCall) -> frozenset[str]:
    """Return the inactive boxes whose module is in a list (of experts) of which some module runs."""
    return frozenset(
        box
        for box, value in call.panel.boxes.items()
        if value.inactive and value.module is not None and _has_alike(call, box)
    )


def runs_though_greyed(call: PanelCall, territory: Territory, box: str) -> bool:
    """Return whether a greyed box runs that is not one of several like modules (experts) nor tied to one."""
    panel = call.panel
    if not panel.boxes[box].inactive or box not in territory.nodes_of:
        return False
    if panel.boxes[box].module is not None:
        return box not in not_chosen(call)
    beside = {other for line in flow_edges(panel) if box in line for other in line if other != box}
    return not any(panel.boxes[other].inactive for other in beside)


def _has_alike(call: PanelCall, box: str) -> bool:
    modules = call.execution.modules
    paths = call.layer.bound(box)
    kinds = {(parent(path), modules[path].type_name) for path in paths}
    return any(
        (parent(path), modules[path].type_name) in kinds
        for path in modules
        if path not in paths and leaf(path).isdigit()
    )
