"""The branch: the sink moves with the output of the branch's modules, and they move with the source."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from archcheck.dataflow.operations import PRODUCTS, canonical
from archcheck.dataflow.run import Call
from archcheck.tracing.proof.movement import bijective, close, size_of
from archcheck.tracing.proof.skip_proof import Trial, factor_on, has_factor, movement_of
from archcheck.tracing.proof.verdict import RefutedError, UnclearError
from archcheck.tracing.proof.windows import Change, WindowChanges
from archcheck.tracing.tape import Step


class BranchProof:
    """Tests a branch with the skip path forced to zero, so that the branch is alone."""

    def __init__(self, trial: Trial, calls: list[Call], beside: frozenset[int]) -> None:
        self.trial = trial
        self.calls = calls
        self.beside = beside
        silent = dict.fromkeys(trial.skip_uses, torch.zeros_like)
        self.silent: dict[tuple[int, int], Change] = {**trial.held, **silent}
        self.alone = self._run()
        if not bool(self.alone.isfinite().all()):
            self.silent = {}
            self.alone = self._run()

    def disturbed(self) -> dict[tuple[int, int], Change]:
        """Return changes to every other use of the source."""
        return dict.fromkeys(self.trial.other_uses, disturb)

    def prove(self) -> None:
        """Raise RefutedError or UnclearError unless the branch behaves as claimed."""
        if not self._differs(self._run(self.disturbed())):
            self._still("the branch does not move with the source")
        for call in self.trial.claim.branch_calls:
            outputs = self._outputs(self.calls[call])
            if outputs and not self._moves(outputs):
                self._still(f"replacing what {self.calls[call].path} returns does not move the sink")
        self._prove_others()
        self._prove_factor()

    def _prove_factor(self) -> None:
        """Check that a sink proportional to the last module's output has the claimed factor."""
        expected = factor_on("branch", self.trial.claim)
        last = max(
            (self.calls[call] for call in self.trial.claim.branch_calls),
            key=lambda call: call.end,
            default=None,
        )
        outputs = self._outputs(last) if last else ()
        if expected is None or len(outputs) != 1 or self.trial.kind not in ("identity", "scaled", "partial"):
            return

        def ratio(uses: dict[tuple[int, int], Change]) -> Tensor | None:
            base = self._run(uses) if uses else self.alone
            uses = {**self.silent, **uses}
            run = self.trial.window.run
            movement = movement_of(lambda change: run(WindowChanges(uses, {outputs[0]: change})), base)
            is_whole = movement is not None and bijective(movement.place, movement.count)
            return movement.ratio if movement is not None and is_whole else None

        found = ratio({})
        if (
            found is None
            or has_factor(found, expected)
            or max(self._drawn(), default=-1) > self.trial.window.start
        ):
            return
        elsewhere = ratio(self.disturbed())
        if self._is_gated(outputs[0]):
            return  # by what another input decides
        if elsewhere is not None and close(found, elsewhere, 1e3 * float(found.abs().max())):
            raise UnclearError(
                f"the sink moves by {float(found[0]):.6g} times what the branch's last module returns, "
                f"not {expected:g} times"
            )

    def _is_gated(self, output: int) -> bool:
        """Return whether something input-dependent multiplies the last module's output."""
        window, recorder = self.trial.window, self.trial.window.sweep.recorder
        moved = {output}
        for step in range(output + 1, window.end + 1):
            operands = window.sweep.steps[step].operands
            others = [operand for operand in operands if moved.isdisjoint(operand)]
            if len(others) < len(operands):
                moved.add(step)
                is_product = canonical(window.sweep.steps[step].name) in PRODUCTS
                if is_product and any(recorder.tape.is_of_input(operand) for operand in others):
                    return True
        return False

    def _drawn(self) -> list[int]:
        """Return the steps up to the sink that drew something at random."""
        held = self.trial.window.sweep.machine.held
        return [step for step in {*held.states, *held.dropped, *held.drawn} if step <= self.trial.window.end]

    def _prove_others(self) -> None:
        """Check that no module outside the branch that sees the source moves the sink."""
        others = [call for call in self._others() if self._outputs(call)]
        if not others:
            return
        watched = [step for call in others for step in self._outputs(call)]
        before: dict[int, list[Tensor]] = {step: [] for step in watched}
        after: dict[int, list[Tensor]] = {step: [] for step in watched}
        self._run({}, seen=before)
        self._run(self.disturbed(), seen=after)
        for call in others:
            outputs = self._outputs(call)
            if all(_same(before[step], after[step]) for step in outputs):
                continue
            if self._differs(self._run({}, outputs)):
                raise RefutedError(f"{call.path} moves the sink and is not in the branch")

    def _others(self) -> list[Call]:
        """Return the outermost calls between source and sink that are neither branch nor skip path."""
        claim = self.trial.claim
        known = [self.calls[call] for call in {*claim.branch_calls, *self.beside}]
        taken = {*claim.skip, claim.sink, claim.end}
        found: list[Call] = []
        for call in self.calls:
            if call.first <= claim.source or call.end > claim.sink or call.end <= call.first:
                continue
            if any(one.first < call.end and call.first < one.end for one in (*known, *found)):
                continue
            if not any(call.first <= step < call.end for step in taken):
                found.append(call)
        return found

    def _outputs(self, call: Call) -> tuple[int, ...]:
        window = self.trial.window
        steps = window.sweep.steps
        return tuple(
            [
                step
                for step in call.outputs
                if window.start < step < window.end
                and step in window.sweep.runs
                and _is_real(steps[step].dtype)
            ]
        )

    def _run(
        self,
        uses: dict[tuple[int, int], Change] | None = None,
        outputs: Iterable[int] = (),
        seen: dict[int, list[Tensor]] | None = None,
    ) -> Tensor:
        changes = WindowChanges({**self.silent, **(uses or {})}, dict.fromkeys(outputs, disturb))
        return self.trial.window.run(changes, seen)

    def _moves(self, outputs: Iterable[int]) -> bool:
        """Check whether new outputs move the sink, for another source: equal values hide a query."""
        uses = self.disturbed()
        return differs(self._run(uses, outputs), self._run(uses))

    def _differs(self, tensor: Tensor) -> bool:
        return differs(tensor, self.alone)

    def _still(self, reason: str) -> None:
        """Raise the error for a sink that does not move.

        It is unclear if random or counted values are held, or if a norm over one element makes constants.
        """
        window = self.trial.window
        held = window.sweep.machine.held.values
        if any(_is_constant(window.sweep.steps[step]) for step in range(window.start + 1, window.end)):
            raise UnclearError(f"{reason}: a norm over a single element is constant")
        if self._drawn() or any(window.start < step <= window.end for step in held):
            raise UnclearError(f"{reason} while what was counted or drawn at random is held")
        raise RefutedError(reason)


def disturb(tensor: Tensor) -> Tensor:
    """Return a tensor changed in every element, by about its own size."""
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
    return tensor + (size_of(tensor) or 1.0) * noise


def differs(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors differ by more than rounding."""
    if one.shape != other.shape:
        return True
    limit = 1e-13 * float(other.abs().nan_to_num().max()) if other.numel() else 0.0
    return bool(((one - other).abs() > limit).any())


def _same(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and not any(map(differs, one, other))


def _is_constant(step: Step) -> bool:
    """Return whether it is a LayerNorm over one element, whose result depends on its shift alone."""
    return (
        canonical(step.name) == "layer_norm" and isinstance(step.out, Tensor) and step.out.shape[-1:] == (1,)
    )


def _is_real(dtype: torch.dtype | None) -> bool:
    return dtype is not None and (dtype.is_floating_point or dtype.is_complex)
