"""Boxes without a module: which of the operations between the anchors each of them stands for.

A box stands for a region whose term it claims. Where several regions compute that term, the lines decide: the
boxes of a panel get different regions, so that as many lines as possible are ways of the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice, product

from archcheck.diff.marks.carried import carried, is_value
from archcheck.diff.marks.claimed import claimed, contradiction, meets
from archcheck.diff.marks.routing import with_picked
from archcheck.diff.marks.sums import sums
from archcheck.diff.marks.territory import Territory
from archcheck.spec.flow import flow_edges
from archcheck.spec.model import Panel, Role
from archcheck.vocabulary import TERMS, Claim, Family, Region

_TRIES = 4096


@dataclass(frozen=True, slots=True)
class Candidate:
    """Connected regions that a box may stand for, one for each claim; `rank` prefers its first terms.

    `aside`: the box is not the operation but what it reads beside its main operand, as a mask is that is
    drawn with a line to the sum that applies it. `carried`: it is but the value that `output` makes.
    """

    regions: tuple[Region, ...]
    rank: int = 0
    aside: bool = False
    carried: bool = False

    @property
    def nodes(self) -> frozenset[int]:
        return (
            frozenset() if self.aside else frozenset(node for region in self.regions for node in region.ops)
        )

    @property
    def key(self) -> tuple[int, bool]:
        """What no two boxes stand for."""
        return self.output, self.carried

    @property
    def output(self) -> int:
        return self.regions[-1].output


@dataclass(frozen=True)
class BoxMap:
    """`territory` has the nodes of all boxes that are placed, `chosen` the regions of those without a module.

    `missing` claim an operation that the code does not have there. `unclear` may stand for any of several;
    `unnamed` claim nothing that the vocabulary knows.
    """

    territory: Territory
    chosen: Mapping[str, Candidate] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    unclear: Mapping[str, tuple[Candidate, ...]] = field(default_factory=dict)
    unnamed: tuple[str, ...] = ()

    def is_placed(self, box: str) -> bool:
        return bool(self.territory.nodes_of.get(box) or box in self.aside or box in self.territory.carried_by)

    @cached_property
    def aside(self) -> Mapping[str, int]:
        """The boxes that stand for an operand, and the nodes that read it."""
        return {box: candidate.output for box, candidate in self.chosen.items() if candidate.aside}


def is_share(region: Region, anchors: Territory) -> bool:
    """Is it a division? By a sum or a size it makes shares of numbers, which no figure draws."""
    return anchors.values.recognition.flow.ops[region.output].name in ("div", "divide", "true_divide")


def is_operation(panel: Panel, box: str) -> bool:
    """Does a box stand for something that the panel's code computes outside of any module drawn?"""
    value = panel.boxes[box]
    return value.module is None and not value.outside and value.role not in (Role.INPUT, Role.OUTPUT)


def box_map(
    panel: Panel,
    anchors: Territory,
    sinks: Sequence[tuple[str, int]],
    idle: Set[str] = frozenset(),
    without: Set[str] = frozenset(),
) -> BoxMap:
    """Place the boxes of a panel that have no module, but for those `without` an operation.

    `sinks` are the nodes that make the sums of residuals which edges show, each with the last box on the
    branch; `idle` are the boxes whose modules did not run.
    """
    boxes = [box for box in panel.boxes if is_operation(panel, box)]
    said = {box: claimed(panel, box) for box in boxes}
    unnamed = tuple(box for box in boxes if not said[box])
    free = frozenset(anchors.unowned())
    regions = [*_regions(anchors, free), *sums(anchors, free)]
    lines = flow_edges(panel)
    boxes = [box for box in boxes if not _waits(panel, anchors, idle, box, lines)]
    beside = {box for box in boxes if not any(other == box for _, other in lines)}
    masks = {box for box in beside if _is_mask(said[box])}
    masked = {other for box, other in lines if box in beside} if not masks else set(boxes)
    candidates = {
        box: tuple(
            _carried(said[box], anchors)
            if is_value(said[box])
            else _candidates(_masked(said[box], box in masked), regions, anchors, box in masks)
        )
        for box in boxes
        if said[box]
    }
    search = _Search(
        panel, anchors, sinks, {box: () if box in without else candidates[box] for box in candidates}
    )
    chosen, unclear = search.best()
    missing = tuple(
        box
        for box in candidates
        if box not in chosen
        and box not in unclear
        and _modules_beside(panel, box, lines) <= anchors.nodes_of.keys()
    )
    tables = [box for box in missing if (box in beside and _is_table(said[box])) or is_value(said[box])]
    missing = tuple(box for box in missing if box not in tables)
    unclear |= dict.fromkeys(tables, ())
    placed = anchors.with_nodes({box: candidate.nodes for box, candidate in chosen.items()})
    placed = replace(placed, carried={one.output: box for box, one in chosen.items() if one.carried})
    placed = with_picked(placed, {box: one.regions[-1].term.family for box, one in chosen.items()})
    return BoxMap(placed, chosen, missing, unclear, unnamed)


