"""A worker says the same in the judge's process, in a fresh one and in a forked one."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcheck.commands.run_modes import execution, in_this_process
from archcheck.commands.workers import Workers, shared_workers
from archcheck.seam.messages import RecordedRun, Request, RunMode, Worker

ROOT = Path(__file__).parents[2]
INPUTS = {"input_ids": {"shape": [1, 16], "dtype": "int64", "high": 64}}
SMALL = {"num_hidden_layers": 2, "hidden_size": 32, "vocab_size": 64}
REQUESTS = {
    "dense": Request("reference_models.minimind:build", SMALL, INPUTS, search=(str(ROOT),)),
    "experts, in two modes": Request(
        "reference_models.minimind:build",
        SMALL | {"use_moe": True},
        INPUTS,
        (RunMode("eval"), RunMode("train", train=True, arguments={"num_hidden_layers": 1})),
        search=(str(ROOT),),
    ),
    "torch's own layer, guessed inputs": Request(
        "torch.nn:TransformerEncoderLayer", {"d_model": 8, "nhead": 2}, search=(str(ROOT),)
    ),
}


def answers(worker: Worker, request: Request) -> tuple[list[RecordedRun], list[str]]:
    """What it says to both questions."""
    runs = worker.run(request, lambda _: None)
    joins = [execution(run).joins for run in runs]
    assert any(joins)
    return runs, worker.prove(joins, lambda _: None)


@pytest.fixture(params=["forked", pytest.param("fresh", marks=pytest.mark.slow)])
def elsewhere(request: pytest.FixtureRequest) -> Workers:
    return shared_workers() if request.param == "forked" else Workers(fork=False)


@pytest.mark.parametrize("name", REQUESTS)
def test_the_data_is_the_same_wherever_the_model_runs(name: str, elsewhere: Workers) -> None:
    with in_this_process() as here, elsewhere.worker() as there:
        assert answers(there, REQUESTS[name]) == answers(here, REQUESTS[name])
