"""The source of an executed residual, in the words of a panel."""

from __future__ import annotations

from archcheck.diff.alignment import MisplacedBox
from archcheck.diff.panel_calls import PanelCall
from archcheck.phrasing.module_paths import joined
from archcheck.residual import Join


def source_words(call: PanelCall, join: Join) -> str:
    """Return what the source is: an input, what a module returns, or an earlier sum."""
    scope, source = join.residual.scope, join.residual.source
    if source == "input":
        owner = call.title if scope in call.layer.own else call.names.path(scope)
        return f"the input of {owner}"
    if source.startswith("sink("):
        return f"the sum after {call.names.path(joined(scope, source[5:-1]))}"
    return f"the output of {call.names.path(joined(scope, source))}"


def code_of_source(call: PanelCall, join: Join, misfit: MisplacedBox) -> str:
    """Return where the source is taken: after a module, or from the sum after it, with the line."""
    name = call.names.path(misfit.occurrence.name)
    earlier = next((one for one in call.execution.joins if one.sink == join.source), None)
    if earlier is not None:
        return f"from the sum after {name} ({earlier.residual.location})"
    location = misfit.occurrence.runs[0].location
    return f"after {name} ({location})" if location else f"after {name}"
