"""What a box claims against what its module computes (BOX006), and its numbers (BOX005)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archcheck.diff.marks.appearance import other_role, runs_though_greyed
from archcheck.diff.marks.claimed import NUMBERS, claimed, contradiction, meets, untold
from archcheck.diff.marks.territory import Territory
from archcheck.diff.panel_calls import PanelCall
from archcheck.diff.wording import label
from archcheck.spec.model import Panel
from archcheck.vocabulary import TERMS, Claim, Family, Region, claims, families, is_a

_VALUES = {"q": "query", "k": "key", "v": "value"}
_VALUE = re.compile(
    r"(?:^|linear[ _-]|w_?\{?)(q|k|v)\}?$"
    r"|^(q|k|v|query|key|value)[ _-]?(?:linear|proj(?:ection)?)$|^linear[ _-](query|key|value)$"
)
_WEIGHTED = families("linear, convolution, embedding, attention, recurrence, mixture")
# What a box of this sort may hold beside what it names: a reader takes a "ReLU" for no more than that.
_LARGER = {
    **dict.fromkeys(
        families(
            "norm, activation, softmax, pooling, dropout, sum, scale, product, matrix product, concat, "
            "split, transpose, repeat, mask"
        ),
        _WEIGHTED,
    ),
    **dict.fromkeys((Family.FEED_FORWARD, Family.MIXTURE), families("attention, recurrence")),
    Family.LINEAR: families("attention, feed-forward, convolution, mixture"),
    Family.CONVOLUTION: families("attention"),
    Family.EMBEDDING: families("attention, feed-forward"),
}
# Recognisers that know their term in every form: what they do not find is not there.
_CERTAIN = families(
    "norm, activation, linear, convolution, embedding, attention, softmax, pooling, sum, "
    "concat, matrix product, resampling, feed-forward, dropout"
)


@dataclass(frozen=True, slots=True)
class ClaimCheck:
    """One claim of a box that has a module.

    `computed` is what its module computes instead, if the claim does not hold; `detail` names the part of the
    claim that is wrong, or could not be determined, if its term is right; `holds` is None if it could not be
    determined. `looks`: the claim comes not from the label but from the box's colour (`role`) or from its
    being greyed out (`inactive`), or it is right as far as its words go, but what the module computes is
    another `value` of an attention, or has a `flaw`.
    """

    claim: Claim
    holds: bool | None
    computed: Region | None = None
    detail: str = ""
    looks: str = ""

    @property
    def is_number(self) -> bool:
        """Whether it is about a number."""
        return self.detail in NUMBERS


def check_claims(panel: Panel, box: str, territory: Territory, widths: bool = False) -> Iterator[ClaimCheck]:
    """Check each claim of a box, and the `widths` in it, against the regions that its modules compute."""
    nodes = frozenset(territory.nodes_of.get(box, ()))
    said = claimed(panel, box)
    if not nodes or not said:
        return
    regions = regions_of(territory, box)
    by_role = not panel.boxes[box].op and not claims(label(panel, box))
    larger = beyond(said, regions) if by_role or says_all(label(panel, box), said) else None
    for claim in said:
        fitting = [region for region in regions if meets(region, claim)]
        fitting = fitting or _around(claim, territory, nodes) or _without_activation(claim, said, regions)
        if not fitting and len(said) > 1 and _is_before(territory, box, claim):
            yield ClaimCheck(claim, True)
        elif not fitting:
            other = _other_block(claim, regions) or _all_linear(claim, regions, territory, nodes) or larger
            certain = other is not None or _is_certain(claim, territory, nodes)
            yield ClaimCheck(claim, False if certain else None, other or _principal(regions, claim))
        elif larger is not None:
            yield ClaimCheck(claim, False, larger)
        elif _is_another_value(claim, label(panel, box), territory, box):
            yield ClaimCheck(claim, False, fitting[0], looks="value")
        else:
            wrong = [contradiction(region, claim, widths) for region in fitting]
            right = next((region for region, detail in zip(fitting, wrong, strict=True) if not detail), None)
            if right is None:
                yield ClaimCheck(claim, False, fitting[0], wrong[0])
            else:
                unknown = untold(right, claim)
                yield ClaimCheck(claim, None if unknown else True, right, unknown)


def regions_of(territory: Territory, box: str) -> list[Region]:
    """Return the regions that lie within a box."""
    nodes = frozenset(territory.nodes_of.get(box, ()))
    by_output = territory.values.recognition.by_output
    return [
        region
        for node in sorted(nodes)
        for region in by_output.get(node, ())
        if not region.inside and all(op in nodes or territory.values.is_constant(op) for op in region.ops)
    ]


def _is_another_value(claim: Claim, text: str, territory: Territory, box: str) -> bool:
    """Return whether a "Linear Q" makes no query of the attention that the panel shows, but a key, say."""
    match = _VALUE.search(text.casefold())
    if match is None or not {TERMS[term].family for term in claim.terms} <= {
        Family.LINEAR,
        Family.CONVOLUTION,
    }:
        return False
    role = _VALUES[match[match.lastindex or 0][0]]
    shown = [region for region in territory.values.recognition.regions if territory.holds(region.output)]
    attentions = [
        region for region in shown if region.term.family is Family.ATTENTION and role in region.roles
    ]
    made = territory.made_by(box)
    return bool(attentions) and not any(territory.depends(region.roles[role], made) for region in attentions)


def check_looks(
    call: PanelCall, territory: Territory, box: str, chosen: Sequence[Region]
) -> Iterator[ClaimCheck]:
    """Yield the false claims of a box's looks; a box without a module stands for `chosen`."""
    panel = call.panel
    if box not in territory.nodes_of and box not in territory.carried_by:
        return
    if runs_though_greyed(call, territory, box):
        yield ClaimCheck(Claim((), "inactive"), False, looks="inactive")
    computed = chosen or regions_of(territory, box)
    principal = _principal(computed, claimed(panel, box)[0]) if computed and claimed(panel, box) else None
    claim = other_role(panel, box, [principal] if principal else [])
    if claim is not None and principal is not None:
        yield ClaimCheck(claim, False, principal, looks="role")
    flawed = territory.values.recognition.flawed
    for claim in claimed(panel, box) if flawed else ():
        for region in computed:
            is_shown = meets(region, claim) and region.term.family in (Family.ATTENTION, Family.SOFTMAX)
            if is_shown and region.output in flawed:
                yield ClaimCheck(claim, False, flawed[region.output], looks="flaw")


