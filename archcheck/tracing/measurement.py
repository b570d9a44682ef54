"""What each residual connection does to signal and gradient: the recorded run, replayed under autograd.

Words: `x` is the source, `s` the skip path's value at the sink, `b` the branch's, `y` the sink's result. The
objective is the product of the model's main output with a fixed random unit vector, or the cross-entropy
where there are targets. To cut the skip path (or the branch) is to put zeros in its place at the sink, and
nowhere else. Norms and cosines are those of whole tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch.nn import functional
from torch.utils import _pytree

from archcheck.dataflow.cuts import Addition, Operand, ResidualCut, Values


@dataclass(frozen=True, slots=True)
class Objective:
    """What is differentiated. `targets`: class indices for the main output's last dimension, or None."""

    seed: int = 0
    targets: Tensor | None = None

    def of(self, output: Tensor) -> Tensor:
        """Return the scalar to differentiate."""
        if self.targets is None:
            generator = torch.Generator().manual_seed(self.seed)
            direction = torch.randn(output.shape, generator=generator, dtype=torch.float64)
            direction = (direction / direction.norm()).to(output.dtype)
            product: Tensor = (output * direction).sum()
            return product
        loss: Tensor = functional.cross_entropy(output.flatten(0, -2), self.targets.flatten())
        return loss


class MeasurementError(Exception):
    """The run can't be measured; the message says why."""