def _waits(
    panel: Panel, anchors: Territory, idle: Set[str], box: str, lines: Sequence[tuple[str, str]]
) -> bool:
    """Did none of the modules run that are drawn right before the box, or right after it (nor any like them)?
    Then it could not run either."""
    idle_by_end = (idle, frozenset(panel.boxes) - anchors.nodes_of.keys())
    return any(
        bool(beside := _modules_beside(panel, box, [line for line in lines if line[end] == box]))
        and beside <= at
        for end, at in enumerate(idle_by_end)
    )


def _modules_beside(panel: Panel, box: str, lines: Sequence[tuple[str, str]]) -> frozenset[str]:
    """The boxes with a module that lines tie to this one."""
    beside = {other for line in lines if box in line for other in line if other != box}
    return frozenset(other for other in beside if panel.boxes[other].module is not None)


def _is_table(said: Sequence[Claim]) -> bool:
    """Is it a table of positions that may be read from anywhere? RoPE is an operation of its own."""
    terms = [term for claim in said for term in claim.terms]
    return all(TERMS[term].family is Family.POSITION and term != "RoPE" for term in terms)


def _is_mask(said: Sequence[Claim]) -> bool:
    return len(said) == 1 and said[0].terms == ("mask",)


def _masked(said: tuple[Claim, ...], masked: bool) -> tuple[Claim, ...]:
    """A sum beside which a mask is drawn may be the operation that applies it, however the code does that."""
    if masked and len(said) == 1 and "sum" in said[0].terms:
        return (replace(said[0], terms=(*said[0].terms, "mask")),)
    return said


def _regions(anchors: Territory, free: frozenset[int]) -> list[Region]:
    """The regions of nodes that belong to no box yet."""
    by_output = anchors.values.recognition.by_output
    return [
        region
        for node in sorted(free)
        for region in by_output.get(node, ())
        if free.issuperset(region.ops) and not region.inside and not is_share(region, anchors)
    ]


def _candidates(
    said: Sequence[Claim], regions: Sequence[Region], anchors: Territory, aside: bool
) -> Iterator[Candidate]:
    """Chains of regions, each computing one of the claims, each reading the one before."""
    chains: list[tuple[Region, ...]] = [()]
    for claim in said:
        fitting = _smallest([region for region in regions if meets(region, claim)])
        chains = [
            (*chain, region)
            for chain in chains
            for region in fitting
            if not contradiction(region, claim) and (not chain or _follows(chain[-1], region, anchors))
        ]
    for chain in chains:
        rank = sum(_rank(region, claim) for region, claim in zip(chain, said, strict=True))
        yield Candidate(chain, rank, aside)


def _carried(said: Sequence[Claim], anchors: Territory) -> Iterator[Candidate]:
    for region in carried(said[0].terms[0], anchors):
        yield Candidate((region,), carried=True)


def _smallest(regions: Sequence[Region]) -> list[Region]:
    """Of regions with one output, that with the fewest operations: a gate's product, not all of the gate; but
    of sums that of all its terms."""
    found: dict[int, Region] = {}
    for region in sorted(regions, key=lambda region: (len(region.ops), region.term.name)):
        if region.term.name == "sum" or region.output not in found:
            found[region.output] = region
    return list(found.values())


def _rank(region: Region, claim: Claim) -> int:
    names = (region.term.name, *region.term.kinds)
    return next(place for place, term in enumerate(claim.terms) if term in names)


def _follows(one: Region, other: Region, anchors: Territory) -> bool:
    return one.output in anchors.origins(anchors.read_by(other.ops)).passed


def _past(lines: Sequence[tuple[str, str]], gone: Set[str]) -> list[tuple[str, str]]:
    """The lines, led past boxes that stand for nothing."""
    found = list(dict.fromkeys(lines))
    for box in sorted(gone):
        before = [one for one, other in found if other == box and one != box]
        after = [other for one, other in found if one == box and other != box]
        found = [line for line in found if box not in line]
        found += [line for line in product(before, after) if line not in found]
    return found


def _operations(choice: Mapping[str, Candidate]) -> frozenset[int]:
    return frozenset(one.output for one in choice.values() if not one.carried)


