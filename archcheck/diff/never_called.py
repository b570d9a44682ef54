"""Drawn modules that no mode ran (RES012): a layer that a loop leaves out, a dropout that forward forgot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archcheck.diff.binding import BoundPanel, Layer
from archcheck.diff.execution import Execution
from archcheck.diff.observation import Observation
from archcheck.diff.wording import Names, label, panel_title
from archcheck.spec.load import LoadedSpec

_Key = tuple[str, int | str | None, str, str]


def idle(
    loaded: LoadedSpec, panels_by_mode: Sequence[tuple[Execution, Sequence[BoundPanel]]]
) -> list[Observation]:
    """One observation for each mode of what is drawn and never ran; what data may choose is left out."""
    by_mode = [dict(_Idle(loaded, execution, panels).observations()) for execution, panels in panels_by_mode]
    return [
        seen for found in by_mode for key, seen in found.items() if all(key in other for other in by_mode)
    ]


class _Idle:
    def __init__(self, loaded: LoadedSpec, execution: Execution, panels: Sequence[BoundPanel]) -> None:
        self.loaded = loaded
        self.execution = execution
        self.panels = panels

    def observations(self) -> Iterator[tuple[_Key, Observation]]:
        """One for each idle module: at the panel that shows it, else at the box that shows the least else."""
        places: dict[str, tuple[int, BoundPanel, Layer, str]] = {}
        for bound in self.panels:
            for layer in bound.layers:
                for own in layer.own if not bound.details else ():
                    places[own] = (0, bound, layer, "")
                for box, modules in layer.boxes.items():
                    for path in modules if not bound.panel.boxes[box].inactive else ():
                        if path not in places or len(modules) < places[path][0]:
                            places[path] = (len(modules), bound, layer, box)
        for path, (_, bound, layer, box) in places.items():
            if self._is_idle(path):
                yield self._observation(bound, layer, box, path)

    def _is_idle(self, path: str) -> bool:
        """Is it left out by the code itself: not called, though its owner is, and not by a look at values?"""
        execution = self.execution
        owner = path.rpartition(".")[0]
        while owner and owner not in execution.calls_by_path:
            if not execution.ran(owner):
                return False
            owner = owner.rpartition(".")[0]
        module = execution.modules[path]
        if execution.ran(path) or not path:
            return False
        if not module.mentioned:
            return True
        if not module.has_parameters:  # it may serve through another method than its forward
            return False
        return not any(
            call.first <= at <= call.end and any(execution.flow.ops[read].depends_on_input for read in reads)
            for call in execution.own_calls(owner)
            for at, reads in execution.flow.host_reads
        )

    def _observation(self, bound: BoundPanel, layer: Layer, box: str, path: str) -> tuple[_Key, Observation]:
        names = Names(layer, self.execution)
        name = names.module(path)
        place = ("boxes", box) if box else ("scope",)
        what = label(bound.panel, box) if box else panel_title(bound)
        owner = path.rpartition(".")[0]
        while owner not in self.execution.calls_by_path:
            owner = owner.rpartition(".")[0]
        return (bound.name, layer.index, box, path), Observation(
            "RES012", bound.name, box, layer.index, f"{what} is drawn, and {name} never runs",
            f"{'box' if box else 'panel'} {what}", f"no code that ran in {names.module(owner)} calls it",
            self.loaded.place("panels", bound.name, *place), self.execution.definition(owner),
            self.execution.mode, note=bound.panel.boxes[box].note if box else bound.panel.note,
        )  # fmt: skip
