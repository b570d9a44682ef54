"""What a panel leaves out (BOX008): a panel that draws one operation of a class draws all of that class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from archcheck.connections import Kind
from archcheck.dataflow.elements import KEEPS
from archcheck.dataflow.join import Join
from archcheck.dataflow.operations import DIVISIONS
from archcheck.dataflow.queries import viewed
from archcheck.dataflow.run import Dataflow, Op
from archcheck.diff.marks.box_map import BoxMap, is_share
from archcheck.diff.marks.claimed import claimed
from archcheck.diff.marks.entries import PanelEntries
from archcheck.diff.marks.sums import sums
from archcheck.diff.marks.territory import Territory
from archcheck.spec.model import Panel
from archcheck.vocabulary import TERMS, Family, Region

CLASSES: Mapping[Family, str] = {
    Family.NORM: "norm",
    Family.ACTIVATION: "activation",
    Family.POSITION: "position",
    Family.PRODUCT: "product",
    Family.MATRIX_PRODUCT: "product",
    Family.SOFTMAX: "softmax",
}
_STRICT: Mapping[Family, str] = {
    **CLASSES,
    Family.POOLING: "pooling",
    Family.RESAMPLING: "resampling",
    Family.MASK: "mask",
    Family.REPEAT: "repeat",
    Family.ROUTER: "router",
    Family.RECURRENCE: "recurrence",
    Family.SUM: "sum",
    Family.REORDERING: "reordering",
    Family.ELEMENTWISE: "elementwise function",
    Family.SCAN: "running sum",
    Family.OFFSET: "added constant",
    Family.NOISE: "noise",
    Family.LINEAR: "linear map",
    Family.CONVOLUTION: "convolution",
    Family.SCALE: "scale",
    Family.CONCAT: "concatenation",
}


# What keeps away from zero with an offset, and products: (1 + a)·x.
_TAKE_OFFSETS = frozenset(
    ["mul", "div", "rsqrt", "sqrt", "log", "pow", "reciprocal", "reciprocal_div", "clamp"]
)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An operation of the panel that no box shows; `claimed`: the panel draws others of its class."""

    region: Region
    name: str
    claimed: bool


def left_out(panel: Panel, placed: BoxMap, entries: PanelEntries, strict: bool) -> Iterator[LeftOut]:
    """Return what is left out, in the order of the code."""
    territory = placed.territory
    classes = _STRICT if strict else CLASSES
    drawn = _drawn(panel, placed, classes)
    unclear = [one for each in placed.unclear.values() for candidate in each for one in candidate.regions]
    taken = {node for region in unclear for node in region.ops}
    shown = _shown_aside(panel, placed, entries)
    for region in _regions(panel, territory, classes):
        beside = any(_is_aside([read], territory, entries) for read in region.inputs)
        if taken.isdisjoint(region.ops) and not (beside and region.output not in shown):
            taken |= set(region.ops)
            name = classes[region.term.family]
            yield LeftOut(region, name, strict or name in drawn)


def _drawn(panel: Panel, placed: BoxMap, classes: Mapping[Family, str]) -> set[str]:
    """Return the classes of operations of which the panel draws any."""
    found = {
        classes[region.term.family]
        for candidate in placed.chosen.values()
        for region in candidate.regions
        if region.term.family in classes
    }
    for box, value in panel.boxes.items():
        if value.module is not None and len(said := claimed(panel, box)) == 1:
            families = {TERMS[term].family for term in said[0].terms}
            found |= {classes[family] for family in families if family in classes and len(families) == 1}
    return found


def _regions(panel: Panel, territory: Territory, classes: Mapping[Family, str]) -> list[Region]:
    """Return regions of operations that belong to no box, the largest at each place first.

    Excluded are sums shown by residual edges, what the result does not depend on, and what is computed from
    indices alone.
    """
    free = frozenset(node for node in territory.unowned() if node in territory.values.live)
    by_output = territory.values.recognition.by_output
    found = [region for node in sorted(free) for region in by_output.get(node, ())]
    found = [region for region in found if region.term.name != "joined heads"]  # a reshape
    if Family.SUM in classes:
        turned = {node for region in found if region.term.name == "RoPE" for node in region.ops}
        found = [region for region in found if region.term.family is not Family.SUM]
        found += (region for region in _sums(territory, free) if turned.isdisjoint(region.ops))
    return [
        region
        for region in sorted(found, key=lambda region: region.output)
        if region.term.family in classes
        and territory.values.carries_values(region.output)
        and not region.inside
        and free.issuperset(region.ops)
        and not is_share(region, territory)
        and not _is_read_inside(panel, region, territory)
        and not _is_told_by_edges(region, territory, classes is _STRICT)
    ]


