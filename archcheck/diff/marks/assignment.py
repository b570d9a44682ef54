"""Which candidate each box stands for: the choice under which most lines are flows of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import product
from operator import itemgetter

from archcheck.diff.marks.territory import Territory
from archcheck.spec.flow import flow_edges
from archcheck.spec.model import Panel
from archcheck.vocabulary import Family, Region

_MOST_STEPS = 4096
_MOST_WINNERS = 256

Score = tuple[int, int, int]
"""How many boxes have a candidate, how many lines hold, how well the candidates' terms rank."""
Line = tuple[str, str]


@dataclass(frozen=True, slots=True)
class BoxCandidate:
    """Connected regions that a box may stand for, one for each claim; `rank` prefers its first terms.

    `aside`: the box is not the operation but what it reads beside its main operand, such as a mask drawn with
    a line to the sum that applies it. `carried`: it is only the value that `output` makes.
    """

    regions: tuple[Region, ...]
    rank: int = 0
    aside: bool = False
    carried: bool = False

    @property
    def nodes(self) -> frozenset[int]:
        """The nodes of all its regions."""
        return (
            frozenset() if self.aside else frozenset(node for region in self.regions for node in region.ops)
        )

    @property
    def key(self) -> tuple[int, bool]:
        """What no two boxes may both stand for."""
        return self.output, self.carried

    @property
    def output(self) -> int:
        """The node that makes the result."""
        return self.regions[-1].output


class AssignmentSearch:
    """The choice of a candidate for each box under which most lines hold."""

    def __init__(
        self,
        panel: Panel,
        anchors: Territory,
        sinks: Sequence[tuple[str, int]],
        candidates: Mapping[str, tuple[BoxCandidate, ...]],
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

    def best(self) -> tuple[dict[str, BoxCandidate], dict[str, tuple[BoxCandidate, ...]]]:
        """Return the choice, and for each box that could equally be another candidate, those candidates."""
        winners = _Choices(self, self._pruned()).winners()
        chosen = winners[0]
        unclear: dict[str, tuple[BoxCandidate, ...]] = {}
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
        self, box: str, choice: Mapping[str, BoxCandidate], unclear: Mapping[str, tuple[BoxCandidate, ...]]
    ) -> bool:
        """Return whether no line holds at a box that could be anything or may be left out."""
        if box not in unclear and choice[box].regions[-1].term.family is not Family.DROPOUT:
            return False
        lines = [line for line in self.lines if box in line]
        return bool(lines) and not any(
            self.holds(first, choice.get(first), second, choice.get(second))
            for first, second in lines
            if all(end in choice or end not in self.candidates for end in (first, second))
        )

    def _pruned(self) -> dict[str, tuple[BoxCandidate, ...]]:
        """Return each box's candidates for which most lines hold with some candidates of its neighbours."""
        kept = dict(self.candidates)
        for _ in range(3):
            scores = {
                box: {one: self._local(box, one, kept) for one in candidates}
                for box, candidates in kept.items()
            }
            kept = {
                box: tuple(one for one in candidates if scores[box][one] == max(scores[box].values()))
                if self.rivals(box, kept) <= 1
                else candidates
                for box, candidates in kept.items()
            }
        return kept

    def rivals(self, box: str, kept: Mapping[str, tuple[BoxCandidate, ...]]) -> int:
        """Return how many boxes compete for one of a box's candidates."""
        keys = {one.key for one in kept[box] if not one.aside}
        return sum(
            any(one.key in keys and not one.aside for one in candidates) for candidates in kept.values()
        )

    def _local(self, box: str, one: BoxCandidate, kept: Mapping[str, tuple[BoxCandidate, ...]]) -> int:
        found = 0
        for first, second in self.lines:
            if first == box:
                others = kept.get(second, ())
                found += any(self.holds(first, one, second, other) for other in others or (None,))
            elif second == box:
                others = kept.get(first, ())
                found += any(self.holds(first, other, second, one) for other in others or (None,))
        return found + self.sums(box, one)

    def sums(self, box: str, one: BoxCandidate) -> int:
        """Return how many sums a box reads that are drawn right before it."""
        passed = self._origins(box, one)[1]
        return sum(node in passed for other, node in self.after if other == box)

    def holds(self, first: str, one: BoxCandidate | None, second: str, other: BoxCandidate | None) -> bool:
        """Return whether the line between two boxes holds under these candidates."""
        if one is not None and one.aside:
            return other is not None and one.output in other.nodes
        boxes, passed = self._origins(second, other)
        return one.output in passed if one is not None else first in boxes

    def _origins(self, box: str, candidate: BoxCandidate | None) -> tuple[frozenset[str], frozenset[int]]:
        key = box, candidate.key if candidate else (-1, False)
        if key not in self._behind:
            reads = self.anchors.read_by(candidate.nodes) if candidate else self.anchors.entering(box)
            reads = [candidate.output] if candidate and candidate.carried else reads
            origins = self.anchors.origins(reads)
            self._behind[key] = frozenset(origins.boxes), origins.passed
        return self._behind[key]