def _without_activation(claim: Claim, said: Sequence[Claim], regions: Sequence[Region]) -> list[Region]:
    """Return the convolution of "1×1 conv, linear" if no activation follows it."""
    families = {TERMS[term].family for other in said if other is not claim for term in other.terms}
    if claim.terms != ("Linear",) or Family.CONVOLUTION not in families:
        return []
    found = [region for region in regions if region.term.family in (Family.CONVOLUTION, Family.ACTIVATION)]
    return [] if any(region.term.family is Family.ACTIVATION for region in found) else found


def says_all(text: str, said: Sequence[Claim]) -> bool:
    """Return whether a label names nothing but its claims. An unknown word may stand for the rest."""
    rest = unicodedata.normalize("NFC", text).casefold()
    for claim in said:
        rest = rest.replace(claim.text, " ")
    return not re.search(r"[^\W\d_]{2,}", rest)


def _around(claim: Claim, territory: Territory, nodes: frozenset[int]) -> list[Region]:
    """Return regions that the module only begins: a router's linear map, a table of positions."""
    if not {TERMS[term].family for term in claim.terms} & {Family.ROUTER, Family.POSITION}:
        return []
    recognition = territory.values.recognition
    counted = {node for node in nodes if recognition.counts(node)}
    counted = counted or {node for node in nodes if recognition.flow.ops[node].depends_on_parameter}
    return [
        region
        for region in recognition.regions
        if counted and meets(region, claim) and counted.issubset(region.ops)
    ]


