"""The second witness of `--prove`: what operations do on probe inputs, against their terms' definitions.

The first witness, the vocabulary, reads the operations; this one runs them again, with torch, on made-up
inputs, and knows a term only by its behaviour. The two are independent: if they disagree, one of them is
wrong, and that is an error, not a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from archcheck.dataflow.probe import Probe
from archcheck.errors import Problem, TraceError
from archcheck.tracing.behaviours import BEHAVIOURS
from archcheck.tracing.behaviours.probing import NotReplayedError, Replay
from archcheck.tracing.recorder import Recorder
from archcheck.tracing.tape import CALL


@dataclass(frozen=True)
class Disagreement:
    """A claim that the operations do not meet, and how they behave instead."""

    probe: Probe
    behaviour: str


def witness(recorder: Recorder, probes: Sequence[Probe]) -> str:
    """Return what the probes prove, as a remark; raises TraceError (TRC004) if operations differ."""
    checked, wrong = disagreements(recorder, probes)
    if wrong:
        raise TraceError([_problem(each) for each in wrong])
    return f"proved: {checked} of {len(probes)} operations behave as their names say on other inputs"


def disagreements(recorder: Recorder, probes: Sequence[Probe]) -> tuple[int, list[Disagreement]]:
    """Return how many claims could be tested, and those that turned out wrong."""
    checked, wrong = 0, []
    with torch.no_grad():
        for probe in probes:
            behaviour = _behaviour(recorder, probe)
            checked += behaviour is not None
            if behaviour:
                wrong.append(Disagreement(probe, behaviour))
    return checked, wrong


def _behaviour(recorder: Recorder, probe: Probe) -> str | None:
    term = "part of attention" if "part" in probe.details else probe.term
    test = BEHAVIOURS.get(term) or BEHAVIOURS.get(probe.family)
    steps = [recorder.tape.steps[at] for at in probe.steps]
    if test is None or any(step.kind != CALL or step.autocast for step in steps):
        return None
    try:
        return test(Replay(recorder, probe))
    except (NotReplayedError, RuntimeError, TypeError, ValueError, IndexError, KeyError):
        return None


def _problem(wrong: Disagreement) -> Problem:
    place, term = wrong.probe.location, wrong.probe.term
    return Problem(
        place.file if place else "",
        place.line if place else None,
        None,
        "TRC004",
        f"What was recognised as {term} does not behave like one: {wrong.behaviour}",
        hint="Please report this model.",
    )
