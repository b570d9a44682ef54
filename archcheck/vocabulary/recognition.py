"""All regions of a run: those of single groups of operations first, then the larger ones made of them."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import replace

from archcheck.dataflow.learned import with_learned_streams
from archcheck.dataflow.operations import VIEWS
from archcheck.dataflow.pause import no_collection
from archcheck.dataflow.queries import reached
from archcheck.dataflow.run import Dataflow
from archcheck.vocabulary import blocks, mixtures, positions, recurrences
from archcheck.vocabulary.attention import attentions
from archcheck.vocabulary.functions import functions
from archcheck.vocabulary.named import named
from archcheck.vocabulary.opening import opened
from archcheck.vocabulary.regions import Recognition, Region
from archcheck.vocabulary.rotary import Rotary
from archcheck.vocabulary.terms import Family
from archcheck.vocabulary.walking import Walks
from archcheck.vocabulary.written import Written, frozen_batch_norm, with_affine

# Their steps are not operations by themselves: the tanh of a GELU is not a Tanh of the model.
_WHOLE = frozenset([Family.NORM, Family.ACTIVATION, Family.SOFTMAX, Family.POSITION])


def recognise(flow: Dataflow) -> Recognition:
    """Return every region of a run that computes a term, in time linear in the run."""
    with no_collection():
        return _recognise(flow)


def _recognise(flow: Dataflow) -> Recognition:
    flow, origin = opened(with_learned_streams(flow))
    regions = list(_single(flow))
    walks = Walks(flow, regions)
    for larger in (_turned_and_gated, _attending, _networks, _mixed):
        found = list(larger(walks, regions))
        regions += found
        walks.add(found)
    regions += functions(flow, regions)
    regions.sort(key=lambda region: (region.output, len(region.ops), region.term.name))
    return Recognition(flow, origin, tuple(_marked(flow, regions)))


def _single(flow: Dataflow) -> Iterator[Region]:
    written = Written(flow)
    for at in range(len(flow.ops)):
        for region in named(flow, at):
            yield from with_affine(flow, region)
        yield from written.at(at)
        frozen = frozen_batch_norm(flow, at)
        if frozen is not None:
            yield frozen


def _turned_and_gated(walks: Walks, regions: list[Region]) -> Iterator[Region]:
    rotary = Rotary(walks)
    for at in range(len(walks.ops)):
        for found in (rotary.at(at), blocks.gate(walks, at), positions.table_lookup(walks, at)):
            if found is not None:
                yield found
        added = positions.added(walks, at)
        if added is not None:
            yield added


def _attending(walks: Walks, regions: list[Region]) -> Iterator[Region]:
    for region in regions:
        if region.term.family is Family.SOFTMAX:
            yield from attentions(walks, region)
    for at in range(len(walks.ops)):
        found = recurrences.linear_attention(walks, at)
        if found is not None:
            yield found
    yield from recurrences.recurrences(walks)


def _networks(walks: Walks, regions: list[Region]) -> Iterator[Region]:
    for at in range(len(walks.ops)):
        yield from blocks.feed_forwards(walks, at)


def _mixed(walks: Walks, regions: list[Region]) -> Iterator[Region]:
    picking: set[int] = set()
    routers = [routed for at in range(len(walks.ops)) if (routed := mixtures.router(walks, at)) is not None]
    for routed in sorted(routers, key=lambda each: "k" not in each.details):
        shares = "k" not in routed.details
        if shares and routed.output in picking:
            continue  # what a top-k picks from
        picking.update(routed.ops)
        found = mixtures.mixture(walks, routed)
        if found is not None or not shares:
            yield routed
        if found is not None:
            yield found


def _marked(flow: Dataflow, regions: list[Region]) -> Iterator[Region]:
    """Yield the regions, marking those that are only steps of a larger operation.

    An activation that something else reads too is none: `relu(x)` in a stream that a norm squares.
    """
    steps: dict[int, list[Region]] = {}
    alone = {(region.term.name, at) for region in regions if len(region.ops) == 1 for at in region.ops}
    for region in regions:
        more = any((region.term.name, at) in alone for at in region.ops)  # a ReLU, and x/2 + x/2 of it
        if region.term.family in _WHOLE and len(region.ops) > 1 and not more:
            for at in region.ops:
                steps.setdefault(at, []).append(region)
    for region in regions:
        around = [
            whole.ops
            for whole in steps.get(region.output, [])
            if len(whole.ops) > len(region.ops) and set(region.ops) <= set(whole.ops)
        ]
        inside = bool(around) and (
            region.term.family is not Family.ACTIVATION
            or _is_read_within(flow, region.output, set().union(*around))
        )
        yield replace(region, inside=True) if inside else region


def _is_read_within(flow: Dataflow, at: int, steps: Set[int]) -> bool:
    """Return whether only these operations read a result that is not the last of them, perhaps as a view."""
    read = reached([at], lambda one: flow.users[one] if one == at or flow.ops[one].name in VIEWS else ())
    return at == max(steps) or all(one in steps or flow.ops[one].name in VIEWS for one in read)
