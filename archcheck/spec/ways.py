"""The ways of values between drawn boxes, as a panel's `flow` and `edges`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain

Item = str | list["Item"]
Line = tuple[str, str]

_DEEPEST = 2
"""Attention needs two (q beside k, and their scores beside v); deeper nesting is hard to read."""


def arranged(
    boxes: Sequence[str], lines: Iterable[Line], aside: Collection[str] = ()
) -> tuple[list[Item], list[list[str]]]:
    """Return lines as a flow of sequential and parallel parts, and the remaining chains.

    `boxes` are in an order in which no line leads back; those `aside` are kept out of the flow.

    >>> arranged("abcd", [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")])
    (['a', ['b', 'c'], 'd'], [])
    >>> arranged("abc", [("a", "b"), ("b", "c"), ("a", "c")])
    (['a', 'b', 'c'], [['a', 'c']])
    """
    kept = list(dict.fromkeys(lines))
    left = [line for line in kept if line[0] in aside]
    kept = [line for line in kept if line not in left]
    place = {box: at for at, box in enumerate(boxes)}
    whole = len(_apart([box for box in boxes if any(box in line for line in kept)], kept))
    while True:
        flow: list[Item] | None
        tied = [box for box in boxes if any(box in line for line in kept)]
        parts = sorted(_apart(tied, kept), key=len)
        loose = set(chain(*parts[: len(parts) - whole]))  # what a removed line had tied to the rest
        left += [line for line in kept if line[0] in loose]
        kept = [line for line in kept if line[0] not in loose]
        tied = [box for box in tied if box not in loose]
        flow = _chain(tied, kept, 0) if tied else list(boxes[:1])
        if flow is not None:
            break
        line = max(kept, key=lambda line: _spare(line, kept, place))
        kept.remove(line)
        left.append(line)
    return flow, _chains(sorted(left, key=lambda line: (place[line[0]], place[line[1]])))


def _spare(line: Line, lines: Sequence[Line], place: Mapping[str, int]) -> tuple[bool, int, int]:
    """Return how dispensable a line is: first those beside another way, then the longest."""
    one, other = line
    return _leads(one, other, [each for each in lines if each != line]), place[other] - place[one], place[one]


def _leads(one: str, other: str, lines: Sequence[Line]) -> bool:
    pending, seen = [one], {one}
    while pending:
        at = pending.pop()
        if at == other:
            return True
        after = {end for start, end in lines if start == at} - seen
        seen |= after
        pending += after
    return False


def _chain(boxes: Sequence[str], lines: Sequence[Line], depth: int) -> list[Item] | None:
    """Return the boxes as parts in sequence; None if they are neither sequential nor parallel."""
    if len(boxes) == 1:
        return list(boxes)
    apart = _apart(boxes, lines)
    if len(apart) > 1:
        sides = [_chain(part, lines, depth + 1) for part in apart]
        if depth >= _DEEPEST or any(side is None for side in sides):
            return None
        return [[_single(side) for side in sides if side is not None]]
    for cut in range(1, len(boxes)):
        if not _is_cut(boxes[:cut], boxes[cut:], lines):
            continue
        before, after = _chain(boxes[:cut], lines, depth), _chain(boxes[cut:], lines, depth)
        return None if before is None or after is None else [*before, *after]
    return None


def _single(side: list[Item]) -> Item:
    return side[0] if len(side) == 1 and isinstance(side[0], str) else side


def _is_cut(before: Sequence[str], after: Sequence[str], lines: Sequence[Line]) -> bool:
    """Return whether all ends of the one part lead to all starts of the other, with no other lines across."""
    early, late = set(before), set(after)
    ends = [box for box in before if not any(one == box and other in early for one, other in lines)]
    starts = [box for box in after if not any(other == box and one in late for one, other in lines)]
    across = {(one, other) for one, other in lines if one in early and other in late}
    return across == {(one, other) for one in ends for other in starts}


def _apart(boxes: Sequence[str], lines: Sequence[Line]) -> list[list[str]]:
    """Return the groups of boxes that no line connects, each in the order given."""
    groups: list[set[str]] = [{box} for box in boxes]
    known = set(boxes)
    for line in lines:
        if known.issuperset(line):
            near = [group for group in groups if group & set(line)]
            groups = [group for group in groups if group not in near] + [set(chain(*near))]
    ordered = [[box for box in boxes if box in group] for group in groups]
    return sorted(ordered, key=lambda group: boxes.index(group[0]))


def _chains(lines: Sequence[Line]) -> list[list[str]]:
    """Return consecutive lines as chains."""
    found: list[list[str]] = []
    for one, other in lines:
        before = next((each for each in found if each[-1] == one), None)
        if before is None:
            found.append([one, other])
        else:
            before.append(other)
    return found
