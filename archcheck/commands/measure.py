"""`archcheck measure`: what each residual connection does to signal and gradient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archcheck.commands.run_modes import Start, by_default, execution, request
from archcheck.commands.settings import apply_settings
from archcheck.connections import Residual
from archcheck.dataflow.cuts import Addition, Answers, Cuts, ResidualCut
from archcheck.diff import compare
from archcheck.diff.binding import BoundPanel, bind
from archcheck.diff.drawn_edges import Drawn, drawn_edges
from archcheck.diff.execution import Execution
from archcheck.errors import TargetError
from archcheck.files import SPEC_SUFFIXES
from archcheck.measures.places import place_of
from archcheck.measures.values import Measured, Measures, WhatIf, over_seeds
from archcheck.model.arguments import Setting
from archcheck.phrasing.module_paths import generic
from archcheck.seam.messages import Progress
from archcheck.spec import LoadedSpec, load
from archcheck.spec.flow import Reachability
from archcheck.spec.model import Model

_CAVEAT = "{state}, on small inputs: this shows signal and gradient at this point, not the effect of training"


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure, apart from the model itself: see `docs/measure.md`."""

    settings: Sequence[Setting] = ()
    inputs: Mapping[str, Any] | None = None
    weights: Path | None = None
    data: Path | None = None
    seeds: int = 3


@dataclass(frozen=True, slots=True)
class _Sample:
    """The run of one seed, with its measures."""

    execution: Execution
    places: tuple[ResidualCut | None, ...]
    what_ifs: tuple[tuple[str, str, Addition], ...]
    answers: Answers


def measure(subject: str, options: Options, progress: Progress, worker: Start = by_default) -> Measures:
    """Measure the model of a spec, or a target, once for each seed. Raises ArchcheckError where it can't."""
    loaded = load(Path(subject)) if subject.endswith(SPEC_SUFFIXES) else None
    model = loaded.spec.model if loaded else Model.model_construct(target=subject, modes=[])
    model = apply_settings(model, options.settings, options.inputs)
    seeds = 1 if options.weights else options.seeds
    samples = [_sample(loaded, subject, model, options, seed, progress, worker) for seed in range(seeds)]
    return _measures(loaded, subject, model.target, options, samples)


def _sample(
    loaded: LoadedSpec | None,
    subject: str,
    model: Model,
    options: Options,
    seed: int,
    progress: Progress,
    worker: Start,
) -> _Sample:
    folder = Path(subject).parent if loaded else Path()
    asked = request(model, [folder])
    asked = replace(
        asked,
        modes=asked.modes[:1],
        seed=seed,
        gradients=True,
        weights=_absolute(options.weights),
        data=_absolute(options.data),
    )
    with worker() as answering:
        (run,) = answering.run(asked, progress)
        found = execution(run)
        if any("meta device" in remark for remark in run.remarks):
            hint = "Measure a smaller model, for instance with --set num_hidden_layers=4."
            raise TargetError.of("TGT018", "the model is too large to be measured", hint)
        places = tuple(place_of(run.flow.ops, join) for join in found.joins)
        what_ifs = tuple(_what_ifs(loaded, found)) if loaded else ()
        cuts = Cuts(tuple(place for place in places if place), tuple(each for _, _, each in what_ifs))
        return _Sample(found, places, what_ifs, answering.measure(cuts, progress))


def _absolute(file: Path | None) -> str:
    return str(file.resolve()) if file else ""


def _measures(
    loaded: LoadedSpec | None, subject: str, target: str, options: Options, samples: Sequence[_Sample]
) -> Measures:
    first = samples[0]
    names = _names(loaded, first.execution) if loaded else {}
    runs = [iter(sample.answers.places) for sample in samples]
    measured, unclear = [], 0
    for join, place in zip(first.execution.joins, first.places, strict=True):
        if place is None:
            unclear += 1
            continue
        residual = join.residual
        scope = generic(residual.scope)
        numbers = ".".join(part for part in residual.scope.split(".") if part.isdigit())
        name = names.get(_key(residual)) or f"around {', '.join(residual.branch) or 'operations of its own'}"
        layer = int(numbers) if numbers.isdigit() else None
        values = over_seeds([next(run) for run in runs])
        measured.append(Measured(name, scope or "the model", layer, residual, values))
    what_ifs = [
        WhatIf(name, drawn, len(addition.pairs), over_seeds([s.answers.additions[at] for s in samples]))
        for at, (name, drawn, addition) in enumerate(first.what_ifs)
    ]
    state = f"Weights from {options.weights.name}" if options.weights else "At initialisation"
    remarks = [_CAVEAT.format(state=state) + "."]
    if unclear:
        remarks.append(
            f"Not measured: {unclear} residual connections whose skip path and branch can't be separated."
        )
    order = {id(each): place for place, each in enumerate(measured)}
    measured.sort(key=lambda each: (each.stack, each.name, order[id(each)]))
    title = loaded.spec.title if loaded else ""
    return Measures(subject, title, target, len(samples), tuple(measured), tuple(what_ifs), tuple(remarks))


def _key(residual: Residual) -> tuple[str, tuple[str, ...]]:
    """Return what residuals of the same edge in several layers have in common."""
    return generic(residual.scope), tuple(map(generic, residual.branch))


def _names(loaded: LoadedSpec, found: Execution) -> dict[tuple[str, tuple[str, ...]], str]:
    """Return the drawn edge that shows each residual."""
    comparison = compare(loaded, [(found, bind(loaded, found.modules, found.modules))])
    return {
        _key(residual): f"{proof.panel}.{proof.edge}"
        for proof in comparison.proofs
        for residual in proof.residuals
        if proof.line == "solid"
    }


# -- what if a residual that is only drawn were there -------------------------------------------------


def _what_ifs(loaded: LoadedSpec, found: Execution) -> Iterator[tuple[str, str, Addition]]:
    """Yield the edges that are drawn around boxes with modules and that no panel's module executes there."""
    for bound in bind(loaded, found.modules, found.modules):
        for drawn in drawn_edges(bound, Reachability(bound.panel)):
            if drawn.solid and _is_executed(drawn, bound, found):
                continue
            pairs = [pair for layer in bound.layers if (pair := _pair(drawn, layer.boxes, found))]
            if pairs:
                yield f"{bound.name}.{drawn.id}", drawn.describe(), Addition(tuple(pairs))


def _is_executed(drawn: Drawn, bound: BoundPanel, found: Execution) -> bool:
    """Return whether, in the first layer, a residual of the panel's own modules has the edge's two ends."""
    if not bound.layers:
        return False
    pair = _pair(drawn, bound.layers[0].boxes, found)
    own = bound.layers[0].own
    return pair is None or any(
        join.source == pair[0]
        and pair[1] in (*join.term, *join.branch)
        and join.residual.implemented_in in own
        for join in found.joins
    )


def _pair(drawn: Drawn, boxes: Mapping[str, Sequence[str]], found: Execution) -> tuple[int, int] | None:
    """Return the input of the first box on the branch and the output of the last, if their shapes agree."""
    modules = [path for box in drawn.inside for path in boxes.get(box, ())]
    first, last = (found.own_calls(modules[end]) if modules else [] for end in (0, -1))
    if not first or not last or not first[0].inputs or not last[0].outputs:
        return None
    source, target = first[0].inputs[0], last[0].outputs[0]
    ops = found.flow.ops
    return (source, target) if ops[source].numel == ops[target].numel and source < target else None
