"""`--prove`: check a trace, and the residuals said to be in it, against the model's own numbers.

The recorded graph, run again on the same inputs, must give the model's output bit for bit. Each residual is
then proved by finite changes, with no knowledge of how it was found. (See `skip_proof`, `branch_proof` and
`liveness` for what is asked; `windows` for how a part of the run is run again.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

import torch

from archcheck.dataflow.join import Join
from archcheck.dataflow.run import Op
from archcheck.errors import Problem, TraceError
from archcheck.tracing import Recording
from archcheck.tracing.proof.branch_proof import BranchProof
from archcheck.tracing.proof.equality import same
from archcheck.tracing.proof.liveness import Liveness
from archcheck.tracing.proof.machine import Held, Machine, Witness
from archcheck.tracing.proof.skip_proof import Trial, held_beside, prove_part, prove_skip_path, uses_of
from archcheck.tracing.proof.verdict import NumericalVerdict, Outcome, RefutedError, UnclearError
from archcheck.tracing.proof.windows import Sweep, Window, WindowChanges

_ERRORS = (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError, AssertionError, KeyError)


def prove(traced: Recording, claims: Sequence[Join]) -> list[str]:
    """Return what was proved, and what was not, as remarks.

    `traced` is the recording; `claims` are the residuals by their operations' numbers. Raises TraceError:
    TRC002 if the replay gives a different output, TRC003 if the numbers contradict a residual. On the meta
    device there are no numbers to prove anything with, and the remark says so.
    """
    if any(tensor.is_meta for tensor in traced.model.parameters()):
        return ["not proved: the model is too large to be run on real values"]
    held = Held()
    output = traced.replay(lambda module: Witness(module, traced.recorder, held))
    if not same(output, traced.output):
        name = type(traced.model).__name__
        message = f"The trace of {name} does not replay: its output differs"
        hint = "The report's remarks list the operations that could not be traced."
        raise TraceError.of("TRC002", message, hint)
    verdicts = judged(traced, claims, held)
    refuted = [
        _problem(traced, claim, verdict)
        for claim, verdict in zip(claims, verdicts, strict=True)
        if verdict.outcome is Outcome.REFUTED
    ]
    if refuted:
        raise TraceError(refuted)
    return [_summary(verdicts), *_remarks(traced, claims, verdicts), *_twice(traced)]


def judged(traced: Recording, claims: Sequence[Join], held: Held) -> list[NumericalVerdict]:
    """Return a verdict for each claim, in their order."""
    if not claims:
        return []
    module, recorder, flow = traced.graph_module, traced.recorder, traced.dataflow
    sweep = Sweep(Machine(module, recorder, held), module, recorder)
    liveness = Liveness(flow, [claim.sink for claim in claims])
    ahead = liveness.windows(sweep)
    found: dict[int, NumericalVerdict] = {}
    windows: dict[tuple[int, int], Window] = {}
    tasks: dict[Window, list[int]] = {}

    for number, claim in enumerate(claims):
        runs = claim.source in sweep.nodes and {claim.sink, claim.end} <= sweep.runs
        if runs and claim.source < claim.sink:
            window = windows.setdefault((claim.source, claim.end), Window(sweep, claim.source, claim.end))
            tasks.setdefault(window, []).append(number)
        else:
            reason = "the skip path does not lead from the source to the sink"
            found[number] = NumericalVerdict(Outcome.REFUTED, reason)

    def at_end(window: Window) -> None:
        if window in ahead:
            _settled(lambda: liveness.at_end(window))
        for number in tasks.get(window, ()):
            found[number] = _as_seen(_verdict(traced, claims, number, window), window)

    try:
        with _replaying():
            sweep.run(traced.inputs(), [*tasks, *ahead], at_end)
    except _ERRORS as error:
        reason = f"a step can't be run again in float64 ({_text(error)})"
        return [
            found.get(number, NumericalVerdict(Outcome.NOT_PROVED, reason)) for number in range(len(claims))
        ]
    return [
        liveness.verdict(claim.sink) if found[number].outcome is Outcome.PROVED else found[number]
        for number, claim in enumerate(claims)
    ]


def _verdict(traced: Recording, claims: Sequence[Join], number: int, window: Window) -> NumericalVerdict:
    claim, flow = claims[number], traced.dataflow
    skip_uses, other_uses = uses_of(window, window.start, frozenset({*claim.skip, claim.sink}))
    if not skip_uses:
        return NumericalVerdict(Outcome.REFUTED, "the skip path does not start at the source")
    names = {step: flow.ops[step].name for step in claim.skip}
    held = held_beside(window, frozenset({*claim.skip, claim.sink}))
    trial = Trial(claim, str(claim.residual.kind), window, skip_uses, other_uses, names, held)
    sums = {claim.sink, *claim.skip}
    beside = {call for other in claims if other.sink in sums for call in other.branch_calls}
    # A module that adds something of its own to the source brings the source along.
    own = {other.sink for other in claims if other.source == claim.source} - sums
    beside |= {
        number
        for number, call in enumerate(flow.calls)
        if claim.source < call.first and any(call.first <= sink < call.end for sink in own)
    }

    def proof() -> None:
        branch = BranchProof(trial, list(flow.calls), frozenset(beside))
        prove_skip_path(trial, lambda: WindowChanges(branch.disturbed()))
        branch.prove()

    verdict = _settled(proof)
    may_be_of_a_part = verdict.outcome is Outcome.REFUTED and trial.kind in ("identity", "scaled")
    if may_be_of_a_part and _settled(lambda: prove_part(trial)).outcome is Outcome.PROVED:
        reason = "skip path and branch part at a part of the source"
        return NumericalVerdict(Outcome.NOT_PROVED, reason)
    return verdict


def _as_seen(verdict: NumericalVerdict, window: Window) -> NumericalVerdict:
    """Return the verdict without refuting where values leave torch: they are constants of a second run."""
    steps = window.sweep.steps[window.start : window.end + 1]
    if verdict.outcome is Outcome.REFUTED and any(step.hidden for step in steps):
        return NumericalVerdict(Outcome.NOT_PROVED, "values leave torch on the way")
    return verdict


def _settled(proof: Callable[[], None]) -> NumericalVerdict:
    try:
        proof()
    except RefutedError as refuted:
        return NumericalVerdict(Outcome.REFUTED, str(refuted))
    except UnclearError as unclear:
        return NumericalVerdict(Outcome.NOT_PROVED, str(unclear))
    except _ERRORS as error:
        return NumericalVerdict(
            Outcome.NOT_PROVED, f"it can't be run again ({type(error).__name__}: {str(error)[:80]})"
        )
    return NumericalVerdict(Outcome.PROVED)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:80]}"


def _twice(traced: Recording) -> list[str]:
    """Return where a second run of the model, on the same inputs, differs."""
    try:
        again = traced.again()
    except TraceError as error:
        return [f"a second run on the same inputs failed: {error.problems[0].message}"]
    why = "its forward depends on time, on entropy, or on what an earlier run left behind"
    for one, other in zip_longest(traced.dataflow.ops, again.dataflow.ops):
        if _structure(one) != _structure(other):
            place = next((op.location for op in (one, other) if op is not None), None)
            where = f" from {place} on" if place else ""
            return [f"two runs on the same inputs differ in structure{where}: {why}; this is about the first"]
    if same(traced.output, again.output):
        return []
    return [f"two runs on the same inputs give different values: {why}"]


def _structure(op: Op | None) -> tuple[Any, ...] | None:
    return (op.name, op.operands, op.call, op.shape, op.numbers, op.location) if op is not None else None


@contextmanager
def _replaying() -> Iterator[None]:
    """Run without gradients and in float64, and restore the random state afterwards."""
    dtype, random = torch.get_default_dtype(), torch.get_rng_state()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_rng_state(random)


def _summary(verdicts: Sequence[NumericalVerdict]) -> str:
    count = sum(verdict.outcome is Outcome.PROVED for verdict in verdicts)
    agreed = f"finite changes agree on {count} of {len(verdicts)} residuals"
    return f"proved: the trace replays bit for bit, and {agreed}"


def _remarks(traced: Recording, claims: Sequence[Join], verdicts: Sequence[NumericalVerdict]) -> list[str]:
    """Return what was not proved, one remark for each line and reason."""
    places: dict[tuple[str, str], int] = {}
    for claim, verdict in zip(claims, verdicts, strict=True):
        if verdict.outcome is Outcome.NOT_PROVED:
            place = traced.dataflow.ops[claim.sink].location
            key = (str(place or type(traced.model).__name__), verdict.reason)
            places[key] = places.get(key, 0) + 1
    return [
        f"not proved: {count} residual{'s' if count > 1 else ''} at {place}: {reason}"
        for (place, reason), count in places.items()
    ]


def _problem(traced: Recording, claim: Join, verdict: NumericalVerdict) -> Problem:
    place = traced.dataflow.ops[claim.sink].location
    around = ", ".join(claim.residual.branch) or "its own operations"
    scope = claim.residual.scope or type(traced.model).__name__
    return Problem(
        place.file if place else "",
        place.line if place else None,
        None,
        "TRC003",
        f"The {claim.residual.kind} residual around {around} in {scope} is not what the model computes: "
        f"{verdict.reason}",
        hint="Please report this model.",
    )
