"""What is wrong whatever a diagram says (RES007, RES008, RES011, RES012), told where the diagram shows it."""

from __future__ import annotations

from collections.abc import Sequence

from archcheck.diff.alignment import is_within
from archcheck.diff.drawn_edges import Drawn
from archcheck.diff.edges import PanelCheck
from archcheck.diff.execution import Execution
from archcheck.diff.observation import Observation
from archcheck.diff.wording import Names, label
from archcheck.residual.defects import Defect
from archcheck.spec.load import LoadedSpec


class Faults:
    """The faults of one mode's run. `sinks` are those that they speak of; `homeless` those no panel shows.

    A module that is drawn and never called is left to `idle`, which looks at all modes.
    """

    def __init__(self, loaded: LoadedSpec, execution: Execution, checks: Sequence[PanelCheck]) -> None:
        self.loaded = loaded
        self.execution = execution
        self.checks = checks
        self.homeless: list[Defect] = []
        drawn = {path for check in checks for paths in check.layer.boxes.values() for path in paths}
        self._faults = [
            fault for fault in execution.faults if not (_is_idle(fault) and set(fault.modules) <= drawn)
        ]
        self._sinks = {fault: self._sinks_of(fault) for fault in self._faults}
        self.sinks = {sink for sinks in self._sinks.values() for sink in sinks}

    def tell(self) -> dict[int, set[int]]:
        """Note each fault in the panel that shows it; give, for each check, the edges that it speaks of."""
        excused: dict[int, set[int]] = {id(check): set() for check in self.checks}
        for fault in self._faults:
            for check in self.checks:
                about = {drawn.number for drawn in check.drawn if self._is_about(fault, check, drawn)}
                excused[id(check)] |= about
                if about:
                    check.blamed |= {
                        path for box in self._boxes(fault, check) for path in check.layer.bound(box)
                    }
            home = self._home(fault)
            if home is None:
                self.homeless.append(fault)
            else:
                self._note(fault, home)
        return excused

    def _sinks_of(self, fault: Defect) -> set[int]:
        """The sums that the fault is about: of a source added twice, both."""
        found = {fault.sink}
        if fault.code == "RES007":
            joins = self.execution.joins
            later = [join for join in joins if join.sink == fault.sink]
            summed = {self.execution.value(read) for join in later for read in join.term}
            found |= {join.sink for join in joins if join.sink in summed}
        return found

    def _is_about(self, fault: Defect, check: PanelCheck, drawn: Drawn) -> bool:
        """Does the fault say what there is to say of a drawn edge?"""
        joins = check.matched.get(drawn.number, ())
        if joins:
            return any(join.sink in self._sinks[fault] for join in joins)
        nearest = check.nearest.get(drawn.number)
        if nearest is not None and nearest.join.sink in self._sinks[fault]:
            return True
        return drawn.solid and any(box in drawn.inside for box in self._boxes(fault, check))

    def _boxes(self, fault: Defect, check: PanelCheck) -> tuple[str, ...]:
        """The boxes of a panel whose modules the fault concerns."""
        return tuple(
            box
            for box, modules in check.layer.boxes.items()
            if any(
                is_within(module, path) or is_within(path, module)
                for module in modules
                for path in fault.modules
            )
        )

    def _home(self, fault: Defect) -> PanelCheck | None:
        """The panel that shows the module with the fault; else the one with the closest box around it."""
        shown = [check for check in self.checks if fault.implemented_in in check.opened]
        concerned = [check for check in shown if self._boxes(fault, check)]
        if shown:
            return (concerned or shown)[0]
        around = [
            (len(module), -place)
            for place, check in enumerate(self.checks)
            for modules in check.layer.boxes.values()
            for module in modules
            if is_within(fault.implemented_in, module)
        ]
        return self.checks[-max(around)[1]] if around else None

    def _note(self, fault: Defect, check: PanelCheck) -> None:
        names = Names(check.layer, self.execution)
        boxes = self._boxes(fault, check)
        edges = [drawn for drawn in check.drawn if self._is_about(fault, check, drawn)]
        edge = next((drawn for drawn in edges if drawn.solid), edges[0] if edges else None)
        place: tuple[str | int, ...] = ("panels", check.bound.name)
        name, drawn_as = "", ""
        if edge is not None:
            place, name, drawn_as = (*place, "residuals", edge.number), edge.id, edge.describe()
        elif boxes:
            place, name = (*place, "boxes", boxes[0]), boxes[0]
            drawn_as = f"box {label(check.panel, boxes[0])}"
        check.observations.append(
            Observation(
                fault.code, check.bound.name, name, check.layer.index, names.text(fault.message), drawn_as,
                names.text(fault.traced), self.loaded.place(*place), fault.location, self.execution.mode,
                boxes, note=edge.edge.note if edge else "",
            )
        )  # fmt: skip


def _is_idle(fault: Defect) -> bool:
    """Is it about a module that no code calls?"""
    return fault.code == "RES012" and fault.sink < 0
