"""Binding a spec to a model: each panel, once for every layer its scope matches, with its modules."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from archcheck.errors import Problem, SpecError
from archcheck.phrasing.module_paths import ModulePath, Phrase, is_within, joined, leaf, parent, sentence
from archcheck.phrasing.suggestions import nearest
from archcheck.spec.load import LoadedSpec
from archcheck.spec.model import Box, Panel
from archcheck.spec.patterns import matches
from archcheck.spec.words import path_text


@dataclass(frozen=True)
class Layer:
    """One instance of a panel: `index` is what the scope's wildcards matched (None without any).

    `base` is the path that names in the panel are relative to, `pattern` that path with the wildcards that
    matched, and `written` as the spec writes it; they differ under `rename`. `own` are the modules that the
    panel shows. `boxes` maps each box to the modules it found, `missing` to the names it did not find.
    `omitted` are those left out on purpose.
    """

    index: int | str | None
    base: str
    pattern: str
    written: str
    own: tuple[str, ...]
    boxes: Mapping[str, tuple[str, ...]]
    missing: Mapping[str, tuple[str, ...]]
    omitted: tuple[str, ...] = ()

    @property
    def indices(self) -> tuple[int | str, ...]:
        """The layer's index as findings have it, or nothing."""
        return () if self.index is None else (self.index,)

    def bound(self, box: str) -> tuple[str, ...]:
        """Return the modules of a box."""
        return self.boxes.get(box, ())

    def is_nested(self, one: str, other: str) -> bool:
        """Return whether one of two boxes stands for a module inside the other's."""
        pairs = [(a, b) for a in self.bound(one) for b in self.bound(other)]
        return any(
            a != b and (not a or not b or a.startswith(f"{b}.") or b.startswith(f"{a}.")) for a, b in pairs
        )


@dataclass(frozen=True)
class BoundPanel:
    """A panel with all its layers. `details` is True for a panel that shows the modules of a box."""

    name: str
    panel: Panel
    layers: tuple[Layer, ...]
    details: bool


def bind(loaded: LoadedSpec, names: Collection[str], known: Collection[str] = ()) -> tuple[BoundPanel, ...]:
    """Bind every panel of a spec to the model whose modules are `names`, in the spec's order.

    `known` are the modules that the model has in other modes. Raises SpecError with every scope, and every
    wildcard, that matches nothing in any mode and layer. A panel whose scope matches nothing in this mode has
    no layers; what a box lacks in one mode or layer, and any plain name, is left to the diff (BOX001).
    """
    binder = _Binder(loaded, names, known)
    panels = tuple(binder.panel(name) for name in loaded.spec.panels)
    if binder.problems:
        raise SpecError(binder.problems)
    return panels


_Scope = tuple[int | str | None, str, str, str, tuple[str, ...]]