class _Search:
    """The choice of a candidate for each box that makes the most lines ways of the data."""

    def __init__(
        self,
        panel: Panel,
        anchors: Territory,
        sinks: Sequence[tuple[str, int]],
        candidates: Mapping[str, tuple[Candidate, ...]],
    ) -> None:
        self.anchors = anchors
        self.candidates = candidates
        gone = {box for box, found in candidates.items() if not found}
        self.lines = [
            (one, other)
            for one, other in _past(flow_edges(panel), gone)
            if one in candidates or other in candidates
        ]
        self.after = [(other, node) for last, node in sinks for one, other in self.lines if one == last]
        self._behind: dict[tuple[str, tuple[int, bool]], tuple[frozenset[str], frozenset[int]]] = {}

    def best(self) -> tuple[dict[str, Candidate], dict[str, tuple[Candidate, ...]]]:
        """The choice, and for each box that could as well be another candidate, those."""
        kept = self._pruned()
        choices = list(islice(self._choices(kept), _TRIES))
        if not choices:
            return {}, {}
        scored = [(self._score(choice), choice) for choice in choices]
        top = max(score for score, _ in scored)
        winners = [choice for score, choice in scored if score == top]
        chosen = winners[0]
        unclear: dict[str, tuple[Candidate, ...]] = {}
        if len({_operations(choice) for choice in winners}) > 1:
            for box, candidate in chosen.items():
                if candidate.carried:
                    continue  # any place on the way is as good
                others = {other[box] for other in winners if box in other} - {candidate}
                if others:
                    unclear[box] = (candidate, *sorted(others, key=lambda one: one.output))
        astray = {box for box in chosen if self._is_astray(box, chosen, unclear)}
        settled = {box: one for box, one in chosen.items() if box not in unclear and box not in astray}
        return settled, {box: others for box, others in unclear.items() if box not in astray}

    def _is_astray(
        self, box: str, choice: Mapping[str, Candidate], unclear: Mapping[str, tuple[Candidate, ...]]
    ) -> bool:
        """Does no line at the box hold, of a box that could be anything, or that a figure may leave out?

        What no figure has to draw is not looked for elsewhere than where it is drawn.
        """
        if box not in unclear and choice[box].regions[-1].term.family is not Family.DROPOUT:
            return False
        lines = [line for line in self.lines if box in line]
        return bool(lines) and not any(
            self._holds(first, choice.get(first), second, choice.get(second))
            for first, second in lines
            if all(end in choice or end not in self.candidates for end in (first, second))
        )

    def _pruned(self) -> dict[str, tuple[Candidate, ...]]:
        """Each box's candidates with the most lines that hold for some candidates of its neighbours."""
        kept = dict(self.candidates)
        for _ in range(3):
            scores = {
                box: {one: self._local(box, one, kept) for one in candidates}
                for box, candidates in kept.items()
            }
            kept = {
                box: tuple(one for one in candidates if scores[box][one] == max(scores[box].values()))
                if self._rivals(box, kept) <= 1
                else candidates
                for box, candidates in kept.items()
            }
        return kept

    def _rivals(self, box: str, kept: Mapping[str, tuple[Candidate, ...]]) -> int:
        """How many boxes want one of a box's candidates."""
        keys = {one.key for one in kept[box] if not one.aside}
        return sum(
            any(one.key in keys and not one.aside for one in candidates) for candidates in kept.values()
        )

    def _local(self, box: str, one: Candidate, kept: Mapping[str, tuple[Candidate, ...]]) -> int:
        found = 0
        for first, second in self.lines:
            if first == box:
                others = kept.get(second, ())
                found += any(self._holds(first, one, second, other) for other in others or (None,))
            elif second == box:
                others = kept.get(first, ())
                found += any(self._holds(first, other, second, one) for other in others or (None,))
        return found + self._sums(box, one)

    def _sums(self, box: str, one: Candidate) -> int:
        """How many sums a box reads that are drawn right before it."""
        passed = self._origins(box, one)[1]
        return sum(node in passed for other, node in self.after if other == box)

    def _choices(self, kept: Mapping[str, tuple[Candidate, ...]]) -> Iterator[dict[str, Candidate]]:
        """Every choice of disjoint candidates for as many boxes as can be."""
        boxes = [box for box in kept if kept[box]]
        spare = {box: self._rivals(box, kept) > len(kept[box]) for box in boxes}

        def choose(at: int, used: frozenset[tuple[int, bool]]) -> Iterator[dict[str, Candidate]]:
            if at == len(boxes):
                yield {}
                return
            box = boxes[at]
            for one in kept[box]:
                if one.aside or one.key not in used:
                    for rest in choose(at + 1, used if one.aside else used | {one.key}):
                        yield {box: one, **rest}
            if spare[box]:
                yield from choose(at + 1, used)

        yield from choose(0, frozenset())

    def _score(self, choice: Mapping[str, Candidate]) -> tuple[int, int, int]:
        holding = sum(
            self._holds(first, choice.get(first), second, choice.get(second))
            for first, second in self.lines
            if all(box in choice or box not in self.candidates for box in (first, second))
        )
        holding += sum(self._sums(box, one) for box, one in choice.items())
        return len(choice), holding, -sum(one.rank for one in choice.values())

    def _holds(self, first: str, one: Candidate | None, second: str, other: Candidate | None) -> bool:
        if one is not None and one.aside:
            return other is not None and one.output in other.nodes
        boxes, passed = self._origins(second, other)
        return one.output in passed if one is not None else first in boxes

    def _origins(self, box: str, candidate: Candidate | None) -> tuple[frozenset[str], frozenset[int]]:
        key = box, candidate.key if candidate else (-1, False)
        if key not in self._behind:
            reads = self.anchors.read_by(candidate.nodes) if candidate else self.anchors.entering(box)
            reads = [candidate.output] if candidate and candidate.carried else reads
            origins = self.anchors.origins(reads)
            self._behind[key] = frozenset(origins.boxes), origins.passed
        return self._behind[key]
