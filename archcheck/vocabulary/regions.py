"""Regions: groups of operations that compute a term.

`recognise` opens fused operations into their parts (see `opening`) and finds every region of the opened run:
a figure that draws one box "Attention" and one that draws ⊗ → mask → SoftMax → ⊗ are proved on the same
operations. Regions overlap: attention holds its softmax.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from archcheck.dataflow.operations import VIEWS
from archcheck.dataflow.run import Dataflow
from archcheck.source_location import Location
from archcheck.vocabulary.terms import TERMS, Term

Detail = str | int | float | bool | None | tuple[int, ...]

# What a figure never draws for its own sake, and what asks for shapes only.
TRANSPARENT = VIEWS | frozenset(["attribute", "constant", "input", "alias"])


@dataclass(frozen=True, slots=True)
class Region:
    """Operations that compute `term` together.

    `ops` are the operations, ascending, in the opened run; `inputs` the operations outside whose results they
    read and that depend on the model's input; `output` the one that makes the result. `details` are what a
    label may say about it (`kernel`, `stride`, `heads`, `causal`, …), `flaw` what is wrong with it whatever
    the label says (see `flaws`); `roles` say which inputs are its
    `query`, `gate`, … `inside`: it is only a step of a larger operation, such as the tanh of a GELU.
    """

    term: Term
    ops: tuple[int, ...]
    inputs: tuple[int, ...]
    output: int
    details: Mapping[str, Detail] = field(default_factory=dict, hash=False)
    roles: Mapping[str, tuple[int, ...]] = field(default_factory=dict, hash=False)
    location: Location | None = None
    inside: bool = False


@dataclass(frozen=True)
class Recognition:
    """A run with fused operations opened (`origin`: of which recorded one), and its regions by output."""

    flow: Dataflow
    origin: Sequence[int]
    regions: tuple[Region, ...]

    @cached_property
    def by_output(self) -> dict[int, list[Region]]:
        """The regions that make an operation's result, the largest first."""
        found: dict[int, list[Region]] = {}
        for region in self.regions:
            found.setdefault(region.output, []).append(region)
        for regions in found.values():
            regions.sort(key=lambda region: (-len(region.ops), region.term.name))
        return found

    @cached_property
    def flawed(self) -> dict[int, Region]:
        """The attentions that have a flaw, by each of their operations."""
        return {at: region for region in self.regions if "flaw" in region.details for at in region.ops}

    def whole(self, call: int) -> tuple[Region, ...]:
        """Return the regions that hold all that a module call executes except views, casts and dropout."""
        span = self.flow.calls[call]
        counted = {at for at in range(span.first, span.end) if self.counts(at)}
        if not counted:
            return ()
        found = [
            region
            for at in range(span.first, span.end)
            for region in self.by_output.get(at, ())
            if counted <= set(region.ops)
        ]
        return tuple(sorted(found, key=lambda region: (len(region.ops), region.term.name)))

    def inside(self, call: int) -> list[Region]:
        """Return the regions whose operations a module call runs, itself or in the calls inside it."""
        span = self.flow.calls[call]
        return [
            region
            for at in range(span.first, span.end)
            for region in self.by_output.get(at, ())
            if region.ops[0] >= span.first
        ]

    def counts(self, at: int) -> bool:
        """Return whether this operation reads input-dependent values and is more than a view."""
        op = self.flow.ops[at]
        return op.depends_on_input and op.floating and op.name not in TRANSPARENT


def region_of(
    flow: Dataflow,
    name: str,
    ops: Iterable[int],
    output: int,
    details: Mapping[str, Detail] | None = None,
    roles: Mapping[str, tuple[int, ...]] | None = None,
) -> Region:
    """Return the region of these operations, which read all of its inputs."""
    inside = sorted(set(ops))
    reads = [read for at in inside for read in flow.ops[at].reads]
    inputs = tuple(
        dict.fromkeys(read for read in reads if read not in set(inside) and flow.ops[read].depends_on_input)
    )
    return Region(
        TERMS[name], tuple(inside), inputs, output, details or {}, roles or {}, flow.ops[output].location
    )