class _Binder:
    def __init__(self, loaded: LoadedSpec, names: Collection[str], known: Collection[str]) -> None:
        self.loaded = loaded
        self.names = dict.fromkeys(names)
        self.known = dict.fromkeys(known)
        self.rename = loaded.spec.model.rename
        self.problems: list[Problem] = []
        self.parents = {
            box.detail: (panel, name)
            for panel, value in loaded.spec.panels.items()
            for name, box in value.boxes.items()
            if box.detail
        }
        self.bound: dict[str, BoundPanel] = {}

    def panel(self, name: str) -> BoundPanel:
        if name not in self.bound:
            panel = self.loaded.spec.panels[name]
            excepted = self._excepted(name, panel)
            layers = tuple(
                self._layer(panel, *scope)
                for scope in self._scopes(name, panel)
                if not excepted.issuperset(scope[-1])
            )
            self._check(name, panel, layers)
            self.bound[name] = BoundPanel(name, panel, layers, panel.scope is None and name in self.parents)
        return self.bound[name]

    def _excepted(self, name: str, panel: Panel) -> frozenset[str]:
        """Return the modules that a panel's scope may match but that the panel does not show."""
        found: set[str] = set()
        for number, pattern in enumerate(panel.except_):
            paths = [path for path, _ in matches(self._renamed(pattern), self.names)]
            if not paths and not self._is_known(pattern):
                self._problem(pattern, ("panels", name, "except", number))
            found.update(paths)
        return frozenset(found)

    def _scopes(self, name: str, panel: Panel) -> list[_Scope]:
        """Return index, base, its pattern, base as written and own modules of every layer of a panel."""
        if panel.scope is not None:
            return self._matching(panel.scope, ("panels", name, "scope"))
        if name not in self.parents:
            return [(None, "", "", "", ("",))]
        above, box_name = self.parents[name]
        box = self.loaded.spec.panels[above].boxes[box_name]
        parent = self.panel(above)
        if isinstance(box.module, str) and "*" in box.module:
            pattern = joined(self.loaded.spec.panels[above].scope or "", box.module)
            return self._matching(pattern, ("panels", above, "boxes", box_name, "module"))
        found = ((layer, layer.bound(box_name)) for layer in parent.layers)
        return [(layer.index, *self._base(panel, layer, box, own), own) for layer, own in found]

    def _base(self, panel: Panel, layer: Layer, box: Box, own: Sequence[str]) -> tuple[str, str, str]:
        """Return what the names of a detail panel are relative to, its pattern, and as the spec writes it.

        To what the box's own panel is, or to the box's module, where more of them are found inside the box.
        """
        bases = [(layer.base, layer.pattern, layer.written)]
        if isinstance(box.module, str):
            pattern = joined(layer.pattern, self._renamed(box.module))
            bases += [(path, pattern, joined(layer.written, box.module)) for path in own]
        written = [*panel.omit, *(pattern for each in panel.boxes.values() for pattern in each.modules)]

        def hits(base: tuple[str, str, str]) -> int:
            found = (self._inside(base[0], base[2], pattern) for pattern in written)
            return sum(any(is_within(hit, path) for path in own for hit in each) for each in found)

        return max(bases, key=hits)

    def _matching(self, pattern: str, place: tuple[str | int, ...]) -> list[_Scope]:
        renamed = self._renamed(pattern)
        found = matches(renamed, self.names)
        if not found and not self._is_known(pattern):
            self._problem(pattern, place)
        return [
            (_index(captures), path, renamed, _filled(pattern, captures), (path,)) for path, captures in found
        ]

    def _layer(
        self,
        panel: Panel,
        index: int | str | None,
        base: str,
        pattern: str,
        written: str,
        own: tuple[str, ...],
    ) -> Layer:
        boxes: dict[str, tuple[str, ...]] = {}
        missing: dict[str, tuple[str, ...]] = {}
        for box_name, box in panel.boxes.items():
            found: list[str] = []
            for name in box.modules:
                hits = self._inside(base, written, name)
                found += hits
                if not hits:
                    path = self._renamed(joined(written, name))
                    missing[box_name] = (*missing.get(box_name, ()), path)
            boxes[box_name] = tuple(dict.fromkeys(found))
        omitted = tuple(path for name in panel.omit for path in self._inside(base, written, name))
        return Layer(index, base, pattern, written, own, boxes, missing, omitted)

    def _inside(self, base: str, written: str, pattern: str) -> list[str]:
        """Return the modules that a name in a panel refers to, as in `rename` or as the panel writes it."""
        found = matches(self._renamed(joined(written, pattern)), self.names)
        found = found or matches(joined(base, self._renamed(pattern)), self.names)
        return [path for path, _ in found]

    def _check(self, name: str, panel: Panel, layers: Sequence[Layer]) -> None:
        """Note each wildcard and each omitted name that matches nothing in any layer."""
        wanted: list[tuple[str, tuple[str | int, ...]]] = [
            (pattern, ("boxes", box, "module"))
            for box, value in panel.boxes.items()
            for pattern in value.modules
            if "*" in pattern
        ]
        wanted += [(pattern, ("omit", number)) for number, pattern in enumerate(panel.omit)]
        for pattern, place in wanted:
            found = any(
                self._inside(layer.base, layer.written, pattern)
                or self._is_known(joined(layer.written, pattern))
                for layer in layers
            )
            if layers and not found:
                self._problem(joined(layers[0].written, pattern), ("panels", name, *place))

    def _is_known(self, pattern: str) -> bool:
        """Return whether it matches in another mode."""
        return bool(matches(self._renamed(pattern), self.known))

    def _renamed(self, path: str) -> str:
        """Return the model's own name for a path of the spec, by the longest prefix in `rename`."""
        for prefix in sorted(self.rename, key=len, reverse=True):
            if path == prefix or path.startswith(f"{prefix}."):
                return joined(self.rename[prefix], path[len(prefix) + 1 :])
            renamed = _renamed_pattern(path, prefix, self.rename[prefix])
            if renamed is not None:
                return renamed
        return path

    def _problem(self, pattern: str, place: tuple[str | int, ...]) -> None:
        spot = self.loaded.place(*place)
        self.problems.append(
            Problem(
                spot.file,
                spot.line,
                spot.column,
                "SPEC030",
                f"no module of the model matches {pattern!r}",
                path_text(place),
                sentence(suggestion(self._renamed(pattern), self.names)),
            )
        )


def suggestion(path: str, names: Collection[str]) -> Phrase:
    """Return what to do about a path that no module has: the nearest path, or what exists beside it."""
    concrete = path.replace("*", "0")
    owner = parent(concrete)
    depth = concrete.count(".")
    beside = [name for name in names if name and name.count(".") == depth and parent(name) == owner]
    near = nearest(leaf(concrete), map(leaf, beside))
    if near:
        return "Did you mean ", ModulePath(joined(owner, near)), "?"
    if beside:
        listed = ", ".join(leaf(name) for name in beside[:8])
        listed += ", …" if len(beside) > 8 else ""
        return *((ModulePath(owner),) if owner else ("The model",)), f" has {listed}."
    anywhere = nearest(concrete, filter(None, names))
    return ("Did you mean ", ModulePath(anywhere), "?") if anywhere else ()


def _renamed_pattern(path: str, prefix: str, target: str) -> str | None:
    """Apply a `rename` with wildcards: `layers.*.attn` -> `blocks.*.mixer` for `layers.3.attn.q`."""
    if "*" not in prefix or prefix.count("*") != target.count("*"):
        return None
    parts, wanted = path.split("."), prefix.split(".")
    if len(parts) < len(wanted):
        return None
    captured: list[str] = []
    for part, want in zip(parts, wanted, strict=False):
        if want == "*":
            captured.append(part)
        elif part != want:
            return None
    filled = target
    for value in captured:
        filled = filled.replace("*", "\0", 1).replace("\0", value.replace("*", "\1"), 1)
    return joined(filled.replace("\1", "*"), ".".join(parts[len(wanted) :]))


def _index(captures: tuple[str, ...]) -> int | str | None:
    if not captures:
        return None
    if len(captures) == 1 and captures[0].isdigit():
        return int(captures[0])
    return ".".join(captures)


def _filled(pattern: str, captures: tuple[str, ...]) -> str:
    """Return a pattern with its wildcards replaced by what they matched."""
    for value in captures:
        pattern = pattern.replace("*", value, 1)
    return pattern