def _is_before(territory: Territory, box: str, claim: Claim) -> bool:
    """Return whether it is a sum that the box draws together with its reader, as "Add & Norm" does."""
    if "sum" not in claim.terms and "concat" not in claim.terms:
        return False
    passed = territory.origins(territory.entering(box)).passed
    by_output = territory.values.recognition.by_output
    return any(
        meets(region, claim)
        for node in passed
        if node not in territory.owner
        for region in by_output.get(node, ())
    )


def _is_certain(claim: Claim, territory: Territory, nodes: frozenset[int]) -> bool:
    """Return whether a recogniser would have found the term if it were there.

    None looks at what does not depend on the input, such as a norm of learned queries.
    """
    ops = [territory.values.recognition.flow.ops[node] for node in nodes]
    if any(op.opaque for op in ops) or not any(op.depends_on_input for op in ops):
        return False
    return {TERMS[term].family for term in claim.terms} <= _CERTAIN


def _other_block(claim: Claim, regions: Sequence[Region]) -> Region | None:
    """Return the attention or recurrence that a module computes instead of another kind of block."""
    families = {TERMS[term].family for term in claim.terms}
    others = frozenset([Family.ATTENTION, Family.RECURRENCE]) - families
    if not families <= {Family.FEED_FORWARD, Family.MIXTURE, Family.RECURRENCE}:
        return None
    found = [
        region
        for region in regions
        if region.term.family in others and region.term.name != "linear attention"
    ]
    return max(found, key=lambda region: (len(region.ops), -region.output), default=None)


def _all_linear(
    claim: Claim, regions: Sequence[Region], territory: Territory, nodes: frozenset[int]
) -> Region | None:
    """Return the linear map that a module computes instead of a feed-forward network: nothing bends it."""
    if not {TERMS[term].family for term in claim.terms} <= {Family.FEED_FORWARD, Family.MIXTURE}:
        return None
    linear = [region for region in regions if region.term.family in (Family.LINEAR, Family.DROPOUT)]
    known = {op for region in linear for op in region.ops}
    recognition = territory.values.recognition
    if not all(node in known or not recognition.counts(node) for node in nodes):
        return None
    return next((region for region in linear if region.term.family is Family.LINEAR), None)


def beyond(said: Sequence[Claim], regions: Sequence[Region]) -> Region | None:
    """Return what the module computes beyond everything that the box claims.

    A module that computes a sum may project one of its terms, as those that figures call "Add & Norm" do.
    """
    terms = {term for claim in said for term in claim.terms}
    families = {TERMS[term].family for term in terms}
    if any(is_a(term, "gate") for term in terms) or not all(family in _LARGER for family in families):
        return _after_attention(regions) if families == {Family.ATTENTION} else None
    excluded = frozenset.intersection(*(_LARGER[family] for family in families)) - families
    found = [region for region in regions if region.term.family in excluded]
    if Family.SUM in families and any(region.term.family is Family.SUM for region in regions):
        found = found[1:] if len(found) == 1 and found[0].term.family is Family.LINEAR else found
    return max(found, key=lambda region: (len(region.ops), -region.output), default=None)


def _after_attention(regions: Sequence[Region]) -> Region | None:
    """Return a feed-forward after an attention: the module is a whole layer."""
    made = [region.output for region in regions if region.term.family is Family.ATTENTION]
    blocks = (Family.FEED_FORWARD, Family.MIXTURE)
    found = [
        region for region in regions if made and region.term.family in blocks and region.ops[0] > made[0]
    ]
    return found[0] if found else None


def _principal(regions: Sequence[Region], claim: Claim) -> Region | None:
    """Return what the module computes: a region of the claim's own kind if there is one, else the largest."""
    families = {TERMS[term].family for term in claim.terms}
    ranked = sorted(
        regions,
        key=lambda region: (
            region.term.family not in families,
            region.term.family is Family.SCALE,
            -len(region.ops),
            region.output,
        ),
    )
    return ranked[0] if ranked else None
