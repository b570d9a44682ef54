"""Renamed modules: the same structure under another name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from archcheck.findings import Edit, Fix
from archcheck.phrasing.module_paths import generic, joined, leaf, parent
from archcheck.spec.model import Spec
from archcheck.spec.patching import flow_text
from archcheck.spec.patterns import matches

_TRIED = 4

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class _Written:
    """A pattern of the spec: its place, the path that it is relative to, and the whole pattern."""

    place: Place
    base: str
    whole: str


def renames(spec: Spec, names: Collection[str]) -> Iterator[Fix]:
    """Return, for each name in the spec that no module has, its possible new names, the likeliest first.

    `names` are the paths of the model's modules. A name is likely if most of what the spec draws inside the
    old module is found inside the new one, and then if it is spelled similarly.
    """
    written = list(_patterns(spec))
    known = {generic(name) for name in names if name}
    drawn = {each.whole for each in written} | {generic(each.whole) for each in written}
    for lost in _lost(written, names):
        inside = [each.whole for each in written if f"{each.whole}.".startswith(f"{lost}.")]
        candidates = (known | _beside(lost, names)) - drawn - {lost}
        scores = {name: _score(lost, name, inside, names) for name in candidates}
        likely = sorted(scores, key=lambda name: (*(-each for each in scores[name]), name))
        for name in likely[:_TRIED]:
            if scores[name][0] > 0:
                yield Fix(tuple(_renamed(written, lost, name)))


def _patterns(spec: Spec) -> Iterator[_Written]:
    """Yield every place in a spec that names modules."""
    bases = _bases(spec)
    for name, panel in spec.panels.items():
        place: Place = ("panels", name)
        if panel.scope is not None:
            yield _Written((*place, "scope"), "", panel.scope)
        for number, pattern in enumerate(panel.except_):
            yield _Written((*place, "except", number), "", pattern)
        for number, pattern in enumerate(panel.omit):
            yield _Written((*place, "omit", number), bases[name], joined(bases[name], pattern))
        for box, value in panel.boxes.items():
            at = (*place, "boxes", box, "module")
            if isinstance(value.module, str):
                yield _Written(at, bases[name], joined(bases[name], value.module))
            for number, pattern in enumerate(value.module if isinstance(value.module, list) else ()):
                yield _Written((*at, number), bases[name], joined(bases[name], pattern))


def _bases(spec: Spec) -> dict[str, str]:
    """Return the path that names in each panel are relative to."""
    bases = {name: panel.scope for name, panel in spec.panels.items() if panel.scope is not None}
    opened = {
        box.detail: (name, box.module)
        for name, panel in spec.panels.items()
        for box in panel.boxes.values()
        if box.detail
    }

    def base(name: str) -> str:
        if name not in bases:
            above, module = opened.get(name, ("", None))
            wild = isinstance(module, str) and "*" in module
            bases[name] = joined(base(above), str(module)) if wild else base(above) if above else ""
        return bases[name]

    return {name: base(name) for name in spec.panels}


def _lost(written: Sequence[_Written], names: Collection[str]) -> list[str]:
    """Return the shortest prefixes of the spec's patterns that match nothing."""
    found: dict[str, None] = {}
    for each in written:
        parts = each.whole.split(".") if each.whole else []
        for length in range(1, len(parts) + 1):
            prefix = ".".join(parts[:length])
            if not matches(prefix, names):
                wild = length < len(parts) and parts[length] == "*"
                found[f"{prefix}.*" if wild else prefix] = None
                break
    return list(found)


def _beside(lost: str, names: Collection[str]) -> set[str]:
    """Return the modules that stand where a pattern looks for one, by the same pattern: `stage*.0.down`."""
    above = parent(lost)
    found = {leaf(name) for name, _ in matches(joined(above, "*"), names)}
    return {joined(above, name) for name in found if not name.isdigit()}


def _score(lost: str, name: str, inside: Sequence[str], names: Collection[str]) -> tuple[float, float, float]:
    """Return how much of what the spec draws inside a lost module is inside another, and their similarity."""
    if lost.count("*") != name.count("*"):
        return 0, 0, 0
    found = sum(bool(matches(name + pattern[len(lost) :], names)) for pattern in inside)
    same_place = parent(lost) == parent(name)
    if not same_place and set(inside) == {lost}:  # a name alone says nothing about modules elsewhere
        return 0, 0, 0
    return found / len(inside), same_place, SequenceMatcher(None, lost, name).ratio()


def _renamed(written: Sequence[_Written], lost: str, name: str) -> Iterator[Edit]:
    for each in written:
        if not f"{each.whole}.".startswith(f"{lost}."):
            continue
        whole, base = name + each.whole[len(lost) :], each.base
        if f"{base}.".startswith(f"{lost}."):
            base = name + base[len(lost) :]
        if base and not whole.startswith(f"{base}."):
            continue
        yield Edit("set", each.place, flow_text(whole[len(base) + 1 :] if base else whole))
