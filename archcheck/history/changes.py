"""What changed from one report to another: residual connections, marks and findings.

Residuals of the two sides are the same if their keys are. Among the rest, a pair that shares at least half of
its branch's modules is one residual that moved. Equal changes in several layers are one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from archcheck.connections import Residual
from archcheck.errors import Problem
from archcheck.findings import Finding, Mark, Report
from archcheck.phrasing.module_paths import generic
from archcheck.source_location import Location


class What(StrEnum):
    """What became of a residual or a mark: moved in source, branch or place; changed in kind or verdict."""

    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    CHANGED = "changed"


_MOVES = ("scope", "source", "branch", "implemented in", "skip path")


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property of a residual that has changed."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a residual; `layers` are the numbers that `*` in `scope` stands for.

    `panel` is the diagram's panel, "" if none shows it. `before` and `after` are the residual of the first of
    those layers on either side, None on one side if it was added or removed.
    """

    what: What
    panel: str
    scope: str
    layers: tuple[int | str, ...]
    before: Residual | None
    after: Residual | None
    differences: tuple[PropertyChange, ...] = ()

    @property
    def residual(self) -> Residual:
        """The residual as it is now; as it was if it is gone."""
        residual = self.after or self.before
        assert residual is not None  # one side has it
        return residual

    @property
    def location(self) -> Location | None:
        """The line of code that implements it."""
        return self.residual.location


@dataclass(frozen=True, slots=True)
class MarkChange:
    """A mark of a diagram that was added or removed, or whose verdict has changed."""

    what: What
    before: Mark | None
    after: Mark | None

    @property
    def mark(self) -> Mark:
        """The mark as it is now; as it was if it is gone."""
        mark = self.after or self.before
        assert mark is not None  # one side has it
        return mark


@dataclass(frozen=True, slots=True)
class Changes:
    """All that changed in one spec or model, `name`. A status is "" on a side that does not have it.

    `problems` say why a side could not be checked; its contents were then not compared.
    """

    name: str
    status_before: str
    status_after: str
    residuals: tuple[Change, ...] = ()
    marks: tuple[MarkChange, ...] = ()
    findings_added: tuple[Finding, ...] = ()
    findings_removed: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __bool__(self) -> bool:
        found = self.residuals or self.marks or self.findings_added or self.findings_removed
        return bool(found) or self.status_before != self.status_after

    @property
    def is_checked(self) -> bool:
        """Whether both sides could be checked, or do not exist."""
        return "error" not in (self.status_before, self.status_after)


def compare(name: str, before: Report | None, after: Report | None) -> Changes:
    """Return what changed from one report to the other; None where a side has no such spec."""
    sides = (before, after)
    statuses = (before.status.value if before else "", after.status.value if after else "")
    problems = tuple(problem for side in sides if side for problem in side.problems)
    if "error" in statuses:
        return Changes(name, *statuses, problems=problems)
    old, new = (side.findings if side else () for side in sides)
    old_texts, new_texts = ({_text(finding) for finding in side} for side in (old, new))
    return Changes(
        name,
        *statuses,
        residual_changes(before, after),
        _mark_changes(before, after),
        tuple(finding for finding in new if _text(finding) not in old_texts),
        tuple(finding for finding in old if _text(finding) not in new_texts),
    )


# -- residuals ----------------------------------------------------------------------------------------


def residual_changes(before: Report | None, after: Report | None) -> tuple[Change, ...]:
    """Return the changes of the residuals from one report to another, in the order of the code."""
    old, new = (_by_key(side.residuals if side else ()) for side in (before, after))
    pairs: list[tuple[Residual | None, Residual | None]] = []
    for key in [*new, *(key for key in old if key not in new)]:
        olds, news = old.get(key, []), new.get(key, [])
        pairs += zip(olds, news, strict=False)
        pairs += [(one, None) for one in olds[len(news) :]]
        pairs += [(None, other) for other in news[len(olds) :]]
    panels = _panels(after) | _panels(before)
    edges = (_edges(before), _edges(after))
    changes = [_change(one, other, panels) for one, other in _paired(pairs, edges)]
    return _over_layers(change for change in changes if change is not None)


def _by_key(residuals: Iterable[Residual]) -> dict[str, list[Residual]]:
    found: dict[str, list[Residual]] = {}
    for residual in residuals:
        found.setdefault(residual.key, []).append(residual)
    return found


def _edges(report: Report | None) -> dict[str, tuple[str, str]]:
    """Return the panel and edge that show each residual, by its pattern."""
    proofs = report.proofs if report else ()
    return {pattern(each): (proof.panel, proof.edge) for proof in proofs for each in proof.residuals}


def _paired(
    pairs: Sequence[tuple[Residual | None, Residual | None]],
    edges: tuple[dict[str, tuple[str, str]], dict[str, tuple[str, str]]],
) -> list[tuple[Residual | None, Residual | None]]:
    """Pair removed and added residuals that moved: those with much the same branch, or the same edge."""

    def are_one(before: Residual, after: Residual) -> bool:
        drawn = edges[0].get(pattern(before))
        is_drawn = drawn is not None and drawn == edges[1].get(pattern(after)) and before.layer == after.layer
        return is_drawn or _are_near(before, after)

    gone = [before for before, after in pairs if before is not None and after is None]
    found = []
    for before, after in pairs:
        if before is None and after is not None:
            before = next((one for one in gone if are_one(one, after)), None)
            if before is not None:
                gone.remove(before)
        if after is not None:
            found.append((before, after))
    return [*found, *((before, None) for before in gone)]


