"""Boxes: what is drawn against what the model has and ran (BOX001 to BOX005)."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from archcheck.diff.alignment import is_within
from archcheck.diff.binding import BoundPanel, Layer, patterns, suggestion
from archcheck.diff.box_calls import Run
from archcheck.diff.drawn_edges import bound_neighbours
from archcheck.diff.edges import PanelCheck
from archcheck.diff.execution import Execution
from archcheck.diff.label_numbers import miscounts
from archcheck.diff.observation import Observation
from archcheck.diff.wording import Names, label
from archcheck.source_location import Location
from archcheck.spec.load import LoadedSpec
from archcheck.spec.patterns import join


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two boxes that the flow has in a row and the data does not; `reversed`: it has the other row."""

    one: str
    other: str
    reversed: bool
    location: Location | None


class BoxCheck:
    """The boxes of one layer of one panel in one mode; `checks` are the layer's, judged already.

    `blamed` is what findings on residuals call misplaced, in any panel.
    """

    def __init__(
        self, loaded: LoadedSpec, bound: BoundPanel, layer: Layer, execution: Execution,
        checks: Sequence[PanelCheck], blamed: Set[str],
    ) -> None:  # fmt: skip
        self.loaded = loaded
        self.bound = bound
        self.panel = bound.panel
        self.layer = layer
        self.execution = execution
        self.checks = checks
        self.blamed = blamed
        self.names = Names(layer, execution)
        self._found: list[Observation] = []

    def observations(self) -> list[Observation]:
        self.missing()
        self.repeats()
        self.numbers()
        if self.checks:
            self.undrawn()
        for check in self.checks:
            self.order(check)
        return self._found

    def missing(self) -> None:
        """BOX001: a box names a module that the model does not have."""
        for box, paths in self.layer.missing.items():
            for path in paths:
                shown = self.names.path(path)
                owner = self._owner(path)
                hint = self.names.text(suggestion(path, self.execution.modules))
                self._note(
                    "BOX001", box, f"{label(self.panel, box)} is drawn, and the model has no module {shown}",
                    f"box {label(self.panel, box)} ({shown})",
                    f"{self.names.module(owner)} has no such module. {hint}".strip(),
                    self.execution.definition(owner),
                )  # fmt: skip

    def repeats(self) -> None:
        """BOX004: a wildcard matches another number of modules than drawn."""
        for box, value in self.panel.boxes.items():
            count, wildcards = len(self.layer.bound(box)), [name for name in patterns(value) if "*" in name]
            if isinstance(value.repeat, int) and wildcards and count != value.repeat:
                owner = self._owner(join(self.layer.base, wildcards[0].partition("*")[0].rstrip(".")))
                self._note(
                    "BOX004", box,
                    f"{label(self.panel, box)} is drawn ×{value.repeat}, and the model has {count}",
                    f"×{value.repeat}", f"{count} modules match {', '.join(wildcards)}",
                    self.execution.definition(owner),
                )  # fmt: skip

    def numbers(self) -> None:
        """BOX005: a label says a number of heads, experts or layers, and the model has another."""
        for box, modules in self.layer.boxes.items():
            said = label(self.panel, box)
            for wrong in miscounts(said, self.panel.boxes[box], modules, self.execution) if modules else ():
                self._note(
                    "BOX005", box,
                    f"the label '{said}' says {wrong.said} {wrong.noun}, and the model has {wrong.actual}",
                    f"{wrong.said} {wrong.noun}", self.names.text(wrong.where),
                    self.execution.location(modules[0]),
                )  # fmt: skip

    def _owner(self, path: str) -> str:
        """The closest module at or above `path` that has a forward that ran."""
        while path and path not in self.execution.calls_by_path:
            path = path.rpartition(".")[0]
        return path

    def undrawn(self) -> None:
        """BOX002: a module with parameters runs in what the panel shows, and no box stands for it."""
        drawn = [path for paths in self.layer.boxes.values() for path in paths]
        for path in self._undrawn([*drawn, *self.layer.omitted]):
            shown = self.names.path(path)
            module = self.execution.modules[path]
            self._note(
                "BOX002", "", f"{shown} ({module.type_name}) runs and is not drawn", "no box",
                f"{shown} holds parameters and runs; draw it, or name it in the panel's omit",
                self.execution.location(path),
            )  # fmt: skip

    def _undrawn(self, drawn: list[str]) -> list[str]:
        """The highest modules inside what the panel shows that neither are drawn nor contain what is."""
        found: list[str] = []
        for own in self.layer.own:
            if own in drawn and not any(is_within(path, own) and path != own for path in drawn):
                continue
            self._descend(own, drawn, found)
        return [path for path in dict.fromkeys(found) if self.execution.ran(path)]

    def _descend(self, path: str, drawn: list[str], found: list[str]) -> None:
        for child in self.execution.children(path):
            if not self.execution.modules[child].has_parameters or child in drawn:
                continue
            if any(is_within(one, child) for one in drawn):
                self._descend(child, drawn, found)
            else:
                found.append(child)

    def order(self, check: PanelCheck) -> None:
        """BOX003: the flow leads from a box to one whose modules do not read what it returns.

        What a finding on a residual calls misplaced is in the wrong order by that. Pairs that share a box are
        one disagreement.
        """
        runs: dict[str, list[Run]] = {}
        for occurrence in check.frame.occurrences:
            if check.token(occurrence) not in self.blamed:
                runs.setdefault(occurrence.box, []).extend(occurrence.runs)
        wrong: list[_Pair] = []
        for one, other in bound_neighbours(self.panel, self.layer):
            first, second = runs.get(one, []), runs.get(other, [])
            if first and second and not set(first) & set(second):
                wrong += self._compare(one, other, first, second)
        for group in _connected(wrong):
            self._misordered(group)

    def _compare(self, one: str, other: str, first: list[Run], second: list[Run]) -> list[_Pair]:
        outputs = {out for run in first for out in run.outputs}
        inputs = {read for run in second for read in run.inputs}
        if self.execution.depends(inputs, outputs):
            return []
        returned = {out for run in second for out in run.outputs}
        entered = {read for run in first for read in run.inputs}
        if self.execution.depends(entered, returned):
            return [_Pair(one, other, True, first[0].location)]
        if self.execution.control_dependent(sorted(inputs), outputs):
            return []
        return [_Pair(one, other, False, second[0].location)]

    def _misordered(self, pairs: Sequence[_Pair]) -> None:
        pair = pairs[0]
        names = label(self.panel, pair.one), label(self.panel, pair.other)
        paths = [self.names.paths(self.layer.bound(box)) for box in (pair.one, pair.other)]
        if pair.reversed:
            message = f"{names[0]} is drawn before {names[1]}, and runs after it"
            traced = f"{paths[0]} reads what {paths[1]} returns"
        else:
            message = f"the flow leads from {names[0]} to {names[1]}, the data does not"
            traced = f"{paths[1]} does not read what {paths[0]} returns"
        drawn = [f"{label(self.panel, each.one)} → {label(self.panel, each.other)}" for each in pairs]
        self._note(
            "BOX003",
            f"{pair.one}->{pair.other}",
            message,
            ", ".join(dict.fromkeys(drawn)),
            traced,
            pair.location,
        )

    def _note(
        self, code: str, box: str, message: str, drawn: str, traced: str, location: Location | None
    ) -> None:
        place: tuple[str, ...] = ("panels", self.bound.name)
        place += ("boxes", box) if box in self.panel.boxes else ("flow",) if code == "BOX003" else ()
        note = self.panel.boxes[box].note if box in self.panel.boxes else ""
        self._found.append(
            Observation(
                code, self.bound.name, box, self.layer.index, message, drawn, traced,
                self.loaded.place(*place), location, self.execution.mode, note=note,
            )
        )  # fmt: skip


def _connected(pairs: Sequence[_Pair]) -> list[list[_Pair]]:
    """The pairs, those that share a box together, in the order of the first of each."""
    groups: list[list[_Pair]] = []
    for pair in pairs:
        near = [
            group
            for group in groups
            if any({pair.one, pair.other} & {each.one, each.other} for each in group)
        ]
        merged = [each for group in near for each in group] + [pair]
        groups = [group for group in groups if group not in near]
        groups.append(merged)
    return groups
