"""Measures of a model, from Python."""

from __future__ import annotations

from typing import Any

from torch import nn

import archcheck
from archcheck.measures.places import places_of
from archcheck.tracing.measurement import Objective, Operand, Place, Values, measure


def measured(model: nn.Module, *args: Any) -> list[Values]:
    """The measures of each residual connection, in the order in which their sums ran."""
    traced = archcheck.trace(model, *args)
    places = []
    for join in traced.joins:
        found = places_of(traced.dataflow.ops, join)
        assert found is not None
        places.append(Place(join.source, join.sink, *(Operand(*position) for position in found)))
    return measure(traced.graph_module, traced.replay, places, Objective())[0]