class _Choices:
    """The best choices of disjoint candidates, found by branch and bound."""

    def __init__(self, search: AssignmentSearch, kept: Mapping[str, tuple[BoxCandidate, ...]]) -> None:
        self.search = search
        self.kept = {box: candidates for box, candidates in kept.items() if candidates}
        self.boxes = list(self.kept)
        self.is_spare = [search.rivals(box, kept) > len(self.kept[box]) for box in self.boxes]
        self.decided = self._decided()
        # The most that the boxes from each place on can add to a score.
        self.hopes: list[Score] = [(0, 0, 0)]
        for box, lines in zip(reversed(self.boxes), reversed(self.decided), strict=True):
            sums = max(search.sums(box, one) for one in self.kept[box])
            rank = max(-one.rank for one in self.kept[box])
            self.hopes.insert(0, _plus(self.hopes[0], (1, len(lines) + sums, rank)))
        self.best: Score = (-1, 0, 0)
        self.found: list[dict[str, BoxCandidate]] = []
        self.steps = 0

    def winners(self) -> list[dict[str, BoxCandidate]]:
        """Return all choices with the highest score, the first ones if there are very many."""
        self._search(0, {}, frozenset(), (0, 0, 0))
        return self.found

    def _decided(self) -> list[list[Line]]:
        """Return the lines that can hold, each with the later of its boxes."""
        place = {box: at for at, box in enumerate(self.boxes)}
        decided: list[list[Line]] = [[] for _ in self.boxes]
        for first, second in self.search.lines:
            if not all(box in place or box not in self.search.candidates for box in (first, second)):
                continue
            pairs = product(self.kept.get(first, (None,)), self.kept.get(second, (None,)))
            if any(self.search.holds(first, one, second, other) for one, other in pairs):
                decided[max(place[box] for box in (first, second) if box in place)].append((first, second))
        return decided

    def _search(
        self, at: int, choice: dict[str, BoxCandidate], used: frozenset[tuple[int, bool]], score: Score
    ) -> None:
        self.steps += 1
        hope = _plus(score, self.hopes[at])
        if hope < self.best or (self.found and self.steps > _MOST_STEPS):
            return
        if hope == self.best and len(self.found) == _MOST_WINNERS:
            return
        if at == len(self.boxes):
            self.found = [*(self.found if score == self.best else []), choice]
            self.best = score
            return
        box = self.boxes[at]
        free = [one for one in self.kept[box] if one.aside or one.key not in used]
        gains = [(self._gain(at, chosen := {**choice, box: one}), one, chosen) for one in free]
        for gain, one, chosen in sorted(gains, key=itemgetter(0), reverse=True):
            taken = used if one.aside else used | {one.key}
            self._search(at + 1, chosen, taken, _plus(score, gain))
        if self.is_spare[at]:
            self._search(at + 1, choice, used, score)

    def _gain(self, at: int, choice: Mapping[str, BoxCandidate]) -> Score:
        box = self.boxes[at]
        holding = sum(
            self.search.holds(first, choice.get(first), second, choice.get(second))
            for first, second in self.decided[at]
            if all(end in choice or end not in self.search.candidates for end in (first, second))
        )
        return 1, holding + self.search.sums(box, choice[box]), -choice[box].rank


def _plus(one: Score, other: Score) -> Score:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _operations(choice: Mapping[str, BoxCandidate]) -> frozenset[int]:
    return frozenset(one.output for one in choice.values() if not one.carried)


def _past(lines: Sequence[tuple[str, str]], gone: Set[str]) -> list[tuple[str, str]]:
    """Return the lines, redirected past boxes that stand for nothing."""
    found = list(dict.fromkeys(lines))
    for box in sorted(gone):
        before = [one for one, other in found if other == box and one != box]
        after = [other for one, other in found if one == box and other != box]
        found = [line for line in found if box not in line]
        found += [line for line in product(before, after) if line not in found]
    return found
