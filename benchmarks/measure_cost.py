"""What `archcheck measure` costs: passes (forward and backward) per residual connection, at several depths.

    python -m benchmarks.measure_cost [LAYERS ...]

CPU time in one thread, on minimind-3 of width 64; a pass is the median of five on the model itself.
"""

from __future__ import annotations

import statistics
import sys
import time

import torch

import archcheck
from archcheck.measures.places import place_of
from archcheck.tracing.measurement import Objective, main_output, measure
from reference_models import minimind


def main(depths: list[int]) -> None:
    """Print one row for each depth."""
    torch.set_num_threads(1)
    print("layers  residuals  passes per residual")
    for layers in depths:
        torch.manual_seed(0)
        model = minimind.build(num_hidden_layers=layers, hidden_size=64, vocab_size=64).eval()
        tokens = torch.randint(0, 64, (1, 16))
        one_pass = statistics.median(_pass(model, tokens) for _ in range(5))
        start = time.process_time()
        traced = archcheck.trace(model, tokens)
        places = [place for join in traced.joins if (place := place_of(traced.dataflow.ops, join))]
        measure(traced.graph_module, traced.replay, places, Objective())
        taken = time.process_time() - start
        print(f"{layers:6}  {len(places):9}  {taken / one_pass / len(places):19.1f}", flush=True)


def _pass(model: torch.nn.Module, tokens: torch.Tensor) -> float:
    start = time.process_time()
    output = main_output(model(tokens))
    assert output is not None
    output.sum().backward()
    return time.process_time() - start


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or [10, 20, 40, 80])
