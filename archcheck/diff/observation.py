"""One disagreement in one layer and one mode; and how those become findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from archcheck.findings import Finding
from archcheck.source_location import Location


@dataclass(frozen=True, slots=True)
class Observation:
    """What a `Finding` says, for a single layer (`index`, None without a wildcard) and mode."""

    code: str
    panel: str
    edge: str
    index: int | str | None
    message: str
    drawn: str
    traced: str
    spec: Location | None
    location: Location | None
    mode: str = ""
    code_branch: tuple[str, ...] = ()
    code_source: str = ""
    note: str = ""


def merge(
    observations: Iterable[Observation], layer_counts: dict[str, int], modes: Sequence[str]
) -> tuple[Finding, ...]:
    """Findings, sorted by their place in the spec: the same disagreement in several layers and modes is one.

    `layer_counts` has the number of layers of each panel; `modes` are all that were traced.
    """
    groups: dict[tuple[object, ...], list[Observation]] = {}
    for seen in observations:
        key = (
            seen.code,
            seen.panel,
            seen.edge,
            seen.message,
            seen.drawn,
            seen.traced,
            seen.spec,
            seen.location,
        )
        groups.setdefault(key, []).append(seen)
    findings = [_finding(group, layer_counts, modes) for group in groups.values()]
    return tuple(sorted(findings, key=_order))


def _finding(group: list[Observation], layer_counts: dict[str, int], modes: Sequence[str]) -> Finding:
    first = group[0]
    layers = sorted({seen.index for seen in group if seen.index is not None}, key=_natural)
    held = [mode for mode in modes if any(seen.mode == mode for seen in group)]
    return Finding(
        code=first.code, message=first.message, panel=first.panel, edge=first.edge, layers=tuple(layers),
        layer_count=layer_counts.get(first.panel, 0) if layers else 0, drawn=first.drawn, traced=first.traced,
        spec=first.spec, location=first.location, modes=tuple(held) if len(held) < len(modes) else (),
        code_branch=first.code_branch, code_source=first.code_source, note=first.note,
    )  # fmt: skip


def _natural(index: int | str) -> tuple[int, int, str]:
    return (0, index, "") if isinstance(index, int) else (1, 0, index)


def _order(finding: Finding) -> tuple[object, ...]:
    spec, code = finding.spec, finding.location
    return (
        spec is None, spec.file if spec else "", spec.line if spec else 0, (spec.column or 0) if spec else 0,
        finding.code, code.file if code else "", code.line if code else 0, finding.message,
        tuple(map(_natural, finding.layers)),
    )  # fmt: skip
