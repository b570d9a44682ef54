"""Boxes: what is drawn against what the model has and ran (BOX001 to BOX004)."""

from __future__ import annotations

from archcheck.binding import BoundPanel, Layer, patterns, suggestion
from archcheck.diff.drawn import bound_neighbours, is_within, label, names_of
from archcheck.diff.observation import Observation
from archcheck.execution import Execution
from archcheck.graph import Location
from archcheck.spec.load import LoadedSpec
from archcheck.spec.patterns import join


class BoxCheck:
    """The boxes of one layer of one panel in one mode."""

    def __init__(self, loaded: LoadedSpec, bound: BoundPanel, layer: Layer, execution: Execution) -> None:
        self.loaded = loaded
        self.bound = bound
        self.panel = bound.panel
        self.layer = layer
        self.execution = execution
        self.observations: list[Observation] = []

    def missing(self) -> None:
        """BOX001: a box names a module that the model does not have."""
        for box, paths in self.layer.missing.items():
            for path in paths:
                shown = names_of(self.layer, [path])
                parent = path.rpartition(".")[0]
                self._note(
                    "BOX001", box, f"{label(self.panel, box)} is drawn, and the model has no module {shown}",
                    f"box {label(self.panel, box)} ({shown})",
                    f"{self._class(parent)} has no such module. {self._relative_hint(path)}".strip(),
                    self.execution.modules[parent].location if parent in self.execution.modules else None,
                )  # fmt: skip

    def repeats(self) -> None:
        """BOX004: a wildcard matches another number of modules than drawn."""
        for box, value in self.panel.boxes.items():
            if isinstance(value.repeat, int):
                count = len(self.layer.bound(box))
                wanted = value.repeat
                if any("*" in pattern for pattern in patterns(value)) and count != wanted:
                    self._note(
                        "BOX004", box, f"{label(self.panel, box)} is drawn ×{wanted}, and the model has {count}",
                        f"×{wanted}", f"{count} modules match {', '.join(patterns(value))}", None,
                    )  # fmt: skip

    def undrawn(self) -> None:
        """BOX002: a module with parameters runs in what the panel shows, and no box stands for it."""
        drawn = [path for paths in self.layer.boxes.values() for path in paths]
        omitted = [join(self.layer.base, name) for name in self.panel.omit]
        for path in self._undrawn(drawn + omitted):
            shown = names_of(self.layer, [path])
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

    def order(self) -> None:
        """BOX003: the flow leads from a box to one whose modules do not read what it returns."""
        for one, other in bound_neighbours(self.panel, self.layer):
            first = [path for path in self.layer.bound(one) if self.execution.ran(path)]
            second = [path for path in self.layer.bound(other) if self.execution.ran(path)]
            if not first or not second or set(first) & set(second):
                continue
            outputs = {out for path in first for out in self.execution.outputs(path)}
            inputs = {out for path in second for out in self.execution.inputs(path)}
            if self.execution.depends(inputs, outputs):
                continue
            returned = {out for path in second for out in self.execution.outputs(path)}
            entered = {out for path in first for out in self.execution.inputs(path)}
            names = label(self.panel, one), label(self.panel, other)
            if self.execution.depends(entered, returned):
                self._note(
                    "BOX003", f"{one}->{other}", f"{names[0]} is drawn before {names[1]}, and runs after it",
                    f"{names[0]} → {names[1]}",
                    f"{names_of(self.layer, first)} reads what {names_of(self.layer, second)} returns",
                    self.execution.location(first[0]),
                )  # fmt: skip
            elif not self.execution.steered(sorted(inputs), outputs):
                self._note(
                    "BOX003", f"{one}->{other}", f"the flow leads from {names[0]} to {names[1]}, the data does not",
                    f"{names[0]} → {names[1]}",
                    f"{names_of(self.layer, second)} does not read what {names_of(self.layer, first)} returns",
                    self.execution.location(second[0]),
                )  # fmt: skip

    def _relative_hint(self, path: str) -> str:
        """The names that would have served, as this panel writes them."""
        base = self.layer.base
        inside = [name for name in self.execution.modules if is_within(name, base) and name != base]
        hint = suggestion(path, inside)
        return hint.replace(f"{base}.", "") if base else hint

    def _class(self, path: str) -> str:
        module = self.execution.modules.get(path)
        return module.type_name if module else (path or "the model")

    def _note(
        self, code: str, box: str, message: str, drawn: str, traced: str, location: Location | None
    ) -> None:
        place = ("panels", self.bound.name, "boxes", box) if box in self.panel.boxes else ("panels", self.bound.name)
        note = self.panel.boxes[box].note if box in self.panel.boxes else ""
        self.observations.append(
            Observation(
                code, self.bound.name, box, self.layer.index, message, drawn, traced, self.loaded.place(*place),
                location, self.execution.mode, note=note,
            )
        )  # fmt: skip