def measure(
    graph: fx.GraphModule,
    replay: Callable[[Callable[[fx.GraphModule], fx.Interpreter]], Any],
    places: Sequence[ResidualCut],
    objective: Objective,
    additions: Sequence[Addition] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[list[Values], list[Values]]:
    """Return the measures of each place and of each addition, in their order.

    `replay` runs the graph with an interpreter made for it, on fresh copies of the inputs. Each cut is a
    replay and a backward pass of its own: the time is linear in the number of places. Raises MeasurementError
    if the output has no gradient.
    """
    session = _Session(graph, replay, objective)
    base = session.run(watch=places)
    without_skips = session.run(watch=places, cut=[place.skip_end for place in places])
    found = []
    for number, place in enumerate(places):
        progress(f"measuring residual {number + 1} of {len(places)}")
        values = _signal(base, place) | _gradient(base, place)
        values["gradient_without_skips"] = _norm(without_skips.gradients.get(place.source))
        for part, end in (("skip", place.skip_end), ("branch", place.branch_end)):
            cut = session.run(watch=[place], cut=[end])
            values[f"gradient_without_{part}"] = _norm(cut.gradients.get(place.source))
            values |= session.effect(base, cut, f"_without_{part}")
        found.append(values)
    return found, [_added(session, base, addition) for addition in additions]


def _signal(run: _Run, place: ResidualCut) -> Values:
    parts = run.parts.get(place)
    if parts is None:
        return dict.fromkeys(("skip_norm", "branch_norm", "branch_ratio", "cosine", "growth", "influence"))
    source, skip, branch, result = parts
    return {
        "skip_norm": _norm(skip),
        "branch_norm": _norm(branch),
        "branch_ratio": _ratio(_norm(branch), _norm(skip)),
        "cosine": _cosine(branch, skip),
        "growth": _ratio(_norm(result), _norm(source)),
        "influence": None if (same := _cosine(source, result)) is None else 1 - same,
    }


def _gradient(run: _Run, place: ResidualCut) -> Values:
    whole, through = _norm(run.gradients.get(place.source)), _norm(run.through.get(place))
    return {"gradient": whole, "gradient_through_skip": through, "gradient_ratio": _ratio(through, whole)}


def _added(session: _Session, base: _Run, addition: Addition) -> Values:
    """Return the effect of a residual that the code does not have, in all layers at once."""
    ends = [ResidualCut(step, -1, *[Operand(-1, 0)] * 3) for pair in addition.pairs for step in pair]
    before = session.run(watch=ends)
    run = session.run(watch=ends, add={target: source for source, target in addition.pairs})
    first = addition.pairs[0][0]
    last_source, last_target = addition.pairs[-1]
    return {
        "gradient": _norm(before.gradients.get(first)),
        "gradient_with": _norm(run.gradients.get(first)),
        "stream": _norm(before.values.get(last_source)),
        "stream_with": _norm(run.values.get(last_source)),
        "added_ratio": _ratio(_norm(before.values.get(last_source)), _norm(before.values.get(last_target))),
    } | session.effect(base, run, "_with")


@dataclass(frozen=True, slots=True)
class _Session:
    """Runs of one graph."""

    graph: fx.GraphModule
    replay: Callable[[Callable[[fx.GraphModule], fx.Interpreter]], Any]
    objective: Objective

    def run(
        self, watch: Sequence[ResidualCut], cut: Iterable[Operand] = (), add: Mapping[int, int] | None = None
    ) -> _Run:
        made: list[_Run] = []

        def interpreter(graph: fx.GraphModule) -> fx.Interpreter:
            made.append(_Run(graph, watch, frozenset(cut), add or {}))
            return made[0]

        output = main_output(self.replay(interpreter))
        run = made[0]
        if output is None or not output.requires_grad:
            raise MeasurementError("the model's output has no gradient: it runs without autograd")
        run.main = output.detach()
        objective = self.objective.of(output)
        run.loss = float(objective.detach())
        objective.backward()  # type: ignore[no-untyped-call]
        return run

    def effect(self, base: _Run, other: _Run, suffix: str) -> Values:
        """Return how the main output changed: relative norm; KL divergence and loss if there are targets."""
        difference = other.main - base.main
        values: Values = {f"effect{suffix}": _ratio(_norm(difference), _norm(base.main))}
        if self.objective.targets is not None:
            logs = [functional.log_softmax(run.main.double(), -1) for run in (other, base)]
            kl = functional.kl_div(logs[0], logs[1], reduction="none", log_target=True).sum(-1).mean()
            values[f"kl{suffix}"] = float(kl)
            values[f"loss{suffix}"] = other.loss
        return values


class _Run(fx.Interpreter):
    """One replay: watches residuals, with some operands cut to zero and some sums added."""

    def __init__(
        self,
        graph: fx.GraphModule,
        watch: Sequence[ResidualCut],
        cut: frozenset[Operand],
        add: Mapping[int, int],
    ) -> None:
        super().__init__(graph)
        self.gradients: dict[int, Tensor] = {}
        self.through: dict[ResidualCut, Tensor] = {}
        self.parts: dict[ResidualCut, tuple[Tensor, Tensor, Tensor, Tensor]] = {}
        self.values: dict[int, Tensor] = {}
        self.main = torch.empty(0)
        self.loss = 0.0
        self._cut: dict[int, list[int]] = {}
        for operand in cut:
            self._cut.setdefault(operand.step, []).append(operand.position)
        self._add = add
        self._sources = {place.source for place in watch} | set(add.values())
        self._live: dict[int, Tensor] = {}
        self._uses = _by_step(watch, lambda place: place.skip_use.step)
        self._ends = _by_step(watch, lambda place: place.branch_end.step)
        self._skips = _by_step(watch, lambda place: place.skip_end.step)
        self._sinks = _by_step(watch, lambda place: place.sink)
        self._seen: dict[tuple[ResidualCut, str], Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        if "input" in n.meta:
            return self._watched(n.meta["input"], _differentiable(super().run_node(n)))
        step = n.meta.get("step")
        if step is None or not self._concerns(step):
            return super().run_node(n)
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        leaves, shape = _pytree.tree_flatten((args, kwargs))
        at = _positions(n, leaves)
        for place in self._uses.get(step, ()):
            self._alias(place, leaves, at[place.skip_use.position])
        for name, places in (("skip", self._skips), ("branch", self._ends)):
            for place in places.get(step, ()):
                end = place.skip_end if name == "skip" else place.branch_end
                self._seen[place, name] = leaves[at[end.position]].detach().clone()
        cut = [at[position] for position in self._cut.get(step, ())]
        wanted = self._without(n, leaves, shape, cut) if cut else None
        args, kwargs = _pytree.tree_unflatten(leaves, shape)
        result = getattr(self, n.op)(n.target, args, kwargs)
        if wanted is not None:
            result = _put(result, wanted, leaves)
        return self._finished(step, result)

    def _concerns(self, step: int) -> bool:
        return (
            step in self._sources
            or step in self._add
            or step in self._cut
            or any(step in table for table in (self._uses, self._ends, self._skips, self._sinks))
        )

    def _alias(self, place: ResidualCut, leaves: list[Any], at: int) -> None:
        """Give the skip path's use of the source a name of its own, where its gradient is read."""
        tensor = leaves[at]
        if tensor.requires_grad:
            leaves[at] = tensor.view_as(tensor)
            leaves[at].register_hook(lambda gradient: self.through.__setitem__(place, gradient.detach()))

    def _without(self, n: fx.Node, leaves: list[Any], shape: Any, cut: Sequence[int]) -> Tensor:
        """Return the step's result with zeros in place of some operands."""
        others = [leaf.clone() if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        for at in cut:
            others[at] = torch.zeros_like(others[at])
        args, kwargs = _pytree.tree_unflatten(others, shape)
        result: Tensor = getattr(self, n.op)(n.target, args, kwargs)
        return result

    def _finished(self, step: int, result: Any) -> Any:
        for place in self._sinks.get(step, ()):
            source = self.values.get(place.source)
            skip, branch = self._seen.get((place, "skip")), self._seen.get((place, "branch"))
            if source is not None and skip is not None and branch is not None:
                self.parts[place] = source, skip, branch, result.detach().clone()
        if step in self._add:
            result = result + self._live[self._add[step]].view_as(result)
        return self._watched(step, result)

    def _watched(self, step: int | None, result: Any) -> Any:
        if step in self._sources and isinstance(result, Tensor):
            self.values[step] = result.detach().clone()
            if self._add:
                self._live[step] = result.view_as(result)
            if result.requires_grad:
                result.register_hook(  # type: ignore[no-untyped-call]
                    lambda gradient: self.gradients.__setitem__(step, gradient.detach())
                )
        return result


def main_output(output: Any) -> Tensor | None:
    """Return the first floating-point tensor that a model returns, also from containers and objects."""
    if isinstance(output, Tensor):
        return output if output.is_floating_point() else None
    if isinstance(output, Mapping):
        parts: Iterable[Any] = output.values()
    elif isinstance(output, (tuple, list)):
        parts = output
    else:
        parts = vars(output).values() if hasattr(output, "__dict__") else ()
    return next((found for part in parts if (found := main_output(part)) is not None), None)


def _differentiable(value: Any) -> Any:
    """Return an input with a gradient: a copy, since a leaf could not be written to in place."""
    if isinstance(value, Tensor) and value.is_floating_point():
        with torch.enable_grad():
            return value.detach().requires_grad_().clone()
    return value


def _positions(n: fx.Node, leaves: Sequence[Any]) -> list[int]:
    """Return the positions of a step's tensors among the leaves of its arguments."""
    at = [place for place, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]
    return at[::-1] if n.meta.get("reflected") else at


def _put(result: Tensor, wanted: Tensor, leaves: Sequence[Any]) -> Tensor:
    """Replace a result by `wanted`, writing into it if the step changed a tensor in place."""
    if any(isinstance(leaf, Tensor) and leaf.data_ptr() == result.data_ptr() for leaf in leaves):
        return result.copy_(wanted)
    return wanted


def _by_step(
    places: Iterable[ResidualCut], key: Callable[[ResidualCut], int]
) -> dict[int, list[ResidualCut]]:
    found: dict[int, list[ResidualCut]] = {}
    for place in places:
        found.setdefault(key(place), []).append(place)
    return found


def _norm(tensor: Tensor | None) -> float | None:
    return None if tensor is None else float(tensor.double().norm())


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None


def _cosine(one: Tensor, other: Tensor) -> float | None:
    if one.shape != other.shape:
        try:
            one, other = torch.broadcast_tensors(one, other)  # type: ignore[no-untyped-call]
        except RuntimeError:
            return None
    norms = float(one.double().norm() * other.double().norm())
    return float((one.double() * other.double()).sum()) / norms if norms else None
