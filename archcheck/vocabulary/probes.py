"""The regions that a second witness can test: those that are whole operations of the recorded run."""

from __future__ import annotations

from archcheck.dataflow.probe import Probe
from archcheck.dataflow.run import Dataflow
from archcheck.vocabulary.regions import Recognition, Region


def probes(flow: Dataflow, found: Recognition) -> list[Probe]:
    """Return one probe for each region of `flow` that is not a part of a fused operation."""
    made = (_probe(flow, found, region) for region in found.regions)
    return [probe for probe in made if probe is not None]


def _probe(flow: Dataflow, found: Recognition, region: Region) -> Probe | None:
    steps = tuple(sorted({found.origin[at] for at in region.ops}))
    inside = frozenset(steps)
    inputs = {str(at): found.origin[at] for at in region.inputs}
    inputs |= {role: found.origin[reads[0]] for role, reads in region.roles.items() if reads}
    parts = sum(origin in inside for origin in found.origin[region.ops[0] : region.ops[-1] + 1])
    if len(steps) == 1 and len(region.ops) > 1:
        fused = flow.ops[steps[0]]
        if fused.name != "scaled_dot_product_attention" or region.term.family != "attention":
            return None
        inputs = {role: fused.operands[place][0] for role, place in fused.roles.items()}
    elif parts > len(region.ops):
        return None
    if inside & set(inputs.values()):
        return None
    return Probe(region.term.name, region.term.family, steps, inputs, region.details, region.location)
