"""How findings name things: boxes by their labels, modules as the panel names them."""

from __future__ import annotations

from collections.abc import Iterable

from archcheck.diff.binding import BoundPanel, Layer
from archcheck.diff.execution import Execution
from archcheck.spec.model import Panel


class Names:
    """The names of modules in one layer of a panel, the same in each of its layers."""

    def __init__(self, layer: Layer, execution: Execution) -> None:
        self.base = layer.base
        self._layer = layer
        self._execution = execution
        # The layer's own path up to its index: `model.layers` and 5 in `model.layers.5.mlp`.
        self._stack, self._index = _stack(layer)

    def path(self, path: str) -> str:
        """Return `mlp` inside the layer, `layers.*` for the layer, `norm of the next layer` beyond it."""
        if not path:
            return "the model"
        if self.base and path.startswith(f"{self.base}."):
            return path[len(self.base) + 1 :]
        if path == self.base:
            return self._layer.pattern
        if self._index is None or not path.startswith(self._stack):
            return path
        number, _, rest = path[len(self._stack) :].partition(".")
        if number == str(self._index):
            return f"{self._stack}*.{rest}" if rest else f"{self._stack}*"
        if not number.isdigit():
            return path
        which = {1: "the next", -1: "the previous"}.get(int(number) - self._index, "another")
        return f"{rest} of {which} layer" if rest else f"{which} layer"

    def paths(self, paths: Iterable[str]) -> str:
        """Return the names of several modules, each once."""
        return ", ".join(dict.fromkeys(self.path(path) for path in paths))

    def module(self, path: str) -> str:
        """Return the path with its class: `layers.* (Layer)`."""
        module = self._execution.modules.get(path)
        return f"{self.path(path)} ({module.type_name})" if module else self.path(path)


def _stack(layer: Layer) -> tuple[str, int | None]:
    parts, written = layer.base.split("."), layer.pattern.split(".")
    at = written.index("*") if "*" in written else len(parts)
    if at == len(parts) or not parts[at].isdigit():
        return "", None
    return "".join(f"{part}." for part in parts[:at]), int(parts[at])


def times(count: int) -> str:
    """Return how often, in words.

    >>> times(1), times(2), times(3)
    ('once', 'twice', '3 times')
    """
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def label(panel: Panel, box: str) -> str:
    """Return the name of a box in a message."""
    return " ".join((panel.boxes[box].label or box).split()) if box in panel.boxes else box


def labels(panel: Panel, boxes: Iterable[str]) -> str:
    """Return the names of several boxes in a message."""
    return " and ".join(label(panel, box) for box in boxes)


def panel_title(bound: BoundPanel) -> str:
    """Return the name of a panel in a message."""
    return " ".join((bound.panel.title or bound.name).split())
