"""Judge a network that was drawn at random; `python -m tests.generated 10000` judges so many."""

from __future__ import annotations

import sys
from typing import Any

import torch
from hypothesis import HealthCheck, given, settings

import archcheck
from tests.examples.case import Case, described, seeded
from tests.networks import Network
from tests.oracle import Oracle
from tests.residual.test_oracle_agrees import disagreements
from tests.strategies import ablatable, case_of, networks


def judge(case: Case, ablate: bool = False) -> None:
    """Assert that the trace replays, that the residuals are the known ones, and that the oracle agrees."""
    output = _run(case, case.model())
    args, kwargs = case.arguments()
    with seeded():
        trace = archcheck.trace(case.model(), *args, **kwargs)
    replayed = _run(case, trace.graph_module)
    assert torch.equal(output, replayed), "the replay differs from the model"
    assert described(trace.residuals, case.expected) == list(case.expected)
    if ablate:
        assert disagreements(trace.residuals, Oracle(case).around()) == []


def _run(case: Case, model: torch.nn.Module) -> Any:
    args, kwargs = case.arguments()
    with seeded():
        return model(*args, **kwargs)


def main(count: int) -> None:
    """Draw and judge `count` networks; one in twenty is ablated too."""
    torch.set_num_threads(1)
    judged = 0

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(networks())
    def run(plan: Network) -> None:
        nonlocal judged
        judged += 1
        ablate = judged % 20 == 0
        judge(case_of(ablatable(plan) if ablate else plan), ablate)
        if judged % 500 == 0:
            print(f"{judged} networks judged", flush=True)

    run()
    print(f"{judged} networks judged, no disagreement")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
