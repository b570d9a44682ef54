"""Measures of a model, from Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

import archcheck
from archcheck.measures.places import places_of
from archcheck.tracing.measurement import Addition, Objective, Operand, Place, Values, measure


def measured(model: nn.Module, *args: Any) -> list[Values]:
    """The measures of each residual connection, in the order in which their sums ran."""
    traced = archcheck.trace(model, *args)
    places = []
    for join in traced.joins:
        found = places_of(traced.dataflow.ops, join)
        assert found is not None
        places.append(Place(join.source, join.sink, *(Operand(*position) for position in found)))
    return measure(traced.graph_module, traced.replay, places, Objective())[0]


def measured_addition(model: nn.Module, x: Tensor, pairs: Sequence[tuple[str, str]]) -> Values:
    """What the input of one module, added to what another returns, would do; in all pairs at once."""
    traced = archcheck.trace(model, x)
    calls = {call.path: call for call in traced.dataflow.calls}
    addition = Addition(tuple((calls[one].inputs[0], calls[other].outputs[0]) for one, other in pairs))
    return measure(traced.graph_module, traced.replay, [], Objective(), [addition])[1][0]
