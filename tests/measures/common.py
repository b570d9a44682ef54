"""Measures of a model, from Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

import archcheck
from archcheck.dataflow.cuts import Addition, Values
from archcheck.measures.places import place_of
from archcheck.tracing.measurement import Objective, measure


def measured(model: nn.Module, *args: Any) -> list[Values]:
    """The measures of each residual connection, in the order in which their sums ran."""
    traced = archcheck.trace(model, *args)
    places = [place_of(traced.dataflow.ops, join) for join in traced.joins]
    assert None not in places
    return measure(traced.graph_module, traced.replay, [place for place in places if place], Objective())[0]


def measured_addition(model: nn.Module, x: Tensor, pairs: Sequence[tuple[str, str]]) -> Values:
    """What the input of one module, added to the output of another, would do; in all pairs at once."""
    traced = archcheck.trace(model, x)
    calls = {call.path: call for call in traced.dataflow.calls}
    addition = Addition(tuple((calls[one].inputs[0], calls[other].outputs[0]) for one, other in pairs))
    return measure(traced.graph_module, traced.replay, [], Objective(), [addition])[1][0]
