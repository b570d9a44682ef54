"""The regions that a second witness can test: whole operations of the run, and steps of fused attention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from archcheck.dataflow.probe import Probe
from archcheck.dataflow.run import Dataflow
from archcheck.vocabulary.regions import Recognition, Region
from archcheck.vocabulary.terms import Family

_FUSED = "scaled_dot_product_attention"
_PARTS = frozenset(["scores", "mask", "SoftMax", "attend"])


def probes(flow: Dataflow, found: Recognition) -> list[Probe]:
    """Return one probe for each region that can be run on its own, or seen in what fused attention does."""
    sizes = Counter(found.origin)
    made = (_probe(flow, found, region, sizes) for region in found.regions)
    return [probe for probe in made if probe is not None]


def _probe(flow: Dataflow, found: Recognition, region: Region, sizes: Mapping[int, int]) -> Probe | None:
    steps = tuple(sorted({found.origin[at] for at in region.ops}))
    family, details = region.term.family, dict(region.details)
    if "flaw" in details:
        return None  # it does not behave like its term
    inputs = {str(at): found.origin[at] for at in region.inputs}
    inputs |= {role: found.origin[reads[0]] for role, reads in region.roles.items() if reads}
    whole = sum(sizes[step] for step in steps) == len(region.ops)
    if not whole or family == Family.ATTENTION:
        fused = flow.ops[steps[0]]
        if len(steps) == 1 and fused.name == _FUSED:
            part = _part(found, region)
            if family != Family.ATTENTION and not part:
                return None
            inputs = {role: fused.operands[place][0] for role, place in fused.roles.items()}
            details |= {"part": part} if part else {}
        elif not whole:
            return None
    if set(steps) & set(inputs.values()) or any(flow.ops[step].inner for step in steps):
        return None  # what is assembled from parts does not run as one operation
    return Probe(region.term.name, family, steps, inputs, details, region.location)


def _part(found: Recognition, region: Region) -> str:
    """Which step of a fused attention a region is: `scores`, `mask`, `SoftMax`, `attend`, or else ""."""
    if region.term.name == "matrix product":
        after = found.origin[region.output + 1 : region.output + 2]
        last = list(after) != [found.origin[region.output]]
        return "attend" if last else "scores"
    return region.term.name if region.term.name in _PARTS else ""
