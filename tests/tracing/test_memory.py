"""The tape keeps no activation, and still knows each tensor from all others."""

from __future__ import annotations

import gc
import weakref

import torch
from torch import Tensor, nn

import archcheck


class Deep(nn.Module):
    """Makes and drops many tensors of one size, whose ids Python uses again."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[weakref.ref[Tensor]] = []

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(50):
            first, second = (x * 2).chunk(2)
            x = torch.cat([first.relu(), second]) + 1
            self.made += map(weakref.ref, (first, second, x))
        return x


def test_what_the_model_drops_is_freed() -> None:
    model = Deep()
    with torch.no_grad():
        trace = archcheck.trace(model, torch.ones(4, 4))
    gc.collect()
    living = [tensor for ref in model.made if (tensor := ref()) is not None]
    assert len(living) == 1
    assert living[0] is trace.output


def test_ids_that_python_uses_again_name_the_right_step() -> None:
    with torch.no_grad():
        trace = archcheck.trace(Deep(), torch.ones(4, 4))
    ops = trace.dataflow.ops
    reads = [(op.name, [read[0] for read in op.operands]) for op in ops]
    expected: list[tuple[str, list[int]]] = [("input", [])]
    for start in range(1, 50 * 7, 7):
        expected += [
            ("mul", [start - 1]),
            ("chunk", [start]),
            ("getitem", [start + 1]),
            ("getitem", [start + 1]),
            ("relu", [start + 2]),
            ("cat", [start + 4, start + 3]),
            ("add", [start + 5]),
        ]
    assert reads == expected
    assert torch.equal(trace.replay(), trace.output)


def test_constants_keep_their_values() -> None:
    class Masked(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.masked_fill(torch.ones(4, 4).triu(1).bool(), 0.0)

    with torch.no_grad():
        trace = archcheck.trace(Masked(), torch.ones(4, 4))
    steps = {step.name: step for step in trace.recording.recorder.tape.steps}
    assert steps["bool"].out.tolist() == torch.ones(4, 4).triu(1).bool().tolist()
    assert steps["masked_fill"].out.is_meta
