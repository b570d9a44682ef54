"""What `init` writes of random networks is proved; and with one mark changed it is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings

from archcheck.commands.run_modes import execution
from archcheck.drafting import Draft, draft
from archcheck.seam.messages import RecordedRun
from archcheck.tracing import record
from benchmarks.spec_mutants import judge
from tests.drafting.test_draft import written
from tests.networks import Network
from tests.strategies import case_of, networks

pytestmark = pytest.mark.slow


def drafted(plan: Network) -> Draft:
    case = case_of(replace(plan, train=False))
    torch.manual_seed(0)
    model, args = case.build().eval(), case.inputs()
    with torch.no_grad():
        recording = record(model, *args)
    run = RecordedRun("eval", recording.dataflow, recording.modules, ())
    return draft(execution(run), {"title": "Random", "model": {"target": "random:network"}})


@settings(deadline=None, derandomize=True, max_examples=60, suppress_health_check=list(HealthCheck))
@given(networks(depth=1))
def test_specs_of_random_networks_conform(plan: Network) -> None:
    code = {"RES007", "RES008", "RES011", "RES012"}  # what is wrong with the network itself
    assert [str(each) for each in drafted(plan).findings if each.code not in code] == []


@pytest.mark.parametrize("name", ["TinyTransformer"])
def test_a_spec_with_one_mark_changed_is_refused(name: str, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(written(name).text, encoding="utf-8")
    changed = list(judge(file))
    unnoticed = [each.mutation.what for each in changed if each.verdict == "conforms"]
    assert (unnoticed, len(changed) > 60) == ([], True)
