"""The rules on how often a drawn residual, or a box on its branch, is executed: RES001, RES002 and BOX004."""

from __future__ import annotations

from itertools import pairwise

from archcheck.dataflow.queries import reached, reads
from archcheck.dataflow.run import Dataflow
from archcheck.diff.box_calls import BoxRun, Occurrence
from archcheck.diff.evidence import EdgeEvidence, FindingCandidate
from archcheck.diff.wording import label, times
from archcheck.residual import Join


def missing_in_rounds(edge: EdgeEvidence) -> FindingCandidate | None:
    """RES001: a branch that runs several times in a loop lacks the residual in some iterations."""
    last = _last_in_rounds(edge)
    if last is None:
        return None
    runs, fitting = last.runs, edge.call.fitting
    without = [run for run in runs if not any(fitting.is_on_branch(run, join) for join in edge.matched)]
    if not without:
        return None
    return edge.candidate(
        "RES001",
        f"there is no residual connection {edge.drawn.around()} "
        f"in {len(without)} of its {len(runs)} iterations",
        f"the source is not added to the output of {edge.names.path(last.name)}",
        None,
        without[0].location,
    )


def _last_in_rounds(edge: EdgeEvidence) -> Occurrence | None:
    """Return the last module of a branch that runs several times in one call of the panel, or None."""
    if not edge.drawn.solid or not edge.matched:
        return None
    modules = edge.execution.modules
    inside = [one for one in edge.call.inside(edge.drawn) if one.name in modules]
    inside = [one for one in inside if modules[one.name].has_parameters]
    several = len({len(one.runs) for one in inside}) == 1 and len(inside[0].runs) > 1
    return inside[-1] if several else None


def runs_again(edge: EdgeEvidence) -> FindingCandidate | None:
    """BOX004: the branch runs a box several times, one after the other, and it is drawn once."""
    flow = edge.execution.flow
    for one in edge.call.inside(edge.drawn) if edge.drawn.solid and edge.matched else ():
        module = edge.execution.modules.get(one.name)
        if module is None or not module.has_parameters or edge.panel.boxes[one.box].repeat:
            continue
        for join in edge.matched:
            runs = [run for run in one.runs if edge.call.fitting.is_on_branch(run, join)]
            if any(_follows(flow, first, then, join.source) for first, then in pairwise(runs)):
                name = edge.names.path(one.name)
                return edge.candidate(
                    "BOX004",
                    f"{label(edge.panel, one.box)} is drawn once on the branch of the residual "
                    f"{edge.drawn.around()} but runs {times(len(runs))} in a row",
                    f"{name} runs on its own output",
                    join,
                )
    return None


def _follows(flow: Dataflow, first: BoxRun, then: BoxRun, source: int) -> bool:
    """Return whether a run reads of the source only what an earlier run made of it."""
    made, onward = set(first.outputs), reads(flow)
    found = set(reached(then.inputs, lambda at: () if at in made or at < source else onward(at)))
    return bool(made & found) and source not in found


def more_often(edge: EdgeEvidence) -> FindingCandidate | None:
    """RES002: it is executed more often than drawn, and no box is drawn as repeated."""
    edges = _edges_of_the_same(edge)
    joins, names = _of_several_runs(edge), edge.names
    if not joins or edge.drawn.number != edges[0] or len(joins) <= len(edges):
        return None
    if any(edge.panel.boxes[box].repeat for box in edge.drawn.inside):
        return None
    drawn, executed = times(len(edges)), times(len(joins))
    where = ", ".join(dict.fromkeys(str(join.residual.location) for join in joins))
    return edge.candidate(
        "RES002",
        f"the residual {edge.drawn.around()} is drawn {drawn} but executed {executed}",
        f"{names.module(joins[-1].residual.implemented_in)} computes {len(joins)} sums ({where})",
        joins[-1],
    )


def drawn_again(edge: EdgeEvidence) -> FindingCandidate | None:
    """RES001: another edge of the panel shows the same sum already."""
    edges = _edges_of_the_same(edge)
    if edge.drawn.number not in edges[len(edge.matched) :]:
        return None
    first, sums = edge.call.drawn[edges[0]], len(edge.matched)
    return edge.candidate(
        "RES001",
        f"the residual {edge.drawn.around()} duplicates {first.id}: both show the same sum",
        f"the code has {'one sum' if sums == 1 else f'{sums} sums'} for {len(edges)} edges",
        edge.matched[0],
        fix=edge.removal(),
    )


def _of_several_runs(edge: EdgeEvidence) -> tuple[Join, ...]:
    """Return the residuals that the edge shows, if their branches end with different runs of one module."""
    modules, fitting = edge.execution.modules, edge.call.fitting
    inside = [one for one in edge.call.inside(edge.drawn) if one.name in modules]
    last = next((one for one in reversed(inside) if modules[one.name].has_parameters), None)
    if not edge.drawn.solid or last is None:
        return ()
    by_run = [{join.key for join in edge.matched if fitting.is_on_branch(run, join)} for run in last.runs]
    several = len([joins for joins in by_run if joins]) > 1
    return tuple(join for join in edge.matched if any(join.key in keys for keys in by_run) and several)


def _edges_of_the_same(edge: EdgeEvidence) -> list[int]:
    """Return the numbers of the solid edges that show exactly the same residuals."""
    exact = edge.evidence.matches[edge.call].exact
    keys = {join.key for join in edge.matched}
    return [
        drawn.number
        for drawn in edge.call.drawn
        if drawn.solid and keys and {join.key for join in exact.get(drawn.number, ())} == keys
    ]