def _are_near(removed: Residual, added: Residual) -> bool:
    one, other = _branch(removed), _branch(added)
    return bool(one & other) and 2 * len(one & other) >= max(len(one), len(other))


def _branch(residual: Residual) -> set[str]:
    return {f"{residual.scope}.{module}".strip(".") for module in residual.branch}


def _change(before: Residual | None, after: Residual | None, panels: dict[str, str]) -> Change | None:
    residual = after or before
    assert residual is not None  # a pair has one
    differences: tuple[PropertyChange, ...] = ()
    what = What.ADDED if before is None else What.REMOVED
    if before is not None and after is not None:
        differences = _differences(before, after)
        if not differences:
            return None
        moved = all(each.name in _MOVES for each in differences)
        what = What.MOVED if moved else What.CHANGED
    layer = residual.layer
    layers = (int(layer) if layer.isdigit() else layer,) if layer else ()
    panel = panels.get(pattern(residual)) or panels.get(generic(residual.scope), "")
    return Change(what, panel, generic(residual.scope), layers, before, after, differences)


def _differences(before: Residual, after: Residual) -> tuple[PropertyChange, ...]:
    """Return what differs, with wildcards for indices, so that it is equal in each layer."""
    old, new = _described(before, str), _described(after, str)
    old_shown, new_shown = _described(before, generic), _described(after, generic)
    found = []
    for name in old:
        if old[name] != new[name]:
            shown = (old_shown[name], new_shown[name])
            found.append(PropertyChange(name, *(shown if shown[0] != shown[1] else (old[name], new[name]))))
    return tuple(found)


def _described(residual: Residual, named: Callable[[str], str]) -> dict[str, str]:
    def listed(paths: Iterable[str], nothing: str) -> str:
        return ", ".join(map(named, paths)) or nothing

    factors = [replace(factor, parameter=named(factor.parameter)) for factor in residual.factors]
    return {
        "kind": residual.kind.value,
        "scope": named(residual.scope) or "the model",
        "source": named(residual.source),
        "branch": listed(residual.branch, "no module"),
        "implemented in": named(residual.implemented_in) or "the model",
        "skip path": listed(residual.skip, "direct"),
        "factors": ", ".join(map(str, factors)) or "none",
        "modes": ", ".join(residual.modes) or "all",
    }


def _panels(report: Report | None) -> dict[str, str]:
    """Return the panels that show a report's residuals, by key, and by scope one for the others."""
    found: dict[str, str] = {}
    for proof in report.proofs if report else ():
        for residual in proof.residuals:
            found[pattern(residual)] = proof.panel
            found.setdefault(generic(residual.scope), proof.panel)
    return found


def pattern(residual: Residual) -> str:
    """Return the residual's key with a wildcard for each index: `layers.*:norm+attn`."""
    return f"{generic(residual.scope)}:{'+'.join(map(generic, residual.branch))}"


def _over_layers(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Merge equal changes in several layers into one."""
    groups: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        key = (change.what, pattern(change.residual), change.residual.kind, change.differences)
        groups.setdefault(key, []).append(change)
    return tuple(
        replace(group[0], layers=tuple(dict.fromkeys(layer for change in group for layer in change.layers)))
        for group in groups.values()
    )


# -- marks and findings -------------------------------------------------------------------------------


def _mark_changes(before: Report | None, after: Report | None) -> tuple[MarkChange, ...]:
    """Return the changes of marks; none if a side is a model without a diagram."""
    if any(side is not None and not side.marks for side in (before, after)):
        return ()
    old, new = (
        {(mark.panel, mark.kind, mark.name): mark for mark in (side.marks if side else ())}
        for side in (before, after)
    )
    changes = []
    for key in [*new, *(key for key in old if key not in new)]:
        one, other = old.get(key), new.get(key)
        if one is None or other is None:
            changes.append(MarkChange(What.ADDED if one is None else What.REMOVED, one, other))
        elif one.verdict is not other.verdict:
            changes.append(MarkChange(What.CHANGED, one, other))
    return tuple(changes)


def _text(finding: Finding) -> tuple[object, ...]:
    """Return the text of a finding, independent of its lines."""
    return finding.code, finding.panel, finding.edge, finding.drawn, finding.layers, finding.modes


def tally(changes: Iterable[Change]) -> str:
    """Return `2 residuals added, 1 changed`, or `no residual changed`."""
    counts = Counter(change.what for change in changes)
    parts = [(counts[what], what.value) for what in What if counts[what]]
    if not parts:
        return "no residual changed"
    (number, word), *rest = parts
    first = f"{number} residual{'s' * (number != 1)} {word}"
    return ", ".join([first, *(f"{number} {word}" for number, word in rest)])