def _is_read_inside(panel: Panel, region: Region, territory: Territory) -> bool:
    """Return whether it is a parameter that only boxes of modules read (a table in the embedding box)."""
    users = territory.values.recognition.flow.users[region.output]
    return territory.values.is_constant(region.output) and all(
        user in territory.owner and panel.boxes[territory.owner[user]].module is not None for user in users
    )


def _is_told_by_edges(region: Region, territory: Territory, strict: bool) -> bool:
    """Return whether edges show it already, or no figure ever does.

    A factor counts where a branch begins with it, or if it differs along two axes (a decay over positions),
    a linear map where no streams are mixed, and in a diagram that is not strict an exponential on a branch.
    """
    flow, joins = territory.values.recognition.flow, territory.values.execution.joins
    at, family = territory.values.recognition.origin[region.output], region.term.family
    if region.term.name == "Exp":
        return not strict and not any(at in join.branch for join in joins)
    if family is Family.LINEAR:
        return any(
            at in (*join.skip, *join.branch, join.sink)
            for join in joins
            if join.residual.kind is Kind.MULTI_STREAM
        )
    if family is Family.CONCAT:  # of several values, lines show it; of the parts of one, nothing does
        return len(region.inputs) < 2 or len({viewed(flow.ops, read) for read in region.inputs}) > 1
    if family is Family.SCALE:
        begins = any(
            at in join.branch and territory.values.made(join.source) in region.inputs for join in joins
        )
        return not begins and not _is_table(flow, region)
    if family is Family.OFFSET:
        users = [flow.ops[user].name for user in flow.users[region.output]]
        reads = [
            read for read in territory.values.reads(region.output) if not flow.ops[read].depends_on_input
        ]
        is_drawn = bool(territory.origins(reads).boxes)  # a table of positions
        return is_drawn or (bool(users) and all(name in _TAKE_OFFSETS for name in users))
    return False


def _is_table(flow: Dataflow, region: Region) -> bool:
    """Return whether it multiplies by constants that differ along two axes or more."""
    factors = [flow.ops[read[0]] for read in flow.ops[region.output].operands]
    return any(
        not (op.depends_on_input or op.depends_on_parameter) and sum(size > 1 for size in op.shape) > 1
        for op in factors
    )


def _sums(territory: Territory, free: Set[int]) -> Iterator[Region]:
    """Yield sums of values that depend on the input, except residual sums and denominators."""
    values = territory.values
    ops, found = values.recognition.flow.ops, list(sums(territory, free))
    by_output = values.recognition.by_output
    found += [
        region
        for node in sorted(free)
        for region in by_output.get(node, ())
        if region.term.name == "difference" and len({_tensor(ops, read) for read in region.inputs}) > 1
    ]
    joined = {
        values.made(at) for join in values.execution.joins for at in _summed(values.execution.flow, join)
    }
    joined |= {node for region in found if not joined.isdisjoint(region.ops) for node in region.ops}
    for region in found:
        fed = [read for read in region.inputs if ops[read].depends_on_input]
        several = len(fed) > 1 or ops[region.output].name == "sum"
        if several and joined.isdisjoint(region.ops) and not _divides(region.output, territory):
            yield region


def _tensor(ops: Sequence[Op], node: int) -> int:
    """Return what this is a multiple of, in the same order."""
    while ops[node].name in KEEPS | {"mul", "div", "neg"} and len(ops[node].operands) == 1:
        node = ops[node].operands[0][0]
    return node


def _summed(flow: Dataflow, join: Join) -> Iterator[int]:
    """Yield a residual's sink, the sums it was assembled from, and those of its summands."""
    yield join.sink
    yield from (at for between in flow.ops[join.sink].inner for at in between)
    yield from (at for at in join.branch if at > max(join.term))


def _divides(node: int, territory: Territory) -> bool:
    """Return whether everything that reads it divides by it, or by it and a constant."""
    flow = territory.values.recognition.flow
    users = flow.users[node]
    return bool(users) and all(
        flow.ops[user].name in DIVISIONS
        or (flow.ops[user].name in ("add", "clamp", "clamp_min") and _divides(user, territory))
        for user in users
    )


def _shown_aside(panel: Panel, placed: BoxMap, entries: PanelEntries) -> Set[int]:
    """Return what is read by drawn boxes that work only on side inputs."""
    found: set[int] = set()
    for box in panel.boxes:
        reads = placed.territory.entering(box) if placed.is_placed(box) else []
        if reads and _is_aside(reads, placed.territory, entries):
            found |= placed.territory.origins(reads).passed
    return found


def _is_aside(reads: Iterable[int], territory: Territory, entries: PanelEntries) -> bool:
    """Return whether this is made only of side inputs (a mask, positions)."""
    origins = territory.origins(reads)
    return not origins.boxes and entries.main is not None and entries.main not in origins.entered
