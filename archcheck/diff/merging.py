"""Merging equal findings of single layers and modes into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from archcheck.findings import Finding
from archcheck.source_location import Location


def merge(
    findings: Iterable[Finding], layer_counts: Mapping[str, int], modes: Sequence[str]
) -> tuple[Finding, ...]:
    """Return findings, sorted by their place in the spec; one for a disagreement in several layers and modes.

    Each finding passed in has only its own layer and mode. `layer_counts` has the number of layers of each
    panel; `modes` are all that were traced. Layers written out one by one have the same finding on lines of
    their own: the first of these is named. Findings on several lines of one layer stay separate.
    """
    said: dict[Finding, dict[object, dict[Location | None, list[Finding]]]] = {}
    for finding in findings:
        what = replace(
            finding, layers=(), modes=(), location=None, code_branch=(), code_source="", note="", fix=None
        )
        by_line = said.setdefault(what, {}).setdefault((finding.layers, finding.modes), {})
        by_line.setdefault(finding.location, []).append(finding)
    groups: dict[tuple[Finding, int], list[Finding]] = {}
    for what, instances in said.items():
        for by_line in instances.values():
            for number, group in enumerate(by_line.values()):
                groups.setdefault((what, number), []).extend(group)
    return tuple(sorted((_merged(group, layer_counts, modes) for group in groups.values()), key=_order))


def _merged(group: list[Finding], layer_counts: Mapping[str, int], modes: Sequence[str]) -> Finding:
    layers = sorted({index for finding in group for index in finding.layers}, key=_natural)
    held = [mode for mode in modes if any(mode in finding.modes for finding in group)]
    return replace(
        group[0],
        layers=tuple(layers),
        layer_count=layer_counts.get(group[0].panel, 0) if layers else 0,
        modes=tuple(held) if len(held) < len(modes) else (),
    )


def _natural(index: int | str) -> tuple[int, int, str]:
    return (0, index, "") if isinstance(index, int) else (1, 0, index)


def _order(finding: Finding) -> tuple[object, ...]:
    return (
        *_place(finding.spec),
        finding.code,
        *_place(finding.location),
        finding.message,
        tuple(map(_natural, finding.layers)),
    )


def _place(location: Location | None) -> tuple[object, ...]:
    """Return a sorting key; what is drawn nowhere comes last."""
    if location is None:
        return True, "", 0, 0
    return False, location.file, location.line, location.column or 0
